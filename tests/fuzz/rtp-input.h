/* rtp-input.h — a fuzz input as a run of RTP packets, each behind two bytes of length, through a
 * receiver. */
#ifndef NVR_FUZZ_RTP_INPUT_H
#define NVR_FUZZ_RTP_INPUT_H

#include <stdlib.h>
#include <string.h>

#include "lib/rtsp/receiver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_on_frame(void *arg, const struct nvr_rtsp_frame *frame)
{
    uint8_t *sum = arg;

    if (frame->size == 0 || frame->size > NVR_RTSP_FRAME_MAX)
        abort();
    for (size_t i = 0; i < frame->size; i++) /* every byte must be there */
        *sum ^= frame->data[i];
    for (size_t i = 0; i < NVR_RTSP_PADDING; i++) {
        if (frame->data[frame->size + i] != 0)
            abort();
    }
}

static inline void fuzz_rtp(const struct nvr_depay_options *options, const uint8_t *data,
                            size_t size)
{
    struct nvr_rtp_receiver receiver;
    uint8_t sum = 0;

    nvr_rtp_receiver_init(&receiver, 0, 96, 90000, options, fuzz_on_frame, &sum);
    while (size >= 2) {
        const size_t length = NVR_MIN((size_t)nvr_get16(data), size - 2);
        /* A block of its own, so that a read past the packet is seen. */
        uint8_t *packet = malloc(length ? length : 1);

        if (!packet)
            break;
        memcpy(packet, data + 2, length);
        (void)nvr_rtp_receiver_push(&receiver, packet, length, 1000000);
        free(packet);
        data += 2 + length;
        size -= 2 + length;
    }
    nvr_rtp_receiver_done(&receiver);
}

#endif
