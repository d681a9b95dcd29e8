/* RTCP from a hostile camera, and the reports made from it. */
#include <stdlib.h>
#include <string.h>

#include "lib/rtsp/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *arg, const struct nvr_rtsp_frame *frame)
{
    (void)arg;
    (void)frame;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t PACKET[14] = {0x80, 0xe0, 0, 1, [12] = 0x41, [13] = 0x9a};
    const struct nvr_depay_options options = {.codec = NVR_CODEC_H264};
    uint8_t report[NVR_RTCP_REPORT_MAX];
    struct nvr_rtp_receiver receiver;
    struct nvr_rtcp_info info;

    nvr_rtp_receiver_init(&receiver, 0, 96, 90000, &options, ignore, NULL);
    (void)nvr_rtp_receiver_push_rtcp(&receiver, data, size, 1000000);
    (void)nvr_rtp_receiver_push(&receiver, PACKET, sizeof(PACKET), 2000000);
    size = nvr_rtp_receiver_report(&receiver, 1, 3000000, report);
    if (size > sizeof(report) || nvr_rtcp_parse(report, size, &info) < 0)
        abort(); /* what we write we can read */
    nvr_rtp_receiver_done(&receiver);
    return 0;
}
