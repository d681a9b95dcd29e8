/* Role probe: looks at one address once and tells what is there, with a picture. Always answers
 * within its deadline. */
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "src/camera/config.h"
#include "src/camera/params.h"
#include "src/camera/source.h"
#include "src/camera/worker.h"
#include "src/media/picture.h"

NVR_LOG_TOPIC("probe");

#define DEADLINE_MS 9000
#define ATTEMPT_MS 8000
#define PICTURE_WIDTH 640
#define PICTURE_QUALITY 75
#define FPS_FRAMES_MIN 3
#define FPS_WAIT_MS 1500 /* for a picture's neighbours, when nobody told the frame rate */

struct probe {
    struct nvr_child *child;
    int64_t id; /* of the call; -1: none */
    struct nvr_source_address address;
    struct nvr_source *source;
    uv_timer_t deadline, soon;
    int64_t begin_ms;
    bool libav, flipped;
    struct nvr_trouble own_trouble; /* what our client said before libavformat tried */

    bool have_tracks;
    struct nvr_source_tracks tracks; /* its pointers are not valid later */
    struct nvr_params config;
    struct nvr_params params; /* in force; size 0: none */
    struct nvr_units units;
    uint32_t width, height;
    int64_t first_pts, last_pts; /* to measure the frame rate */
    unsigned frames;             /* whole ones */
    bool undecodable;            /* a key frame came that is no picture */
    int jpeg_fd;
    bool picture_done;
};

static void connect_now(struct probe *p);

/* ---- answers ---- */

static void finish(struct probe *p)
{
    nvr_source_close(p->source);
    p->source = NULL;
    p->id = -1;
    nvr_child_end(p->child, 0);
}

static void answer_trouble(struct probe *p, const struct nvr_trouble *trouble)
{
    nvr_child_refuse(p->child, p->id, nvr_trouble_name(trouble->code), trouble->text);
    finish(p);
}

static double fps_of(const struct probe *p)
{
    if (p->params.size && p->params.sps.fps > 0)
        return p->params.sps.fps;
    if (p->tracks.fps > 0)
        return p->tracks.fps;
    if (p->frames >= FPS_FRAMES_MIN && p->last_pts > p->first_pts)
        return (p->frames - 1) * (double)NVR_VIDEO_TIMESCALE / (double)(p->last_pts - p->first_pts);
    return 0;
}

static json_t *video_to_json(const struct probe *p)
{
    const enum nvr_codec codec = p->tracks.video;
    const double fps = fps_of(p);
    char text[64] = "";
    const char *profile = NULL;
    json_t *video = json_pack("{s:s, s:s}", "kind", "video", "codec", nvr_codec_name(codec));

    if (p->width)
        (void)json_object_update_new(
            video, json_pack("{s:i, s:i}", "width", (int)p->width, "height", (int)p->height));
    if (fps > 0)
        (void)json_object_set_new(video, "fps", json_real((double)(int)(fps * 100 + 0.5) / 100));
    if (!p->params.size)
        return video;
    if ((codec == NVR_CODEC_H264 ? nvr_h264_codec_string(&p->params.sps, text, sizeof(text))
                                 : nvr_h265_codec_string(&p->params.sps, text, sizeof(text))) == 0)
        (void)json_object_set_new(video, "codec_string", json_string(text));
    profile = avcodec_profile_name(codec == NVR_CODEC_H264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC,
                                   p->params.sps.profile);
    if (profile)
        (void)json_object_set_new(video, "profile", json_string(profile));
    return video;
}

static void answer(struct probe *p)
{
    json_t *streams = json_array();

    (void)json_array_append_new(streams, video_to_json(p));
    if (p->tracks.audio != NVR_CODEC_NONE)
        (void)json_array_append_new(streams,
                                    json_pack("{s:s, s:s, s:i, s:i}", "kind", "audio", "codec",
                                              nvr_codec_name(p->tracks.audio), "sample_rate",
                                              (int)p->tracks.audio_rate, "channels",
                                              (int)NVR_MAX(p->tracks.audio_channels, 1u)));
    nvr_child_answer(
        p->child, p->id,
        json_pack("{s:o, s:s, s:I, s:b}", "streams", streams, "protocol",
                  p->libav || !nvr_source_is_rtsp(&p->address) ? "libavformat" : "heron",
                  "elapsed_ms", (json_int_t)(nvr_clock_mono_ms() - p->begin_ms), "jpeg",
                  p->jpeg_fd >= 0),
        p->jpeg_fd);
    finish(p);
}

/* ---- the picture ---- */

