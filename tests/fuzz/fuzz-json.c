/* JSON bodies and RPC lines. */
#include <stdint.h>

#include "lib/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NVR_AUTO_JSON value = NULL;
    char reason[160];

    (void)!nvr_json_parse((const char *)data, size, &value, reason, sizeof(reason));
    return 0;
}
