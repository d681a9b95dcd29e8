#include "src/camera/mux.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/media/fmp4.h"
#include "lib/media/holes.h"
#include "lib/media/stamp.h"
#include "src/camera/audio.h"
#include "src/camera/init_segment.h"
#include "src/camera/params.h"

NVR_LOG_TOPIC("mux");

#define VIDEO_TRACK 1
#define AUDIO_TRACK 2
#define AUDIO_PENDING_MAX (512 * 1024)
#define AUDIO_SAMPLES_MAX 128 /* waiting for a video frame */
#define AUDIO_ALONE_US 200000 /* without video: audio goes out by itself */
#define AUDIO_SILENT_US                                                                            \
    5000000                     /* announced, but none came: a track without data stalls browsers  \
                                 */
#define AUDIO_PROVEN_US 1000000 /* comes after all: long enough for a new epoch */
#define MEASURE_US 5000000      /* window of the bit rate */
#define OTHER_CLOCK (INT64_C(1) << 40) /* far from video's: not to be taken for the same clock */

struct nvr_mux {
    char name[64];
    size_t ring_min;
    unsigned keep_seconds;
    bool told_limit; /* that the ring cannot be as large as keep_seconds need */
    const struct nvr_mux_handlers *handlers;
    void *arg;
    struct nvr_ring *ring;
    struct nvr_ring_init init; /* of the current epoch; size 0: none */
    int watch_fd;
    uint32_t sequence;

    /* this connection */
    enum nvr_codec codec, audio_codec;
    uint32_t width, height;
    double told_fps;
    bool one_clock;
    struct nvr_params config; /* from its description */
    bool begun;               /* a key frame was published and nothing it needs was lost */
    bool fresh;               /* no frame of this connection was published yet */
    bool discontinuity;
    int64_t begin_us;

    /* in force */
    struct nvr_params params;
    uint8_t av1c[64];
    size_t av1c_size;
    struct nvr_audio *audio; /* NULL: none wanted or none offered */
    bool audio_in_init;
    int64_t audio_first_us, audio_last_us; /* arrivals of this run of audio */
    struct nvr_stamp stamp;
    bool stamp_ready;
    uint32_t stamp_audio_rate;

    /* audio since the last fragment */
    struct nvr_buf pending;
    struct nvr_fmp4_sample samples[AUDIO_SAMPLES_MAX];
    size_t samples_count;
    int64_t pending_dts, last_audio_dts;

    int64_t last_video_us;     /* arrival of the last published frame */
    struct nvr_holes holes;    /* among its pictures */
    int64_t next_dts_us;       /* where the next fragment would continue */
    int64_t camera_to_wall_us; /* video's own: media time − camera's clock; INT64_MIN: unknown */
    int64_t measure_start_us;
    uint64_t measure_bytes;
    struct nvr_units units; /* of the frame being written */
    struct nvr_params found;
    struct nvr_mux_stats stats;
    int64_t fps_start_us;
    uint32_t fps_frames;
};

static void on_audio_unit(const uint8_t *data, size_t size, int64_t dts, uint32_t duration,
                          void *arg);

size_t nvr_mux_ring_size(uint64_t bytes_per_second, unsigned keep_seconds, size_t minimum)
{
    const uint64_t unit = 256 * 1024;
    uint64_t need =
        bytes_per_second > NVR_MUX_RING_MAX ? NVR_MUX_RING_MAX : bytes_per_second * keep_seconds;

    if (need < minimum)
        need = minimum;
    need = (need + unit - 1) / unit * unit;
    return (size_t)NVR_MIN(need, (uint64_t)NVR_MUX_RING_MAX);
}

int nvr_mux_new(const char *name, size_t ring_min, unsigned keep_seconds,
                const struct nvr_mux_handlers *handlers, void *arg, struct nvr_mux **ret_mux)
{
    struct nvr_mux *mux = calloc(1, sizeof(*mux));
    int r;

    if (!mux)
        return -ENOMEM;
    r = nvr_str_copy(mux->name, sizeof(mux->name), nvr_str_from(name));
    if (r < 0) {
        free(mux);
        return r;
    }
    mux->ring_min = ring_min;
    mux->keep_seconds = keep_seconds;
    mux->handlers = handlers;
    mux->arg = arg;
    mux->watch_fd = -1;
    mux->camera_to_wall_us = INT64_MIN;
    nvr_buf_init(&mux->pending, AUDIO_PENDING_MAX);
    *ret_mux = mux;
    return 0;
}

