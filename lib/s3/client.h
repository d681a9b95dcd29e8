/* client.h — objects of an S3-compatible store: put, get, head, delete, list. Blocking.
 *
 * Every request is signed (sign.h), TLS certificates are verified, redirects and proxies are not
 * followed. What is written is hashed by both sides.
 * Threads:   a client belongs to one thread at a time; nvr_s3_init() once before threads start.
 * Deadlines: NVR_S3_CONNECT_MS to connect, NVR_S3_SLOW_SECONDS below NVR_S3_SLOW_BYTES a second,
 *            and options->timeout_ms for the whole request. */
#ifndef NVR_S3_CLIENT_H
#define NVR_S3_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/s3/xml.h"

#define NVR_S3_CONNECT_MS 10000
#define NVR_S3_SLOW_BYTES 4096
#define NVR_S3_SLOW_SECONDS 20
#define NVR_S3_SHA256_HEX_SIZE 65

struct nvr_s3;

/* Borrowed texts are copied. */
struct nvr_s3_options {
    const char *endpoint; /* http[s]://host[:port] */
    const char *region, *bucket;
    const char *prefix; /* of every key; "" or without slashes at its ends */
    const char *access_key, *secret_key;
    bool path_style;
};

/* Why something failed, for people: "The store does not know this access key." */
struct nvr_s3_problem {
    char words[256];
};

NVR_CHECK int nvr_s3_init(void);
/* -EINVAL: not an endpoint. */
NVR_CHECK int nvr_s3_new(const struct nvr_s3_options *options, struct nvr_s3 **ret_s3);
void nvr_s3_free(struct nvr_s3 *s3); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_s3, nvr_s3_free);
/* For the requests from now on; cancel (may be NULL, borrowed): they end soon once it is true.
 * bytes_per_second: 0 none. */
void nvr_s3_set_limits(struct nvr_s3 *s3, unsigned timeout_ms, const atomic_bool *cancel,
                       int64_t bytes_per_second);

/* All: 0; -ENOENT (no such object), -ENODEV (no such bucket), -EACCES (keys, rights, clock),
 * -ETIMEDOUT (slow), -ECANCELED, -EBADMSG (other bytes than expected), -EPROTO (the store answers
 * nonsense or elsewhere), -ENOSPC, -EIO (everything else). problem is filled then. key: below the
 * prefix, a safe relative path. */

/* Size bytes of fd from its beginning. *ret_checked: the store confirmed the SHA-256 (otherwise
 * read it back). */
NVR_CHECK int nvr_s3_put(struct nvr_s3 *s3, const char *key, int fd, int64_t size,
                         const char sha256[NVR_S3_SHA256_HEX_SIZE], bool *ret_checked,
                         struct nvr_s3_problem *problem);
/* Bytes [offset, offset + length) (length 0: to the end) into fd at its offset; fd -1: only hashed.
 * sha256: of what came; NULL: not wanted. */
NVR_CHECK int nvr_s3_get(struct nvr_s3 *s3, const char *key, int64_t offset, int64_t length, int fd,
                         int64_t *ret_size, char sha256[NVR_S3_SHA256_HEX_SIZE],
                         struct nvr_s3_problem *problem);
NVR_CHECK int nvr_s3_head(struct nvr_s3 *s3, const char *key, int64_t *ret_size,
                          struct nvr_s3_problem *problem);
/* Also 0 when there is none. */
NVR_CHECK int nvr_s3_delete(struct nvr_s3 *s3, const char *key, struct nvr_s3_problem *problem);
/* One page of at most `limit` keys (with the prefix) that begin with prefix + folder, from token on
 * ("" first). */
NVR_CHECK int nvr_s3_list(struct nvr_s3 *s3, const char *folder, unsigned limit, nvr_s3_visit visit,
                          void *arg, char token[NVR_S3_KEY_SIZE], struct nvr_s3_problem *problem);

/* What a status and the store's code mean: -errno and words. Pure. */
NVR_CHECK int nvr_s3_explain(long status, const struct nvr_s3_fault *fault,
                             struct nvr_s3_problem *problem);

#endif
