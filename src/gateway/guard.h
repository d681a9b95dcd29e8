/* guard.h — who may talk to us while there are no accounts: Host against DNS rebinding, Origin
 * against foreign pages. Pure. */
#ifndef NVR_GATEWAY_GUARD_H
#define NVR_GATEWAY_GUARD_H

#include <stdbool.h>

/* listen_host: the numeric address that we listen on. Loopback: only loopback names and addresses
 * are allowed. Another: also that address; a wildcard: any address literal and this machine's
 * name. A foreign site cannot make its own name resolve to us and read the answer. */
bool nvr_guard_host(const char *host_header, const char *listen_host);
/* Origin is absent (NULL or ""), or names the same host and port as Host. */
bool nvr_guard_origin(const char *origin_header, const char *host_header);
bool nvr_guard_is_loopback(const char *address);

#endif