void nvr_mux_free(struct nvr_mux *mux)
{
    if (!mux)
        return;
    nvr_audio_free(mux->audio);
    nvr_ring_free(mux->ring);
    nvr_buf_done(&mux->pending);
    if (mux->watch_fd >= 0)
        (void)close(mux->watch_fd);
    free(mux);
}

/* ---- ring ---- */

static void watch_ring(struct nvr_mux *mux)
{
    int fd;

    if (mux->watch_fd < 0 || !mux->ring)
        return;
    fd = fcntl(mux->watch_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || nvr_ring_watch_take(mux->ring, fd) < 0)
        log_warn("ring '%s' cannot be watched", mux->name);
}

int nvr_mux_watch_take(struct nvr_mux *mux, int fd)
{
    if (mux->watch_fd >= 0)
        (void)close(mux->watch_fd);
    mux->watch_fd = fd;
    if (mux->ring)
        nvr_ring_unwatch_all(mux->ring);
    watch_ring(mux);
    return 0;
}

/* A ring of this size with the current init segment in it replaces the old one. */
static int replace_ring(struct nvr_mux *mux, size_t size)
{
    struct nvr_ring *ring;
    uint32_t epoch;
    int r = nvr_ring_new(mux->name, size, &ring);

    if (r < 0)
        return log_err(r, "ring of %zu bytes", size);
    r = nvr_ring_begin_epoch(ring, &mux->init, &epoch);
    if (r < 0) {
        nvr_ring_free(ring);
        return r;
    }
    if (mux->ring)
        log_info("ring of %s grows from %zu to %zu KiB", mux->name,
                 nvr_ring_get_size(mux->ring) / 1024, size / 1024);
    nvr_ring_free(mux->ring);
    mux->ring = ring;
    watch_ring(mux);
    mux->handlers->on_ring(nvr_ring_get_fd(ring), mux->arg);
    return 0;
}

/* At key frames only, so that a new ring begins with one. */
static void measure_rate(struct nvr_mux *mux, int64_t now_us)
{
    const int64_t span = now_us - mux->measure_start_us;
    uint64_t rate;
    size_t need;

    if (mux->measure_start_us == 0 || span < 0 || span > 12 * MEASURE_US) {
        mux->measure_start_us = now_us;
        mux->measure_bytes = 0;
        return;
    }
    if (span < MEASURE_US)
        return;
    rate = mux->measure_bytes * 1000000 / (uint64_t)span;
    need = nvr_mux_ring_size(rate, mux->keep_seconds, mux->ring_min);
    if (rate * mux->keep_seconds > NVR_MUX_RING_MAX && !mux->told_limit) {
        mux->told_limit = true;
        log_warn("%s: at %llu kbit/s the ring holds %u s only, not %u: less pre-roll", mux->name,
                 (unsigned long long)(rate / 125), (unsigned)(NVR_MUX_RING_MAX / rate),
                 mux->keep_seconds);
    }
    /* A little above the measured need, so that it does not grow again and again. */
    if (need > nvr_ring_get_size(mux->ring))
        (void)replace_ring(mux,
                           nvr_mux_ring_size(rate + rate / 4, mux->keep_seconds, mux->ring_min));
    mux->measure_start_us = now_us;
    mux->measure_bytes = 0;
}

/* ---- fragments ---- */

