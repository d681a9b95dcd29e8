/* rtcp.h — sender reports and BYE in, receiver reports out (RFC 3550 §6). Pure. */
#ifndef NVR_RTSP_RTCP_H
#define NVR_RTSP_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_RTCP_REPORT_MAX 128 /* bytes nvr_rtcp_build_report() writes at most */

struct nvr_rtcp_info {
    bool has_sr, has_bye;
    uint32_t ssrc;     /* of the sender report */
    uint32_t bye_ssrc; /* 0: it named none */
    uint32_t rtp_time;
    uint32_t ntp_middle; /* middle 32 bits of the NTP time stamp, for LSR */
    int64_t wall_us;     /* NTP time as µs since 1970 */
};

/* A compound packet; the last report counts. 0, or -EPROTO (what came before the fault is set). */
NVR_CHECK int nvr_rtcp_parse(const uint8_t *data, size_t size, struct nvr_rtcp_info *ret_info);

struct nvr_rtcp_report {
    uint32_t own_ssrc;
    uint32_t source_ssrc;
    bool has_source; /* else an empty report */
    uint8_t fraction_lost;
    uint32_t lost; /* 24 bits */
    uint32_t highest_sequence, jitter, last_sr, delay;
};

/* RR + SDES CNAME; bytes written. */
size_t nvr_rtcp_build_report(const struct nvr_rtcp_report *report,
                             uint8_t dst[NVR_RTCP_REPORT_MAX]);

#endif
