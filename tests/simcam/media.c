/* media.c — a file's frames, demuxed once and ready to send. */
#include <libavformat/avformat.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simcam/simcam.h"

#define INPUT_STREAMS_MAX 16

static struct sim_file **files;
static int file_count;

struct sim_frame *sim_file_add_frame(struct sim_file *file, int track, int64_t due_us, int64_t ts,
                                     bool key)
{
    struct sim_frame *frame;

    if (file->frame_count == file->frame_cap) {
        file->frame_cap = file->frame_cap * 2 + 256;
        file->frames = sim_realloc(file->frames, sizeof(*frame) * (size_t)file->frame_cap);
    }
    frame = &file->frames[file->frame_count++];
    *frame = (struct sim_frame){
        .track = (uint8_t)track, .key = key, .due_us = due_us, .ts = ts, .offset = file->len};
    return frame;
}

static void add_set(struct sim_track *track, const uint8_t *data, size_t len)
{
    struct sim_parameter_set *set;

    if (track->set_count == SIM_PARAMETER_SETS_MAX || !len)
        return;
    set = &track->sets[track->set_count++];
    set->data = sim_calloc(1, len);
    set->len = len;
    memcpy(set->data, data, len);
}

/* count sets, each behind its 16-bit length; where they end. */
static const uint8_t *add_sets(struct sim_track *track, const uint8_t *p, const uint8_t *end,
                               unsigned count, bool wanted)
{
    while (count-- && end - p >= 2 && (size_t)(end - p) - 2 >= sim_get16(p)) {
        if (wanted)
            add_set(track, p + 2, sim_get16(p));
        p += 2 + sim_get16(p);
    }
    return p;
}

static bool parse_extradata(struct sim_track *track, const uint8_t *data, size_t len)
{
    const uint8_t *end = data + len;
    const uint8_t *p;

    if (track->codec == AV_CODEC_ID_H264) {
        if (len < 8 || data[0] != 1)
            return false;
        track->nal_length_size = (data[4] & 3) + 1;
        p = add_sets(track, data + 6, end, data[5] & 31U, true);
        if (p < end)
            (void)add_sets(track, p + 1, end, *p, true);
        return true;
    }
    if (len < 23 || data[0] != 1)
        return false;
    track->nal_length_size = (data[21] & 3) + 1;
    p = data + 23;
    for (unsigned arrays = data[22]; arrays && end - p >= 3; arrays--) {
        const unsigned type = p[0] & 0x3fU;

        p = add_sets(track, p + 3, end, sim_get16(p + 1), type >= 32 && type <= 34);
    }
    return true;
}

/* Payload type and rate; false: not a codec we send. */
static bool init_track(struct sim_track *track, const AVCodecParameters *par)
{
    static const struct {
        enum AVCodecID codec;
        int payload_type;
        bool video;
    } known[] = {
        {AV_CODEC_ID_H264, 96, true},      {AV_CODEC_ID_HEVC, 96, true},
        {AV_CODEC_ID_MJPEG, 26, true},     {AV_CODEC_ID_AAC, 97, false},
        {AV_CODEC_ID_OPUS, 98, false},     {AV_CODEC_ID_PCM_ALAW, 8, false},
        {AV_CODEC_ID_PCM_MULAW, 0, false},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(known); i++) {
        if (known[i].codec != par->codec_id)
            continue;
        *track = (struct sim_track){.codec = par->codec_id,
                                    .video = known[i].video,
                                    .payload_type = known[i].payload_type,
                                    .rate = known[i].video ? 90000 : par->sample_rate,
                                    .channels = par->ch_layout.nb_channels};
        if (track->codec == AV_CODEC_ID_OPUS)
            track->rate = 48000;
        return true;
    }
    return false;
}

/* The tracks that are sent, video first; map: input stream → track or -1. */
static bool add_tracks(struct sim_file *file, const AVFormatContext *input, int *map)
{
    for (unsigned i = 0; i < INPUT_STREAMS_MAX; i++)
        map[i] = -1;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < input->nb_streams && i < INPUT_STREAMS_MAX; i++) {
            const AVCodecParameters *par = input->streams[i]->codecpar;
            struct sim_track *track = &file->tracks[file->track_count];

            if (file->track_count == SIM_TRACKS_MAX)
                break;
            if ((par->codec_type == AVMEDIA_TYPE_VIDEO) != (pass == 0) || !init_track(track, par))
                continue;
            if ((track->codec == AV_CODEC_ID_H264 || track->codec == AV_CODEC_ID_HEVC) &&
                !parse_extradata(track, par->extradata, (size_t)par->extradata_size)) {
                sim_log(0, "%s: H.264 and H.265 must come in MP4, MOV or MKV", file->name);
                return false;
            }
            sim_track_describe(track, file->track_count, par);
            map[i] = file->track_count++;
        }
    }
    return file->track_count > 0;
}