static enum AVCodecID codec_id(enum nvr_codec codec)
{
    switch (codec) {
    case NVR_CODEC_H264:
        return AV_CODEC_ID_H264;
    case NVR_CODEC_H265:
        return AV_CODEC_ID_HEVC;
    case NVR_CODEC_AV1:
        return AV_CODEC_ID_AV1;
    default:
        return AV_CODEC_ID_MJPEG;
    }
}

static int decode(AVCodecContext *decoder, const struct nvr_source_frame *frame, AVFrame *out)
{
    AVPacket *packet = av_packet_alloc();
    int r = packet ? 0 : -ENOMEM;

    if (r == 0 && av_new_packet(packet, (int)frame->size) < 0)
        r = -ENOMEM;
    if (r == 0) {
        memcpy(packet->data, frame->data, frame->size);
        packet->flags = AV_PKT_FLAG_KEY;
        if (avcodec_send_packet(decoder, packet) < 0 || avcodec_send_packet(decoder, NULL) < 0 ||
            avcodec_receive_frame(decoder, out) < 0)
            r = -EPROTO;
    }
    av_packet_free(&packet);
    return r;
}

static int take_picture(struct probe *p, const struct nvr_source_frame *frame)
{
    AVCodecParameters *par = avcodec_parameters_alloc();
    AVCodecContext *decoder = NULL;
    AVFrame *picture = av_frame_alloc();
    unsigned width, height, size;
    int r = par && picture ? 0 : -ENOMEM;

    if (r == 0) {
        par->codec_type = AVMEDIA_TYPE_VIDEO;
        par->codec_id = codec_id(p->tracks.video);
        if (p->params.size) {
            par->extradata = av_mallocz(p->params.size + AV_INPUT_BUFFER_PADDING_SIZE);
            if (par->extradata) {
                memcpy(par->extradata, p->params.data, p->params.size);
                par->extradata_size = (int)p->params.size;
            }
        }
        r = nvr_picture_open(par, &decoder);
    }
    if (r == 0)
        r = decode(decoder, frame, picture);
    if (r == 0) {
        p->width = (uint32_t)picture->width;
        p->height = (uint32_t)picture->height;
        r = nvr_picture_to_jpeg(picture, PICTURE_WIDTH, PICTURE_QUALITY, &p->jpeg_fd, &width,
                                &height, &size);
    }
    av_frame_free(&picture);
    avcodec_free_context(&decoder);
    avcodec_parameters_free(&par);
    return r;
}

/* ---- from the source ---- */

static void on_tracks(const struct nvr_source_tracks *tracks, void *arg)
{
    struct probe *p = arg;

    p->tracks = *tracks;
    p->have_tracks = true;
    p->width = tracks->width;
    p->height = tracks->height;
    if ((tracks->video == NVR_CODEC_H264 || tracks->video == NVR_CODEC_H265) &&
        nvr_params_from_config(tracks->video, tracks->video_config, tracks->video_config_size,
                               &p->config) < 0)
        p->config.size = 0;
    if (tracks->video == NVR_CODEC_OTHER) {
        struct nvr_trouble trouble;

        nvr_trouble_set(&trouble, NVR_TROUBLE_UNSUPPORTED, NULL);
        answer_trouble(p, &trouble);
    }
}

static void count_frame(struct probe *p, const struct nvr_source_frame *frame)
{
    if (frame->damaged)
        return;
    if (p->frames == 0)
        p->first_pts = p->last_pts = frame->pts;
    p->last_pts = NVR_MAX(p->last_pts, frame->pts);
    p->frames++;
}

static void on_soon(uv_timer_t *timer)
{
    answer(timer->data);
}

static void key_frame(struct probe *p, const struct nvr_source_frame *frame)
{
    if (p->tracks.video == NVR_CODEC_H264 || p->tracks.video == NVR_CODEC_H265) {
        if (nvr_params_split(p->tracks.video, frame->data, frame->size, &p->units, &p->params) <
                0 ||
            p->units.count == 0)
            return;
        if (!p->params.size)
            p->params = p->config;
        if (!p->params.size)
            return;
        p->width = p->params.sps.width;
        p->height = p->params.sps.height;
    }
    if (take_picture(p, frame) < 0) {
        log_debug("a key frame cannot be decoded");
        p->undecodable = true;
        return;
    }
    p->picture_done = true;
    (void)uv_timer_start(&p->soon, on_soon, fps_of(p) > 0 ? 0 : FPS_WAIT_MS, 0);
}

static void on_frame(const struct nvr_source_frame *frame, void *arg)
{
    struct probe *p = arg;

    if (!frame->video || p->id < 0)
        return;
    count_frame(p, frame);
    if (!p->picture_done) {
        if (frame->key && !frame->damaged)
            key_frame(p, frame);
    } else if (fps_of(p) > 0) {
        (void)uv_timer_start(&p->soon, on_soon, 0, 0);
    }
}

