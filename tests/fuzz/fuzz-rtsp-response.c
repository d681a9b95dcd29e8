/* What an RTSP server answers: head, headers, session, transport, control URLs. */
#include <stdlib.h>

#include "lib/rtsp/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nvr_rtsp_message message;
    struct nvr_rtsp_transport_reply transport;
    uint32_t timeout_s = 60;
    struct nvr_str id;
    char url[256];
    int r = nvr_rtsp_message_parse(data, size, &message);

    if (r == 0 || (r > 0 && (size_t)r > size))
        abort();
    if (r < 0)
        return 0;
    id = nvr_rtsp_parse_session(nvr_rtsp_message_get(&message, NVR_STR("Session")), &timeout_s);
    if (id.n > size || timeout_s == 0)
        abort();
    if (nvr_rtsp_parse_transport(nvr_rtsp_message_get(&message, NVR_STR("Transport")),
                                 &transport) == 0 &&
        transport.has_interleaved && !transport.tcp)
        abort();
    r = nvr_rtsp_resolve(nvr_rtsp_message_get(&message, NVR_STR("Content-Base")),
                         nvr_rtsp_message_get(&message, NVR_STR("Location")), url, sizeof(url));
    if (r == 0 && !nvr_rtsp_is_word(url))
        abort();
    return 0;
}
