/* outbox.h — finished segments on their way to the core: each is kept and sent again until it is
 * acknowledged. Beyond NVR_OUTBOX_MAX the oldest go; reconciliation finds their files. */
#ifndef NVR_CAMERA_OUTBOX_H
#define NVR_CAMERA_OUTBOX_H

#include <stdbool.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/ipc/child.h"

#define NVR_OUTBOX_MAX 1000

struct nvr_outbox;

/* child is borrowed. */
NVR_CHECK int nvr_outbox_new(struct nvr_child *child, struct nvr_outbox **ret_outbox);
/* Takes params; NULL (out of memory): counted as lost. */
void nvr_outbox_add(struct nvr_outbox *outbox, json_t *params);
/* Send what waits again. */
void nvr_outbox_retry(struct nvr_outbox *outbox);
bool nvr_outbox_is_empty(const struct nvr_outbox *outbox);

#endif
