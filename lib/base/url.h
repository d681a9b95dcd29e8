/* url.h — the URLs of cameras (RFC 3986, the subset that cameras use). */
#ifndef NVR_BASE_URL_H
#define NVR_BASE_URL_H

#include <stddef.h>

#include "lib/base/macros.h"

#define NVR_URL_MAX 1024

/* Percent-decoded where marked; empty strings where absent. */
struct nvr_url {
    char scheme[16];        /* lower case */
    char user[256];         /* decoded */
    char password[256];     /* decoded */
    char host[256];         /* IPv6 without brackets */
    int port;               /* -1: none given */
    char path[NVR_URL_MAX]; /* from the first '/', with query; as given. file: the decoded path */
};

/* 0, -EINVAL (not a URL), -EMSGSIZE (a part is too long). Control characters and blanks are
 * refused. */
NVR_CHECK int nvr_url_parse(const char *text, struct nvr_url *ret_url);
/* Default port of a scheme we know, else -1. */
int nvr_url_default_port(const char *scheme);
/* scheme://host[:port]path without credentials. 0 or -EMSGSIZE. */
NVR_CHECK int nvr_url_format_public(const struct nvr_url *url, char *dst, size_t dst_size);

#endif