/* Publish one video frame (NULL: none) and the audio that waits. */
static int publish(struct nvr_mux *mux, const struct nvr_source_frame *frame,
                   const struct nvr_stamp_out *out)
{
    struct nvr_fmp4_track tracks[2];
    struct nvr_fmp4_sample sample;
    struct nvr_ring_entry entry = {.arrival_us = nvr_clock_wall_us()};
    const uint32_t audio_rate =
        mux->audio ? nvr_audio_get_format(mux->audio)->rate : NVR_VIDEO_TIMESCALE;
    const size_t video_size = !frame ? 0 : mux->units.count ? mux->units.size : frame->size;
    const size_t audio_size = mux->samples_count ? mux->pending.len : 0;
    int64_t hole_us;
    size_t count = 0;
    size_t size;
    uint8_t *dst;

    if (frame) {
        sample = (struct nvr_fmp4_sample){.size = (uint32_t)video_size,
                                          .duration = out->duration,
                                          .cts = out->cts,
                                          .key = frame->key};
        tracks[count++] = (struct nvr_fmp4_track){.id = VIDEO_TRACK,
                                                  .tfdt = (uint64_t)out->dts,
                                                  .samples = &sample,
                                                  .samples_count = 1,
                                                  .data_size = video_size};
    }
    if (mux->samples_count)
        tracks[count++] = (struct nvr_fmp4_track){.id = AUDIO_TRACK,
                                                  .tfdt = (uint64_t)mux->pending_dts,
                                                  .samples = mux->samples,
                                                  .samples_count = mux->samples_count,
                                                  .data = mux->pending.data,
                                                  .data_size = audio_size};
    size = nvr_fmp4_fragment_size(tracks, count);
    if (size == 0 || size > NVR_MUX_RING_MAX / 2)
        return -EMSGSIZE;
    dst = nvr_ring_reserve(mux->ring, size);
    if (!dst && frame && frame->key &&
        replace_ring(mux, nvr_mux_ring_size(size, 4, mux->ring_min)) == 0)
        dst = nvr_ring_reserve(mux->ring, size);
    if (!dst)
        return -EMSGSIZE;
    nvr_fmp4_write_fragment(dst, ++mux->sequence, tracks, count);
    if (frame) { /* the video's room was left free: one copy from the packets to the ring */
        uint8_t *video = dst + size - audio_size - video_size;

        if (mux->units.count)
            nvr_units_write(&mux->units, video);
        else
            memcpy(video, frame->data, frame->size);
        entry.arrival_us = frame->arrival_us;
        entry.dts_us = nvr_stamp_to_us(out->dts, NVR_VIDEO_TIMESCALE);
        entry.duration_us = nvr_stamp_to_us(out->duration, NVR_VIDEO_TIMESCALE);
        entry.flags = frame->key ? NVR_RING_KEY : 0;
    } else {
        entry.dts_us = nvr_stamp_to_us(mux->pending_dts, audio_rate);
        entry.duration_us = nvr_stamp_to_us(mux->last_audio_dts - mux->pending_dts, audio_rate);
        entry.flags = NVR_RING_AUDIO_ONLY;
    }
    entry.size = (uint32_t)size;
    if (frame && nvr_holes_add(&mux->holes, entry.dts_us, &hole_us) && !mux->discontinuity)
        entry.flags |= NVR_RING_HOLE | NVR_RING_DISCONTINUITY;
    if (mux->discontinuity)
        entry.flags |= NVR_RING_DISCONTINUITY;
    mux->discontinuity = false;
    if (frame)
        mux->next_dts_us = entry.dts_us + entry.duration_us;
    nvr_ring_commit(mux->ring, &entry);
    nvr_buf_reset(&mux->pending);
    mux->samples_count = 0;
    mux->measure_bytes += size;
    mux->stats.bytes += size;
    mux->handlers->on_fragment(&entry, mux->arg);
    return 0;
}

static void drop_pending_audio(struct nvr_mux *mux)
{
    nvr_buf_reset(&mux->pending);
    mux->samples_count = 0;
}

static void on_audio_unit(const uint8_t *data, size_t size, int64_t dts, uint32_t duration,
                          void *arg)
{
    struct nvr_mux *mux = arg;
    size_t i = mux->samples_count;

    if (dts <= mux->last_audio_dts && mux->last_audio_dts != 0)
        return;
    if (i == AUDIO_SAMPLES_MAX || mux->pending.len + size > AUDIO_PENDING_MAX) {
        if (publish(mux, NULL, NULL) < 0)
            drop_pending_audio(mux);
        i = 0;
    }
    if (nvr_buf_append(&mux->pending, data, size) < 0) {
        drop_pending_audio(mux);
        return;
    }
    if (i == 0)
        mux->pending_dts = dts;
    else if (dts - mux->last_audio_dts < INT32_MAX)
        mux->samples[i - 1].duration = (uint32_t)(dts - mux->last_audio_dts);
    mux->samples[i] =
        (struct nvr_fmp4_sample){.size = (uint32_t)size, .duration = duration, .key = true};
    mux->samples_count = i + 1;
    mux->last_audio_dts = dts;
}

