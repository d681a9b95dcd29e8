/* xml.h — the XML that an object store answers: errors and listings. Pure; foreign bytes.
 *
 * Refused: document types (no entities of their own), more than NVR_S3_XML_DEPTH_MAX levels. Text
 * longer than its field is an error in a key and cut off in words for people. */
#ifndef NVR_S3_XML_H
#define NVR_S3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_S3_BODY_MAX ((size_t)4 * 1024 * 1024)
#define NVR_S3_XML_DEPTH_MAX 8
#define NVR_S3_KEY_SIZE 1025

struct nvr_s3_fault {
    char code[64];     /* "NoSuchBucket"; "" when the body does not say */
    char message[160]; /* the store's own words, printable */
};
/* Never fails: what is not there stays "". */
void nvr_s3_parse_fault(const void *data, size_t size, struct nvr_s3_fault *ret_fault);

/* visit returns 0 to go on, -errno. */
typedef int (*nvr_s3_visit)(const char *key, int64_t size, void *arg);
/* ListObjectsV2. token: what the next page begins with, "" when this is the last. 0, -EPROTO, or
 * visit's error. */
NVR_CHECK int nvr_s3_parse_list(const void *data, size_t size, nvr_s3_visit visit, void *arg,
                                char token[NVR_S3_KEY_SIZE]);

#endif
