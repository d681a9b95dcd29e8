/* What an object store answers. */
#include <stdint.h>
#include <string.h>

#include "lib/s3/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visit(const char *key, int64_t size, void *arg)
{
    (void)arg;
    return key[0] != '\0' && size >= 0 ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_s3_fault fault;
    char token[NVR_S3_KEY_SIZE];

    nvr_s3_parse_fault(data, size, &fault);
    (void)!nvr_s3_parse_list(data, size, visit, NULL, token);
    return 0;
}
