/* file_reply.h — a file as the answer: ranges, entity tags, reading without stalling the loop.
 *
 * Bytes in the page cache are read on the loop (RWF_NOWAIT); what has to come from the disk is read
 * ahead in libuv's pool. */
#ifndef NVR_GATEWAY_FILE_REPLY_H
#define NVR_GATEWAY_FILE_REPLY_H

#include "src/gateway/http.h"

/* The file's bytes as they are sent, made of other bytes. Pool thread; one call at a time. */
struct nvr_file_filter {
    /* ≤ max bytes at offset into dst: > 0, 0 at the end, -errno. */
    ssize_t (*read_at)(void *arg, int fd, uint8_t *dst, size_t max, int64_t offset);
    void (*free)(void *arg);
    void *arg;
};

struct nvr_file_reply {
    const char *type;
    const char *etag;                     /* quoted; NULL: none */
    const char *cache_control;            /* NULL: no-store */
    const struct nvr_file_filter *filter; /* NULL: bytes as they are. Taken */
};

/* Takes fd. size: length of the whole answer. */
void nvr_http_reply_file_take(struct nvr_http_request *request, int fd, int64_t size,
                              const struct nvr_file_reply *how);

#endif