/* ---- epochs ---- */

static int build_init(struct nvr_mux *mux, bool with_audio, struct nvr_ring_init *init)
{
    struct nvr_init_spec spec = {
        .video = mux->codec,
        .width = mux->width,
        .height = mux->height,
        .video_config = mux->params.data,
        .video_config_size = mux->params.size,
        .sps = mux->params.sps,
    };

    if (mux->codec == NVR_CODEC_AV1) {
        spec.video_config = mux->av1c;
        spec.video_config_size = mux->av1c_size;
    }
    if (with_audio) {
        const struct nvr_audio_format *format = nvr_audio_get_format(mux->audio);

        spec.audio_rate = format->rate;
        spec.audio_channels = format->channels;
        spec.audio_config = format->config;
        spec.audio_config_size = format->config_size;
    }
    return nvr_init_segment_build(&spec, init);
}

static int begin_epoch(struct nvr_mux *mux, bool with_audio)
{
    struct nvr_ring_init init;
    uint32_t epoch;
    int r = build_init(mux, with_audio, &init);

    if (r < 0)
        return log_err(r, "init segment of %s", nvr_codec_name(mux->codec));
    mux->audio_in_init = with_audio;
    if (init.size == mux->init.size && memcmp(init.data, mux->init.data, init.size) == 0)
        return 0;
    drop_pending_audio(mux);
    mux->init = init;
    mux->discontinuity = true;
    log_info("%s: %s %ux%u, %s", mux->name, nvr_codec_name(mux->codec), init.width, init.height,
             init.codecs);
    if (!mux->ring)
        return replace_ring(mux, nvr_mux_ring_size(0, mux->keep_seconds, mux->ring_min));
    return nvr_ring_begin_epoch(mux->ring, &init, &epoch);
}

/* A track without data stalls browsers, so audio is only promised while it comes. */
static bool audio_belongs(const struct nvr_mux *mux, int64_t now_us)
{
    const int64_t last = NVR_MAX(mux->audio_last_us, mux->begin_us);

    if (!mux->audio)
        return false;
    if (mux->audio_in_init || mux->fresh)
        return now_us - last < AUDIO_SILENT_US;
    return now_us - mux->audio_last_us < AUDIO_PROVEN_US &&
           mux->audio_last_us - mux->audio_first_us > AUDIO_PROVEN_US;
}

/* New parameter sets of a key frame into force; true when they are others than before. */
static bool take_params(struct nvr_mux *mux)
{
    const struct nvr_params *params = mux->found.size ? &mux->found : &mux->config;

    if (mux->codec != NVR_CODEC_H264 && mux->codec != NVR_CODEC_H265)
        return false;
    if (params == &mux->config && (mux->params.size || !mux->config.size))
        return false;
    if (nvr_params_are_equal(params, &mux->params))
        return false;
    mux->params = *params;
    mux->width = params->sps.width;
    mux->height = params->sps.height;
    nvr_stamp_set_reorder(&mux->stamp, params->sps.reorder_frames);
    return true;
}

/* Everything that must be right before a key frame is published. */
static int prepare_key(struct nvr_mux *mux, const struct nvr_source_frame *frame)
{
    bool changed = take_params(mux);
    bool with_audio;

    if (mux->codec == NVR_CODEC_MJPEG) {
        uint32_t width, height;

        if (nvr_jpeg_parse_size(frame->data, frame->size, &width, &height) < 0)
            return -EPROTO;
        changed = width != mux->width || height != mux->height;
        mux->width = width;
        mux->height = height;
    } else if (mux->codec != NVR_CODEC_AV1 && mux->params.size == 0) {
        return -EPROTO; /* nothing can be decoded before they come */
    }
    with_audio = audio_belongs(mux, frame->arrival_us);
    if (changed || mux->fresh || mux->init.size == 0 || with_audio != mux->audio_in_init) {
        int r = begin_epoch(mux, with_audio);

        if (r < 0)
            return r;
    }
    measure_rate(mux, frame->arrival_us);
    return 0;
}

/* ---- frames ---- */

