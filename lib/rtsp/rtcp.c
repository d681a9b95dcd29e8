#include "lib/rtsp/rtcp.h"

#include <errno.h>
#include <string.h>

#include "lib/rtsp/rtp.h"

enum {
    TYPE_SR = 200,
    TYPE_RR = 201,
    TYPE_SDES = 202,
    TYPE_BYE = 203,
};

#define NTP_UNIX_SECONDS 2208988800LL /* 1900 → 1970 */
#define PACKETS_MAX 32

int nvr_rtcp_parse(const uint8_t *data, size_t size, struct nvr_rtcp_info *ret_info)
{
    *ret_info = (struct nvr_rtcp_info){.has_sr = false};
    for (unsigned i = 0; i < PACKETS_MAX && size >= 4; i++) {
        const size_t length = ((size_t)nvr_get16(data + 2) + 1) * 4;

        if (data[0] >> 6 != 2 || length > size)
            return -EPROTO;
        if (data[1] == TYPE_SR && length >= 28) {
            const int64_t seconds = nvr_get32(data + 8);
            const uint32_t fraction = nvr_get32(data + 12);

            ret_info->has_sr = true;
            ret_info->ssrc = nvr_get32(data + 4);
            ret_info->rtp_time = nvr_get32(data + 16);
            ret_info->ntp_middle = nvr_get32(data + 10);
            ret_info->wall_us = (seconds - NTP_UNIX_SECONDS) * 1000000 +
                                (int64_t)(((uint64_t)fraction * 1000000) >> 32);
        } else if (data[1] == TYPE_BYE) {
            ret_info->has_bye = true;
            ret_info->bye_ssrc = length >= 8 && (data[0] & 0x1f) ? nvr_get32(data + 4) : 0;
        }
        data += length;
        size -= length;
    }
    return size == 0 ? 0 : -EPROTO;
}

size_t nvr_rtcp_build_report(const struct nvr_rtcp_report *report, uint8_t dst[NVR_RTCP_REPORT_MAX])
{
    static const char cname[] = "heron";
    const size_t rr_size = report->has_source ? 32 : 8;
    const size_t sdes_size = 4 + 4 + ((2 + sizeof(cname) - 1 + 1 + 3) & ~(size_t)3);
    uint8_t *sdes = dst + rr_size;

    memset(dst, 0, NVR_RTCP_REPORT_MAX);
    dst[0] = report->has_source ? 0x81 : 0x80;
    dst[1] = TYPE_RR;
    nvr_put16(dst + 2, (uint32_t)(rr_size / 4 - 1));
    nvr_put32(dst + 4, report->own_ssrc);
    if (report->has_source) {
        nvr_put32(dst + 8, report->source_ssrc);
        nvr_put32(dst + 12, (uint32_t)report->fraction_lost << 24 | (report->lost & 0xffffffu));
        nvr_put32(dst + 16, report->highest_sequence);
        nvr_put32(dst + 20, report->jitter);
        nvr_put32(dst + 24, report->last_sr);
        nvr_put32(dst + 28, report->delay);
    }
    sdes[0] = 0x81;
    sdes[1] = TYPE_SDES;
    nvr_put16(sdes + 2, (uint32_t)(sdes_size / 4 - 1));
    nvr_put32(sdes + 4, report->own_ssrc);
    sdes[8] = 1; /* CNAME */
    sdes[9] = sizeof(cname) - 1;
    memcpy(sdes + 10, cname, sizeof(cname) - 1);
    return rr_size + sdes_size;
}
