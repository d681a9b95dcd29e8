/* Files of the time zone database. */
#include <stdlib.h>

#include "lib/base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_zone *zone;
    int64_t at = -86400000;

    if (nvr_zone_parse(data, size, &zone) < 0)
        return 0;
    for (int i = 0; i < 64; i++) {
        const int64_t next = nvr_zone_next_change_ms(zone, at);

        if (next <= at ||
            (next != INT64_MAX && nvr_zone_offset_ms(zone, next) == nvr_zone_offset_ms(zone, at)))
            abort();
        if (next == INT64_MAX)
            break;
        at = next;
    }
    nvr_zone_free(zone);
    return 0;
}
