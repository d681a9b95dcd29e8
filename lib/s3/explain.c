/* Codes of object stores in words. */
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/s3/client.h"

static const struct {
    const char *code;
    int error;
    const char *words;
} meanings[] = {
    {"InvalidAccessKeyId", -EACCES, "The store does not know this access key."},
    {"SignatureDoesNotMatch", -EACCES, "The secret key (or the region) is wrong."},
    {"AuthorizationHeaderMalformed", -EACCES, "The region is wrong."},
    {"AccessDenied", -EACCES, "The store refuses: the account may not do this in the bucket."},
    {"RequestTimeTooSkewed", -EACCES,
     "This machine's clock differs too much from the store's: check the time here and there."},
    {"NoSuchBucket", -ENODEV, "There is no such bucket."},
    {"NoSuchKey", -ENOENT, "The file is not in the bucket."},
    {"PermanentRedirect", -EPROTO, "The bucket lives at another endpoint or region."},
    {"TemporaryRedirect", -EPROTO, "The bucket lives at another endpoint or region."},
    {"BadDigest", -EBADMSG, "The store received other bytes than were sent."},
    {"XAmzContentSHA256Mismatch", -EBADMSG, "The store received other bytes than were sent."},
    {"XAmzContentChecksumMismatch", -EBADMSG, "The store received other bytes than were sent."},
    {"IncompleteBody", -EIO, "The connection broke while a file was sent."},
    {"SlowDown", -EIO, "The store asks for fewer requests."},
    {"QuotaExceeded", -ENOSPC, "The bucket is full (quota)."},
    {"XMinioStorageFull", -ENOSPC, "The store's disk is full."},
};

int nvr_s3_explain(long status, const struct nvr_s3_fault *fault, struct nvr_s3_problem *problem)
{
    if (status >= 200 && status < 300)
        return 0;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(meanings); i++) {
        if (strcmp(fault->code, meanings[i].code) != 0)
            continue;
        (void)nvr_fmt(problem->words, sizeof(problem->words), "%s", meanings[i].words);
        return meanings[i].error;
    }
    if (fault->code[0] != '\0')
        (void)nvr_fmt(problem->words, sizeof(problem->words), "The store answers %s: %s (%ld).",
                      fault->code, fault->message, status);
    else if (status >= 300 && status < 400)
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "The store sends elsewhere (%ld), which is not followed: check the endpoint.",
                      status);
    else
        (void)nvr_fmt(problem->words, sizeof(problem->words), "The store answers %ld.", status);
    if (status == 401 || status == 403)
        return -EACCES;
    if (status == 404)
        return -ENOENT;
    if (status == 507)
        return -ENOSPC;
    return status >= 300 && status < 400 ? -EPROTO : -EIO;
}