static void count_fps(struct nvr_mux *mux, int64_t dts_us)
{
    const int64_t span = dts_us - mux->fps_start_us;

    mux->fps_frames++;
    if (mux->fps_start_us == 0 || span < 0 || span > 10 * MEASURE_US) {
        mux->fps_start_us = dts_us;
        mux->fps_frames = 0;
    } else if (span >= MEASURE_US || (mux->stats.fps == 0 && span >= 1000000)) {
        mux->stats.fps = mux->fps_frames * 1e6 / (double)span;
        if (span >= MEASURE_US) {
            mux->fps_start_us = dts_us;
            mux->fps_frames = 0;
        }
    }
}

static int video_frame(struct nvr_mux *mux, const struct nvr_source_frame *frame)
{
    struct nvr_stamp_out out;
    int r = 0;

    mux->units.count = 0;
    mux->found.size = 0;
    if (frame->damaged) {
        if (frame->key) /* what follows refers to it */
            mux->begun = false;
        return -EPROTO;
    }
    if (mux->codec == NVR_CODEC_H264 || mux->codec == NVR_CODEC_H265) {
        r = nvr_params_split(mux->codec, frame->data, frame->size, &mux->units, &mux->found);
        if (r < 0)
            return r;
        if (mux->units.count == 0)
            return -ENODATA; /* parameter sets alone */
    }
    if (!frame->key && !mux->begun)
        return -ENODATA;
    if (frame->key) {
        r = prepare_key(mux, frame);
        if (r < 0)
            return r;
    }
    nvr_stamp_video(&mux->stamp, frame->pts, frame->key, frame->arrival_us, &out);
    if (frame->wall_us)
        mux->camera_to_wall_us =
            nvr_stamp_to_us(out.dts + out.cts, NVR_VIDEO_TIMESCALE) - frame->wall_us;
    r = publish(mux, frame, &out);
    if (r < 0)
        return r;
    mux->begun = true;
    mux->fresh = false;
    mux->last_video_us = frame->arrival_us;
    mux->stats.last_frame_us = frame->arrival_us;
    mux->stats.frames++;
    count_fps(mux, mux->next_dts_us);
    return 0;
}

static int audio_frame(struct nvr_mux *mux, const struct nvr_source_frame *frame)
{
    struct nvr_stamp_out out;
    const uint32_t rate = mux->stamp_audio_rate;
    const uint32_t duration = mux->audio ? nvr_audio_packet_duration(mux->audio, frame->size) : 0;
    int64_t wall_us;

    if (!mux->audio || frame->damaged)
        return -ENODATA;
    if (frame->arrival_us - mux->audio_last_us > AUDIO_PROVEN_US)
        mux->audio_first_us = frame->arrival_us;
    mux->audio_last_us = frame->arrival_us;
    if (!mux->begun || !mux->audio_in_init)
        return -ENODATA;
    /* Its first sample was taken a packet's length before the packet came; better by the camera's
     * own clock when both streams tell it. */
    wall_us = frame->arrival_us - nvr_stamp_to_us(duration, rate);
    if (frame->wall_us && mux->camera_to_wall_us != INT64_MIN) {
        const int64_t aligned = frame->wall_us + mux->camera_to_wall_us;

        if (llabs(aligned - wall_us) < 2000000)
            wall_us = aligned;
    }
    nvr_stamp_audio(&mux->stamp, frame->pts + (mux->one_clock ? 0 : OTHER_CLOCK), wall_us, &out);
    if (out.discontinuity)
        nvr_audio_reset(mux->audio);
    nvr_audio_push(mux->audio, frame->data, frame->size, out.dts);
    if (mux->samples_count && frame->arrival_us - mux->last_video_us > AUDIO_ALONE_US)
        return publish(mux, NULL, NULL);
    return 0;
}

int nvr_mux_frame(struct nvr_mux *mux, const struct nvr_source_frame *frame)
{
    int r;

    if (!frame->video)
        return audio_frame(mux, frame);
    r = video_frame(mux, frame);
    if (r < 0 && r != -ENODATA) /* waiting for a key frame is no fault */
        mux->stats.refused++;
    return r;
}

