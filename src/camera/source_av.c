/* Everything that libavformat reads: its calls block, so they run on a thread of their own. Packets
 * cross to the loop by a bounded queue; a full queue makes the thread wait, never the loop. */
#include <assert.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/post.h"
#include "src/camera/source.h"
#include "src/camera/source_av.h"

NVR_LOG_TOPIC("libav");

#define QUEUE_MAX 64
#define WAIT_SLICE_MS 100
#define THREAD_STACK (1024 * 1024)
#define LATE_US 1000000 /* a paced source that is later than this begins its pace anew */
#define INFO_EXTRA_MS 5000

struct slot {
    AVPacket *packet;
    bool video;
    int64_t pts;
    int64_t arrival_us;
};

struct av_source {
    struct nvr_source base;
    const struct nvr_source_handlers *handlers;
    void *arg;
    struct nvr_source_address address;
    struct nvr_post *post;
    pthread_t thread;

    /* loop's */
    bool closed, joined, told_tracks;

    /* shared, under lock */
    pthread_mutex_t lock;
    pthread_cond_t room; /* or cancelled */
    struct slot queue[QUEUE_MAX];
    unsigned first, count;
    bool posted;
    bool have_tracks;
    struct nvr_source_tracks tracks; /* constant once have_tracks */
    bool ended;
    struct nvr_trouble trouble;

    atomic_bool cancel;
    _Atomic uint64_t dropped;

    /* the thread's */
    AVFormatContext *input;
    AVBSFContext *filter;
    AVPacket *held; /* first picture of RTSP: libavformat does not know its time */
    int video, audio;
    bool paced, is_file, arrival_stamps;
    int64_t deadline_ms;
    int64_t pace_base_us; /* monotonic time of media time 0; INT64_MIN: not begun */
    int64_t loop_us;      /* a file's earlier rounds */
    int64_t round_end_us; /* end of this round so far */
    int64_t round_start_us;
    uint8_t video_config[4096];
    uint8_t audio_config[64];
};

static unsigned lingering;

unsigned nvr_source_av_lingering(void)
{
    return lingering;
}

/* ---- to the loop ---- */

static void destroy(struct av_source *s)
{
    nvr_post_free(s->post);
    for (unsigned i = 0; i < QUEUE_MAX; i++)
        av_packet_free(&s->queue[i].packet);
    (void)pthread_cond_destroy(&s->room);
    (void)pthread_mutex_destroy(&s->lock);
    explicit_bzero(&s->address, sizeof(s->address));
    free(s);
}

static void deliver(struct av_source *s, const struct slot *slot)
{
    const struct nvr_source_frame frame = {
        .video = slot->video,
        .key = !slot->video || (slot->packet->flags & AV_PKT_FLAG_KEY),
        .damaged = slot->packet->flags & AV_PKT_FLAG_CORRUPT,
        .data = slot->packet->data,
        .size = (size_t)slot->packet->size,
        .pts = slot->pts,
        .arrival_us = slot->arrival_us,
    };

    s->handlers->on_frame(&frame, s->arg);
}

/* Hand over what waits. A handler may close the source at any point; it stays until on_exited(). */
static void on_work(void *arg)
{
    struct av_source *s = arg;
    struct slot *slot;
    bool tracks;

    (void)pthread_mutex_lock(&s->lock);
    s->posted = false;
    tracks = s->have_tracks;
    (void)pthread_mutex_unlock(&s->lock);
    if (tracks && !s->told_tracks && !s->closed) {
        s->told_tracks = true;
        s->handlers->on_tracks(&s->tracks, s->arg);
    }
    for (;;) {
        (void)pthread_mutex_lock(&s->lock);
        slot = s->count ? &s->queue[s->first] : NULL;
        (void)pthread_mutex_unlock(&s->lock);
        if (!slot)
            return;
        if (!s->closed)
            deliver(s, slot);
        av_packet_unref(slot->packet);
        (void)pthread_mutex_lock(&s->lock);
        s->first = (s->first + 1) % QUEUE_MAX;
        s->count--;
        (void)pthread_cond_signal(&s->room);
        (void)pthread_mutex_unlock(&s->lock);
    }
}

/* The thread's last word. */
static void on_exited(void *arg)
{
    struct av_source *s = arg;

    on_work(s);
    (void)pthread_join(s->thread, NULL);
    s->joined = true;
    if (s->closed) {
        lingering--;
        destroy(s);
        return;
    }
    s->handlers->on_end(&s->trouble, s->arg); /* closes us */
}

