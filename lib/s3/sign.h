/* sign.h — AWS Signature Version 4 for S3. Pure.
 *
 * Not libcurl's: that of 7.88 signs unsorted queries and some letters wrongly, and takes no time to
 * be tested with. */
#ifndef NVR_S3_SIGN_H
#define NVR_S3_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

#define NVR_S3_DATE_SIZE 17 /* "20130524T000000Z" */
#define NVR_S3_AUTHORIZATION_SIZE 768
#define NVR_S3_CANONICAL_MAX ((size_t)16 * 1024)
#define NVR_S3_EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct nvr_s3_pair {
    const char *name, *value;
};

struct nvr_s3_signing {
    const char *method; /* "GET" */
    const char *path;   /* as it is sent: encoded, from '/' on */
    const char *query;  /* as it is sent: sorted, encoded, "name=value" joined by &; "" */
    /* Signed headers by lower-case name, sorted; host, x-amz-content-sha256 and x-amz-date are
     * among them. */
    const struct nvr_s3_pair *headers;
    size_t headers_count;
    const char *payload_sha256; /* hex */
    const char *region, *access_key, *secret_key;
    int64_t time_ms;
};

void nvr_s3_date(int64_t time_ms, char dst[NVR_S3_DATE_SIZE]);
/* The value of the header Authorization. 0, -EMSGSIZE, -ENOMEM. */
NVR_CHECK int nvr_s3_sign(const struct nvr_s3_signing *signing,
                          char dst[NVR_S3_AUTHORIZATION_SIZE]);
/* Appends text with everything but unreserved letters encoded; slashes stay in a path. */
void nvr_s3_encode(struct nvr_buf *buf, const char *text, bool is_path);

#endif
