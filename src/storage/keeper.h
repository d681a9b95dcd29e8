/* keeper.h — the core's side of role keeper (src/media/keeper.h): who is called when, and what it
 * may touch. It runs only while there is a place besides the recordings folder. */
#ifndef NVR_STORAGE_KEEPER_H
#define NVR_STORAGE_KEEPER_H

#include <stdbool.h>

#include "lib/base/json.h"
#include "src/storage/private.h"

#define KEEPER_CALLS_MAX 128
#define KEEPER_READY_MS 10000 /* so long a call waits for the process */

struct keeper;

struct keeper_reply {
    int error; /* 0 or -errno: -ENOENT gone, -ENODEV missing disk, -EACCES, -ETIMEDOUT … */
    const char *words;    /* why, for people; never NULL */
    const json_t *result; /* NULL with an error */
    int fd;               /* of a fetch; -1: none. The receiver's */
};
typedef void (*keeper_done)(const struct keeper_reply *reply, void *arg);

NVR_CHECK int keeper_new(struct nvr_storage *storage, struct keeper **ret_keeper);
void keeper_stop(struct keeper *keeper); /* calls are answered by -ECANCELED */
void keeper_free(struct keeper *keeper); /* NULL: no-op */
bool keeper_is_idle(const struct keeper *keeper);

/* What it may touch and knows: a new process when that changed. NULL: nothing, it ends. */
void keeper_set_up_take(struct keeper *keeper, json_t *setup);
/* The sandbox knows folders by what stood there when the process began: a disk that was mounted
 * since needs a new one. Only when nothing is under way. */
void keeper_renew(struct keeper *keeper);
/* done runs once, later, from the loop. params: stolen reference; timeout_ms is put into it. */
void keeper_call_take(struct keeper *keeper, const char *method, json_t *params,
                      unsigned timeout_ms, keeper_done done, void *arg);

#endif