/* Whatever the container holds per packet becomes packets of 40 ms. */
static void add_g711(struct sim_file *file, int index, const AVPacket *packet, int64_t ts)
{
    struct sim_track *track = &file->tracks[index];

    for (int i = 0; i < packet->size; i++) {
        struct sim_frame *frame;

        if (!track->pending_len)
            track->pending_ts = ts + i;
        track->pending[track->pending_len++] = packet->data[i];
        if (track->pending_len < sizeof(track->pending))
            continue;
        frame = sim_file_add_frame(file, index, av_rescale(track->pending_ts, 1000000, track->rate),
                                   track->pending_ts, false);
        sim_packetise_raw(file, frame, track->pending, track->pending_len);
        track->pending_len = 0;
    }
}

static void add_packet(struct sim_file *file, int index, const AVPacket *packet, int64_t due_us,
                       int64_t ts)
{
    const struct sim_track *track = &file->tracks[index];
    const uint8_t *data = packet->data;
    const size_t len = (size_t)packet->size;
    struct sim_frame *frame;

    if (track->codec == AV_CODEC_ID_PCM_ALAW || track->codec == AV_CODEC_ID_PCM_MULAW) {
        add_g711(file, index, packet, ts);
        return;
    }
    frame = sim_file_add_frame(file, index, due_us, ts,
                               track->video && (packet->flags & AV_PKT_FLAG_KEY));
    if (track->codec == AV_CODEC_ID_MJPEG)
        sim_packetise_jpeg(file, frame, data, len);
    else if (track->codec == AV_CODEC_ID_AAC)
        sim_packetise_aac(file, frame, data, len);
    else if (track->codec == AV_CODEC_ID_OPUS)
        sim_packetise_raw(file, frame, data, len);
    else
        sim_packetise_video(file, frame, data, len);
}

static int compare_due(const void *a, const void *b)
{
    const struct sim_frame *x = a;
    const struct sim_frame *y = b;

    if (x->due_us != y->due_us)
        return x->due_us > y->due_us ? 1 : -1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void read_packets(struct sim_file *file, AVFormatContext *input, const int *map)
{
    const AVRational us = {1, 1000000};
    int64_t first[SIM_TRACKS_MAX] = {INT64_MIN, INT64_MIN};
    AVPacket *packet = av_packet_alloc();

    while (packet && av_read_frame(input, packet) >= 0) {
        const int index = packet->stream_index < INPUT_STREAMS_MAX ? map[packet->stream_index] : -1;

        if (index >= 0) {
            const struct sim_track *track = &file->tracks[index];
            const AVRational base = input->streams[packet->stream_index]->time_base;
            int64_t due;

            if (first[index] == INT64_MIN)
                first[index] = packet->dts;
            due = av_rescale_q(packet->dts - first[index], base, us);
            add_packet(
                file, index, packet, due,
                av_rescale_q(packet->pts - first[index], base, (AVRational){1, track->rate}));
            if (track->video)
                file->period_us =
                    NVR_MAX(file->period_us, due + av_rescale_q(packet->duration, base, us));
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
}

static struct sim_file *read_file(const char *name, AVFormatContext *input)
{
    struct sim_file *file = sim_calloc(1, sizeof(*file));
    int map[INPUT_STREAMS_MAX];

    file->name = sim_strdup(name);
    if (!add_tracks(file, input, map)) {
        sim_log(0, "%s: nothing in it that can be sent", name);
        return NULL;
    }
    read_packets(file, input, map);
    if (!file->frame_count)
        return NULL;
    qsort(file->frames, (size_t)file->frame_count, sizeof(*file->frames), compare_due);
    if (!file->period_us)
        file->period_us = file->frames[file->frame_count - 1].due_us + 40000;
    /* Audio behind the end of the video would overlap the next loop. */
    while (file->frame_count > 1 && file->frames[file->frame_count - 1].due_us >= file->period_us)
        file->frame_count--;
    return file;
}

struct sim_file *sim_file_load(const char *name)
{
    AVFormatContext *input = NULL;
    struct sim_file *file;

    for (int i = 0; i < file_count; i++)
        if (strcmp(files[i]->name, name) == 0)
            return files[i];
    if (avformat_open_input(&input, name, NULL, NULL) < 0 ||
        avformat_find_stream_info(input, NULL) < 0) {
        sim_log(0, "cannot open %s", name);
        avformat_close_input(&input);
        return NULL;
    }
    file = read_file(name, input);
    avformat_close_input(&input);
    if (!file)
        return NULL;
    files = sim_realloc(files, sizeof(*files) * (size_t)(file_count + 1));
    files[file_count++] = file;
    sim_log(1, "%s: %d frames, %.3f s, %.1f MB", name, file->frame_count,
            (double)file->period_us / 1e6, (double)file->len / 1e6);
    return file;
}

void sim_files_free(void)
{
    for (int i = 0; i < file_count; i++) {
        for (int t = 0; t < files[i]->track_count; t++)
            for (int k = 0; k < files[i]->tracks[t].set_count; k++)
                free(files[i]->tracks[t].sets[k].data);
        free(files[i]->name);
        free(files[i]->frames);
        free(files[i]->bytes);
        free(files[i]);
    }
    free(files);
}