static void av_close(struct nvr_source *source)
{
    struct av_source *s = (struct av_source *)source;

    atomic_store(&s->cancel, true);
    if (s->joined) {
        destroy(s);
        return;
    }
    s->closed = true;
    lingering++;
    (void)pthread_mutex_lock(&s->lock);
    (void)pthread_cond_signal(&s->room);
    (void)pthread_mutex_unlock(&s->lock);
}

static uint64_t av_get_dropped(const struct nvr_source *source)
{
    return atomic_load(&((const struct av_source *)source)->dropped);
}

/* ---- on the thread ---- */

static void post_work(struct av_source *s)
{
    bool post;

    (void)pthread_mutex_lock(&s->lock);
    post = !s->posted;
    s->posted = true;
    (void)pthread_mutex_unlock(&s->lock);
    if (post && nvr_post_send(s->post, on_work, s) < 0) {
        (void)pthread_mutex_lock(&s->lock);
        s->posted = false;
        (void)pthread_mutex_unlock(&s->lock);
    }
}

static int on_interrupt(void *arg)
{
    const struct av_source *s = arg;

    return atomic_load(&s->cancel) || nvr_clock_mono_ms() > s->deadline_ms;
}

static void set_deadline(struct av_source *s, int64_t ms)
{
    s->deadline_ms = nvr_clock_mono_ms() + ms;
}

/* Wait on the condition for at most this long (cancel wakes it). */
static void wait_locked(struct av_source *s, int64_t wait_us)
{
    struct timespec until;
    int64_t ns;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    ns = until.tv_nsec + NVR_MIN(wait_us, (int64_t)WAIT_SLICE_MS * 1000) * 1000;
    until.tv_sec += ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    (void)pthread_cond_timedwait(&s->room, &s->lock, &until);
}

/* Moves packet's content into the queue. */
static void enqueue(struct av_source *s, AVPacket *packet, bool video, int64_t pts)
{
    struct slot *slot;

    (void)pthread_mutex_lock(&s->lock);
    while (s->count == QUEUE_MAX && !atomic_load(&s->cancel))
        wait_locked(s, INT64_C(1000000));
    if (s->count < QUEUE_MAX) {
        slot = &s->queue[(s->first + s->count) % QUEUE_MAX];
        av_packet_move_ref(slot->packet, packet);
        slot->video = video;
        slot->pts = pts;
        slot->arrival_us = nvr_clock_wall_us();
        s->count++;
    }
    (void)pthread_mutex_unlock(&s->lock);
    av_packet_unref(packet);
    post_work(s);
}

