/* What a client of /ws says, a request a line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/buf.h"
#include "src/gateway/events_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_str rest = {(const char *)data, size};
    struct nvr_events_topics topics = {.count = 0};

    while (rest.n) {
        const struct nvr_str line = nvr_str_cut(&rest, '\n');
        const struct nvr_events_topics before = topics;
        const char *reason = NULL;

        if (nvr_events_request(&topics, line.p, line.n, &reason) < 0) {
            assert(reason && memcmp(&before, &topics, sizeof(topics)) == 0);
            continue;
        }
        assert(topics.count <= NVR_EVENTS_PATTERNS_MAX);
        for (size_t i = 0; i < topics.count; i++) {
            assert(nvr_bus_pattern_is_valid(topics.patterns[i]));
            for (size_t j = 0; j < i; j++)
                assert(strcmp(topics.patterns[i], topics.patterns[j]) != 0);
        }
        (void)nvr_events_wants(&topics, "recording.gap");
    }
    return 0;
}
