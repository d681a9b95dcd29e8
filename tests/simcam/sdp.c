/* sdp.c — one track's part of the session description. */
#include <libavutil/base64.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "tests/simcam/simcam.h"

static void describe_h264(struct sim_track *track, int index, char base64[][512])
{
    const uint8_t *sps = track->set_count ? track->sets[0].data : (const uint8_t *)"\0\0\0\0";

    (void)nvr_fmt(track->sdp_bare, sizeof(track->sdp_bare),
                  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                  "a=fmtp:96 packetization-mode=1\r\na=control:trackID=%d\r\n",
                  index);
    (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                  "a=fmtp:96 packetization-mode=1;profile-level-id=%02X%02X%02X;"
                  "sprop-parameter-sets=%s,%s\r\na=control:trackID=%d\r\n",
                  sps[1], sps[2], sps[3], base64[0], base64[1], index);
}

static void describe_hevc(struct sim_track *track, int index, char base64[][512])
{
    (void)nvr_fmt(track->sdp_bare, sizeof(track->sdp_bare),
                  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:trackID=%d\r\n",
                  index);
    (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                  "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n"
                  "a=fmtp:96 sprop-vps=%s;sprop-sps=%s;sprop-pps=%s\r\na=control:trackID=%d\r\n",
                  base64[0], base64[1], base64[2], index);
}

static void describe_aac(struct sim_track *track, int index, const struct AVCodecParameters *par)
{
    char hex[128] = "";

    for (int i = 0; i < par->extradata_size && i < 60; i++)
        (void)nvr_fmt(hex + i * 2, 3, "%02X", par->extradata[i]);
    (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                  "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/%d/%d\r\n"
                  "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;"
                  "indexlength=3;indexdeltalength=3;config=%s\r\na=control:trackID=%d\r\n",
                  track->rate, track->channels, hex, index);
}

void sim_track_describe(struct sim_track *track, int index, const struct AVCodecParameters *par)
{
    char base64[SIM_PARAMETER_SETS_MAX][512] = {""};

    for (int i = 0; i < track->set_count; i++)
        (void)av_base64_encode(base64[i], sizeof(base64[i]), track->sets[i].data,
                               (int)track->sets[i].len);
    switch (track->codec) {
    case AV_CODEC_ID_H264:
        describe_h264(track, index, base64);
        return;
    case AV_CODEC_ID_HEVC:
        describe_hevc(track, index, base64);
        return;
    case AV_CODEC_ID_AAC:
        describe_aac(track, index, par);
        break;
    case AV_CODEC_ID_OPUS:
        (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                      "m=audio 0 RTP/AVP 98\r\na=rtpmap:98 opus/48000/2\r\n"
                      "a=fmtp:98 sprop-stereo=%d\r\na=control:trackID=%d\r\n",
                      track->channels > 1, index);
        break;
    case AV_CODEC_ID_MJPEG:
        (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                      "m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\na=control:trackID=%d\r\n",
                      index);
        break;
    default:
        (void)nvr_fmt(track->sdp, sizeof(track->sdp),
                      "m=audio 0 RTP/AVP %d\r\na=rtpmap:%d %s/8000\r\na=control:trackID=%d\r\n",
                      track->payload_type, track->payload_type,
                      track->codec == AV_CODEC_ID_PCM_ALAW ? "PCMA" : "PCMU", index);
    }
    (void)nvr_fmt(track->sdp_bare, sizeof(track->sdp_bare), "%s", track->sdp);
}