static void begin_audio(struct nvr_mux *mux, const struct nvr_source_tracks *tracks)
{
    nvr_audio_free(mux->audio);
    mux->audio = NULL;
    mux->audio_codec = tracks->audio;
    if (tracks->audio == NVR_CODEC_NONE)
        return;
    if (nvr_audio_new(tracks, on_audio_unit, mux, &mux->audio) < 0) {
        log_warn("%s: audio (%s, %u Hz) is not supported and left out", mux->name,
                 nvr_codec_name(tracks->audio), tracks->audio_rate);
        mux->audio = NULL;
    }
}

static void begin_stamps(struct nvr_mux *mux, const struct nvr_source_tracks *tracks)
{
    const uint32_t rate = mux->audio ? nvr_audio_get_format(mux->audio)->rate : 0;
    const double fps = tracks->fps;

    if (!mux->stamp_ready || rate != mux->stamp_audio_rate) {
        nvr_stamp_init(&mux->stamp, NVR_VIDEO_TIMESCALE, rate,
                       fps >= 0.1 && fps <= 240 ? (uint32_t)(NVR_VIDEO_TIMESCALE / fps) : 0,
                       mux->audio ? nvr_audio_packet_duration(mux->audio, rate / 50) : 0);
        nvr_stamp_set_reorder(&mux->stamp, mux->params.size ? mux->params.sps.reorder_frames : 0);
        mux->last_audio_dts = 0;
        mux->stamp_ready = true;
        mux->stamp_audio_rate = rate;
    } else {
        nvr_stamp_restart(&mux->stamp);
    }
}

int nvr_mux_begin(struct nvr_mux *mux, const struct nvr_source_tracks *tracks)
{
    if (tracks->video == NVR_CODEC_NONE || tracks->video == NVR_CODEC_OTHER ||
        (tracks->video == NVR_CODEC_AV1 && tracks->video_config_size > sizeof(mux->av1c)))
        return -ENOTSUP;
    if (mux->codec != tracks->video)
        mux->params.size = 0;
    mux->codec = tracks->video;
    mux->told_fps = tracks->fps;
    mux->one_clock = tracks->one_clock;
    mux->config.size = 0;
    if (mux->codec == NVR_CODEC_H264 || mux->codec == NVR_CODEC_H265) {
        if (nvr_params_from_config(mux->codec, tracks->video_config, tracks->video_config_size,
                                   &mux->config) == 0)
            mux->params.size = 0; /* this connection's own come first */
    } else if (mux->codec == NVR_CODEC_AV1) {
        memcpy(mux->av1c, tracks->video_config, tracks->video_config_size);
        mux->av1c_size = tracks->video_config_size;
        mux->width = tracks->width;
        mux->height = tracks->height;
    }
    begin_audio(mux, tracks);
    begin_stamps(mux, tracks);
    drop_pending_audio(mux);
    nvr_holes_break(&mux->holes);
    mux->begun = false;
    mux->fresh = true;
    mux->discontinuity = true;
    mux->begin_us = nvr_clock_wall_us();
    mux->audio_first_us = mux->audio_last_us = 0;
    mux->camera_to_wall_us = INT64_MIN;
    mux->measure_start_us = 0;
    mux->fps_start_us = 0;
    return 0;
}

void nvr_mux_end(struct nvr_mux *mux)
{
    if (mux->samples_count && mux->begun && publish(mux, NULL, NULL) < 0)
        drop_pending_audio(mux);
    mux->begun = false;
}

void nvr_mux_get_stats(const struct nvr_mux *mux, struct nvr_mux_stats *ret_stats)
{
    *ret_stats = mux->stats;
    ret_stats->codec = mux->init.size ? mux->codec : NVR_CODEC_NONE;
    memcpy(ret_stats->codecs, mux->init.codecs, sizeof(ret_stats->codecs));
    ret_stats->width = mux->init.width;
    ret_stats->height = mux->init.height;
    ret_stats->audio = mux->audio_in_init;
    ret_stats->audio_codec = mux->audio_in_init ? mux->audio_codec : NVR_CODEC_NONE;
    if (ret_stats->fps == 0)
        ret_stats->fps = mux->told_fps;
}

int nvr_mux_get_ring_fd(const struct nvr_mux *mux)
{
    return mux->ring ? nvr_ring_get_fd(mux->ring) : -1;
}