static void on_end(const struct nvr_trouble *trouble, void *arg)
{
    struct probe *p = arg;
    const struct nvr_trouble why = *trouble;

    nvr_source_close(p->source);
    p->source = NULL;
    if (p->picture_done) {
        answer(p);
    } else if (nvr_source_is_rtsp(&p->address) && why.other_transport && !p->flipped) {
        p->flipped = true;
        p->address.transport =
            p->address.transport == NVR_SOURCE_UDP ? NVR_SOURCE_TCP : NVR_SOURCE_UDP;
        connect_now(p);
    } else if (nvr_source_is_rtsp(&p->address) && why.code == NVR_TROUBLE_PROTOCOL &&
               !why.is_final && !p->libav) {
        p->libav = true;
        p->own_trouble = why;
        connect_now(p);
    } else {
        answer_trouble(p, p->libav && nvr_trouble_is_vague(why.code) ? &p->own_trouble : &why);
    }
}

/* ---- the call ---- */

static void connect_now(struct probe *p)
{
    static const struct nvr_source_handlers handlers = {
        .on_tracks = on_tracks, .on_frame = on_frame, .on_end = on_end};
    struct nvr_trouble trouble;
    const int r = nvr_source_open(nvr_child_get_loop(p->child), &p->address, p->libav, &handlers, p,
                                  &p->source);

    if (r == 0)
        return;
    p->source = NULL;
    nvr_trouble_set(&trouble, r == -ENOTSUP ? NVR_TROUBLE_UNSUPPORTED : NVR_TROUBLE_PROTOCOL,
                    "This kind of address is not supported.");
    answer_trouble(p, &trouble);
}

static void on_deadline(uv_timer_t *timer)
{
    struct probe *p = timer->data;
    struct nvr_trouble trouble;

    if (p->libav) { /* the second opinion came to nothing */
        answer_trouble(p, &p->own_trouble);
        return;
    }
    /* A camera whose key frames are far apart is fine; one that sends noise is not. */
    if (p->have_tracks && !p->undecodable && p->frames >= FPS_FRAMES_MIN &&
        (!p->source || nvr_source_get_dropped(p->source) < p->frames)) {
        if (!p->params.size && p->config.size) {
            p->params = p->config;
            p->width = p->config.sps.width;
            p->height = p->config.sps.height;
        }
        answer(p);
        return;
    }
    nvr_trouble_set(
        &trouble, p->have_tracks ? NVR_TROUBLE_NO_VIDEO : NVR_TROUBLE_TIMEOUT,
        p->have_tracks ? "The camera accepts the connection but sends no usable picture." : NULL);
    answer_trouble(p, &trouble);
}

static int enter(struct probe *p)
{
    const char *paths[2] = {NULL, NULL};
    struct nvr_url url;

    if (nvr_url_parse(p->address.url, &url) == 0 && strcmp(url.scheme, "file") == 0)
        paths[0] = url.path;
    return nvr_child_enter(p->child, NVR_SANDBOX_INET, paths, NULL);
}

static void serve(struct probe *p, const struct nvr_rpc_request *request)
{
    const char *reason = "only one probe at a time";
    int64_t timeout_ms = DEADLINE_MS;
    int r = -EBUSY;

    p->begin_ms = nvr_clock_mono_ms();
    nvr_log_set_process_request(nvr_log_get_request()); /* all that follows is for this one */
    if (p->id < 0)
        r = nvr_source_address_parse(request->params, &p->address, &reason);
    if (r == 0) {
        reason = "the sandbox could not be entered";
        r = enter(p);
    }
    if (r < 0) {
        nvr_child_refuse(p->child, request->id, "protocol", reason);
        return;
    }
    (void)nvr_json_get_int(request->params, "timeout_ms", 500, DEADLINE_MS, &timeout_ms);
    p->id = request->id;
    p->address.timeout_ms = (uint32_t)NVR_MIN(timeout_ms, (int64_t)ATTEMPT_MS);
    (void)uv_timer_init(nvr_child_get_loop(p->child), &p->deadline);
    (void)uv_timer_init(nvr_child_get_loop(p->child), &p->soon);
    p->deadline.data = p->soon.data = p;
    (void)uv_timer_start(&p->deadline, on_deadline, (uint64_t)timeout_ms, 0);
    connect_now(p);
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    struct probe *p = arg;

    p->child = child;
    if (strcmp(request->method, "probe") == 0)
        serve(p, request);
    else
        nvr_child_refuse(child, request->id, NULL, "this worker probes only");
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_probe_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "probe", .on_request = on_request, .on_stop = on_stop};
    struct probe *p = calloc(1, sizeof(*p));

    (void)name;
    if (!p)
        return 1;
    p->id = -1;
    p->jpeg_fd = -1;
    return nvr_child_run(fd, &role, p);
}
