/* post.h — run a function on the loop's thread, from any thread (style: "cross by post"). */
#ifndef NVR_IPC_POST_H
#define NVR_IPC_POST_H

#include <uv.h>

#include "lib/base/macros.h"

struct nvr_post;

NVR_CHECK int nvr_post_new(uv_loop_t *loop, struct nvr_post **ret_post);
/* From any thread, in order. After nvr_post_free() began: -ECANCELED and fn never runs. */
NVR_CHECK int nvr_post_send(struct nvr_post *post, void (*fn)(void *arg), void *arg);
/* On the loop's thread; what is queued still runs before it returns. NULL: no-op. */
void nvr_post_free(struct nvr_post *post);

#endif
