/* WWW-Authenticate of a hostile server, and the answers to it. */
#include <stdlib.h>
#include <string.h>

#include "lib/rtsp/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct nvr_rtsp_credentials CREDENTIALS = {.username = "us\"er",
                                                            .password = "secret",
                                                            .method = "DESCRIBE",
                                                            .uri = "rtsp://h/a",
                                                            .cnonce = "0123456789abcdef",
                                                            .count = 1};
    const struct nvr_str value = {(const char *)data, size};

    for (int type = NVR_RTSP_AUTH_AUTO; type <= NVR_RTSP_AUTH_DIGEST; type++) {
        struct nvr_rtsp_challenge challenge;
        struct nvr_buf buf;

        if (nvr_rtsp_challenge_parse(value, (enum nvr_rtsp_auth)type, &challenge) < 0)
            continue;
        nvr_buf_init(&buf, 8192);
        if (nvr_rtsp_authorize(&challenge, &CREDENTIALS, &buf) < 0 || buf.len < 2 ||
            memchr(buf.data, '\n', buf.len) != buf.data + buf.len - 1)
            abort(); /* one line, no other headers smuggled in */
        nvr_buf_done(&buf);
    }
    return 0;
}