/* A file and HLS come faster than they play: hold each packet until its time. */
static void pace(struct av_source *s, int64_t media_us)
{
    int64_t now = nvr_clock_mono_us();

    if (s->pace_base_us == INT64_MIN || now - (s->pace_base_us + media_us) > LATE_US ||
        s->pace_base_us + media_us - now > 60 * INT64_C(1000000))
        s->pace_base_us = now - media_us;
    (void)pthread_mutex_lock(&s->lock);
    while ((now = nvr_clock_mono_us()) < s->pace_base_us + media_us && !atomic_load(&s->cancel))
        wait_locked(s, s->pace_base_us + media_us - now);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Time of a packet in µs with a file's earlier rounds; decides the pace. */
static void keep_pace(struct av_source *s, const AVPacket *packet)
{
    const AVRational tb = s->input->streams[packet->stream_index]->time_base;
    const int64_t ts = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    int64_t us;

    if (ts == AV_NOPTS_VALUE)
        return;
    us = av_rescale_q(ts, tb, AV_TIME_BASE_Q);
    if (s->round_start_us == INT64_MIN)
        s->round_start_us = us;
    s->round_end_us =
        NVR_MAX(s->round_end_us,
                us + av_rescale_q(NVR_MAX(packet->duration, INT64_C(0)), tb, AV_TIME_BASE_Q));
    pace(s, s->loop_us + us);
}

static int64_t video_pts(struct av_source *s, const AVPacket *packet)
{
    const AVRational tb = s->input->streams[s->video]->time_base;
    const int64_t ts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;

    if (s->arrival_stamps)
        return av_rescale(nvr_clock_wall_us(), NVR_VIDEO_TIMESCALE, 1000000);
    if (ts == AV_NOPTS_VALUE)
        return AV_NOPTS_VALUE;
    return av_rescale_q(ts, tb, (AVRational){1, NVR_VIDEO_TIMESCALE}) +
           av_rescale(s->loop_us, NVR_VIDEO_TIMESCALE, 1000000);
}

static void video_packet(struct av_source *s, AVPacket *packet)
{
    const int64_t pts = video_pts(s, packet);
    const AVRational rate = s->input->streams[s->video]->avg_frame_rate;
    const int64_t step = rate.num > 0 && rate.den > 0
                             ? av_rescale(NVR_VIDEO_TIMESCALE, rate.den, rate.num)
                             : NVR_VIDEO_TIMESCALE / 15;

    if (pts == AV_NOPTS_VALUE) {
        if (s->held->size == 0 && (packet->flags & AV_PKT_FLAG_KEY))
            av_packet_move_ref(s->held, packet);
        else
            (void)atomic_fetch_add(&s->dropped, 1);
        av_packet_unref(packet);
        return;
    }
    if (s->held->size > 0)
        enqueue(s, s->held, true, pts - step);
    enqueue(s, packet, true, pts);
}

static void audio_packet(struct av_source *s, AVPacket *packet)
{
    const AVStream *st = s->input->streams[s->audio];
    const int64_t ts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    const uint32_t rate = s->tracks.audio_rate;

    if (ts == AV_NOPTS_VALUE)
        return;
    if (s->tracks.audio == NVR_CODEC_AAC && packet->size > 9 && packet->data[0] == 0xff &&
        (packet->data[1] & 0xf6) == 0xf0) { /* ADTS header: the configuration says it once */
        const int header = packet->data[1] & 1 ? 7 : 9;

        packet->data += header;
        packet->size -= header;
    }
    enqueue(s, packet, false,
            av_rescale_q(ts, st->time_base, (AVRational){1, (int)rate}) +
                av_rescale(s->loop_us, rate, 1000000));
}

static void on_packet(struct av_source *s, AVPacket *packet)
{
    if (packet->stream_index == s->audio) {
        if (s->paced)
            keep_pace(s, packet);
        audio_packet(s, packet);
    } else if (packet->stream_index == s->video) {
        if (s->paced)
            keep_pace(s, packet);
        if (!s->filter) {
            video_packet(s, packet);
        } else if (av_bsf_send_packet(s->filter, packet) == 0) {
            while (av_bsf_receive_packet(s->filter, packet) == 0)
                video_packet(s, packet);
        } else {
            (void)atomic_fetch_add(&s->dropped, 1);
        }
    }
    av_packet_unref(packet);
}

/* A file at its end begins again; time goes on. 0: goes on. */
static int next_round(struct av_source *s)
{
    if (s->round_start_us == INT64_MIN || s->round_end_us <= s->round_start_us)
        return AVERROR_EOF;
    if (av_seek_frame(s->input, s->video, s->input->streams[s->video]->start_time,
                      AVSEEK_FLAG_BACKWARD) < 0)
        return AVERROR_EOF;
    s->loop_us += s->round_end_us - s->round_start_us;
    s->round_start_us = INT64_MIN;
    s->round_end_us = INT64_MIN;
    if (s->filter)
        av_bsf_flush(s->filter);
    return 0;
}

static int read_all(struct av_source *s)
{
    AVPacket *packet = av_packet_alloc();
    int r = packet ? 0 : AVERROR(ENOMEM);

    while (r >= 0 && !atomic_load(&s->cancel)) {
        set_deadline(s, s->address.timeout_ms);
        r = av_read_frame(s->input, packet);
        if (r == AVERROR_EOF && s->is_file)
            r = next_round(s);
        else if (r >= 0)
            on_packet(s, packet);
    }
    av_packet_free(&packet);
    return r;
}

/* ---- opening, on the thread ---- */

static int open_filter(struct av_source *s, const AVStream *st)
{
    const char *name = st->codecpar->codec_id == AV_CODEC_ID_H264   ? "h264_mp4toannexb"
                       : st->codecpar->codec_id == AV_CODEC_ID_HEVC ? "hevc_mp4toannexb"
                                                                    : NULL;
    int r;

    if (!name)
        return 0;
    r = av_bsf_alloc(av_bsf_get_by_name(name), &s->filter);
    if (r >= 0)
        r = avcodec_parameters_copy(s->filter->par_in, st->codecpar);
    if (r >= 0) {
        s->filter->time_base_in = st->time_base;
        r = av_bsf_init(s->filter);
    }
    return r;
}

/* A copy: the loop may look at it when the input is closed already. */
static void keep_config(struct av_source *s, const AVCodecParameters *par)
{
    if (par->extradata_size <= 0 || (size_t)par->extradata_size > sizeof(s->video_config))
        return;
    s->tracks.video_config_size = (size_t)par->extradata_size;
    memcpy(s->video_config, par->extradata, s->tracks.video_config_size);
    s->tracks.video_config = s->video_config;
}

static int open_input(struct av_source *s)
{
    AVDictionary *options = NULL;
    char url[NVR_AV_URL_SIZE];
    int r = nvr_av_prepare(&s->address, url, sizeof(url), &options);

    if (r < 0)
        return r;
    s->input = avformat_alloc_context();
    if (!s->input) {
        av_dict_free(&options);
        return AVERROR(ENOMEM);
    }
    s->input->interrupt_callback = (AVIOInterruptCB){on_interrupt, s};
    set_deadline(s, s->address.timeout_ms);
    r = avformat_open_input(&s->input, url, NULL, &options);
    explicit_bzero(url, sizeof(url));
    av_dict_free(&options);
    if (r < 0)
        return r;
    set_deadline(s, (int64_t)s->address.timeout_ms + INFO_EXTRA_MS);
    r = avformat_find_stream_info(s->input, NULL);
    if (r < 0)
        return r;
    s->is_file = strncmp(s->address.url, "file:", 5) == 0;
    s->paced = s->is_file || strcmp(s->input->iformat->name, "hls") == 0;
    s->arrival_stamps = strcmp(s->input->iformat->name, "mpjpeg") == 0;
    r = nvr_av_describe(s->input, s->address.want_audio, &s->tracks, &s->video, &s->audio,
                        s->audio_config, sizeof(s->audio_config));
    if (r < 0)
        return r;
    r = open_filter(s, s->input->streams[s->video]);
    if (r < 0)
        return r;
    keep_config(s, s->filter ? s->filter->par_out : s->input->streams[s->video]->codecpar);
    return 0;
}

static void *run(void *arg)
{
    struct av_source *s = arg;
    int r;

    s->held = av_packet_alloc();
    r = s->held ? open_input(s) : AVERROR(ENOMEM);
    if (r >= 0) {
        (void)pthread_mutex_lock(&s->lock);
        s->have_tracks = true;
        (void)pthread_mutex_unlock(&s->lock);
        post_work(s);
        r = read_all(s);
    }
    nvr_av_explain(s->address.url, r, nvr_clock_mono_ms() > s->deadline_ms, s->have_tracks,
                   &s->trouble);
    av_packet_free(&s->held);
    av_bsf_free(&s->filter);
    avformat_close_input(&s->input);
    while (nvr_post_send(s->post, on_exited, s) == -ENOMEM && !atomic_load(&s->cancel))
        ;
    return NULL;
}

/* ---- the loop's side ---- */

static int start(struct av_source *s)
{
    pthread_condattr_t cond;
    pthread_attr_t attr;
    int r = 0;

    (void)pthread_condattr_init(&cond);
    (void)pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->room, &cond);
    (void)pthread_condattr_destroy(&cond);
    for (unsigned i = 0; i < QUEUE_MAX; i++) {
        s->queue[i].packet = av_packet_alloc();
        if (!s->queue[i].packet)
            return -ENOMEM;
    }
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    r = -pthread_create(&s->thread, &attr, run, s);
    (void)pthread_attr_destroy(&attr);
    if (r == 0)
        (void)pthread_setname_np(s->thread, "libavformat");
    return r;
}

int nvr_source_av_open(uv_loop_t *loop, const struct nvr_source_address *address,
                       const struct nvr_source_handlers *handlers, void *arg,
                       struct nvr_source **ret_source)
{
    static const struct nvr_source_ops ops = {.close = av_close, .get_dropped = av_get_dropped};
    struct av_source *s = calloc(1, sizeof(*s));
    int r;

    assert(handlers && ret_source);
    if (!s)
        return -ENOMEM;
    s->base.ops = &ops;
    s->handlers = handlers;
    s->arg = arg;
    s->address = *address;
    s->video = s->audio = -1;
    s->pace_base_us = s->round_start_us = s->round_end_us = INT64_MIN;
    r = nvr_post_new(loop, &s->post);
    if (r < 0) {
        free(s);
        return r;
    }
    r = start(s);
    if (r < 0) {
        destroy(s);
        return r;
    }
    *ret_source = &s->base;
    return 0;
}
