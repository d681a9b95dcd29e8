/* Role export: recorded segments → one progressive MP4 (moov first), without re-encoding. The core
 * hands over one segment after the other, read-only, and the file to write; nothing else can be
 * touched. Segments go into the file as they are, so that they can be proven there. */
#include "src/media/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/child.h"
#include "src/media/roles.h"

NVR_LOG_TOPIC("export");

#define NEXT_TIMEOUT_MS 600000 /* a segment may have to come from far away */
#define PROGRESS_MS 250
#define FLUSH_MS 20
#define RESERVE_MIN 65536

/* ---- what the core asks for ---- */

static int parse_options(const json_t *params, struct export_options *o)
{
    *o = (struct export_options){.whole = true, .audio = true, .zone = ""};
    return nvr_json_get_bool(params, "whole", &o->whole) < 0 ||
                   nvr_json_get_bool(params, "timestamps", &o->timestamps) < 0 ||
                   nvr_json_get_str(params, "zone", &o->zone) < 0 ||
                   nvr_json_get_bool(params, "audio", &o->audio) < 0 ||
                   nvr_json_get_int(params, "speed", 0, EXPORT_SPEED_MAX, &o->speed) < 0 ||
                   nvr_json_get_int(params, "created_ms", 0, INT64_MAX / 4, &o->created_ms) < 0 ||
                   nvr_json_get_int(params, "reserve", 0, EXPORT_RESERVE_MAX, &o->reserve) < 0
               ? -EINVAL
               : 0;
}

static int begin_movie(struct export *e)
{
    int r;

    nvr_cut_free(NVR_TAKE(e->cut));
    nvr_movie_free(NVR_TAKE(e->movie));
    e->item = -1;
    e->lapse = (struct export_lapse){0};
    if (e->burn)
        export_burn_reset(e->burn);
    r = nvr_movie_new(e->options.created_ms, &e->movie);
    if (r == 0)
        r = nvr_cut_new(e->movie, &e->cut);
    if (r == 0)
        r = export_output_begin(&e->out,
                                (uint64_t)NVR_MAX(e->options.reserve, (int64_t)RESERVE_MIN));
    return r;
}

/* ---- one segment ---- */

struct piece {
    struct export *e;
    struct export_scan scan;
    unsigned entries[NVR_MOVIE_TRACKS];
    uint64_t fragment; /* offset in the file */
    uint64_t shift;    /* file → media, where bytes are copied as they are */
    bool ended;        /* the item needs no more */
};

static int begin_piece(struct piece *piece, int fd)
{
    struct export *e = piece->e;
    int r = export_scan_open(&piece->scan, fd);

    if (r == 0 && e->burn)
        r = export_burn_begin_segment(e, &piece->scan);
    else if (r == 0)
        r = export_scan_add_entry(&piece->scan, e->movie, NVR_MOVIE_VIDEO,
                                  &piece->entries[NVR_MOVIE_VIDEO]);
    if (r == 0 && piece->scan.audio >= 0 && e->options.audio && !e->options.speed)
        r = export_scan_add_entry(&piece->scan, e->movie, NVR_MOVIE_AUDIO,
                                  &piece->entries[NVR_MOVIE_AUDIO]);
    return r;
}

/* Sound that is not wanted, and tracks that no movie of ours has. */
static bool is_wanted(const struct piece *piece, const struct nvr_fmp4_found *found)
{
    if ((int)found->track == piece->scan.video)
        return found->dts <= INT64_MAX / 4 && found->size > 0;
    return (int)found->track == piece->scan.audio && piece->e->options.audio &&
           !piece->e->options.speed && found->dts <= INT64_MAX / 4;
}

static struct nvr_cut_sample to_sample(const struct piece *piece,
                                       const struct nvr_fmp4_found *found)
{
    const enum nvr_movie_track track =
        (int)found->track == piece->scan.video ? NVR_MOVIE_VIDEO : NVR_MOVIE_AUDIO;

    return (struct nvr_cut_sample){
        .track = track,
        .timescale = piece->scan.init.tracks[found->track].timescale,
        .dts = (int64_t)found->dts,
        .cts = found->cts,
        .duration = found->duration,
        .size = found->size,
        .key = found->key,
        .entry = piece->entries[track],
    };
}

/* Bytes stay where they were in the segment. */
static int feed_whole(const struct nvr_fmp4_found *found, void *arg)
{
    struct piece *piece = arg;
    struct nvr_cut_sample sample;
    int r;

    if (!is_wanted(piece, found))
        return 0;
    sample = to_sample(piece, found);
    sample.offset = piece->fragment + found->offset + piece->shift;
    r = nvr_cut_feed(piece->e->cut, &sample);
    piece->ended |= r == 1;
    return r < 0 ? r : 0;
}

/* Only this sample's bytes are copied. */
static int feed_selected(const struct nvr_fmp4_found *found, void *arg)
{
    struct piece *piece = arg;
    struct export *e = piece->e;
    struct nvr_cut_sample sample;
    int r = 0;

    if (!is_wanted(piece, found))
        return 0;
    sample = to_sample(piece, found);
    sample.offset = e->out.pos;
    if (e->burn) {
        r = export_burn_feed(e, &piece->scan, &sample, piece->fragment + found->offset);
        piece->ended |= r == EXPORT_ENDED;
        return NVR_MIN(r, 0);
    }
    if (e->options.speed)
        r = export_lapse_feed(e, &sample);
    else
        r = nvr_cut_feed(e->cut, &sample);
    if (r < 0)
        return r;
    piece->ended |= r == EXPORT_ENDED;
    if (r == EXPORT_ENDED || r == EXPORT_SKIP)
        return 0;
    return export_output_copy(&e->out, piece->scan.fd, piece->fragment + found->offset, found->size,
                              false);
}

static int walk(struct piece *piece, uint64_t from, nvr_fmp4_visit visit)
{
    struct nvr_fmp4_fragment fragment;
    int r;

    piece->fragment = from;
    while (!piece->ended &&
           (r = export_scan_fragment(&piece->scan, piece->fragment, &fragment)) == 1) {
        r = export_scan_samples(&piece->scan, &fragment, visit, piece);
        if (r < 0)
            return r;
        piece->fragment += fragment.size;
    }
    return piece->ended ? 0 : r;
}

/* From the key frame on that is needed for the start; the first segment of an item only. */
static int find_begin(struct piece *piece, uint64_t *ret_from)
{
    return export_scan_find_key(&piece->scan, piece->e->start_us, ret_from);
}

/* The file as it is. It is copied first, while the disk reads ahead; the boxes are then looked at
 * in memory. */
static int add_whole(struct piece *piece)
{
    struct export *e = piece->e;
    const uint64_t size = piece->scan.size;
    int r;

    piece->shift = export_output_align(&e->out);
    e->placed = (struct export_extent){e->out.media + e->out.pos, size};
    r = export_output_copy(&e->out, piece->scan.fd, 0, size, true);
    return r < 0 ? r : walk(piece, piece->scan.init.size, feed_whole);
}

/* Of the first and the last file only what is needed. */
static int add_trimmed(struct piece *piece)
{
    struct export *e = piece->e;
    uint64_t begin = 0;
    uint64_t end;
    int r;

    (void)posix_fadvise(piece->scan.fd, 0, 0, POSIX_FADV_WILLNEED);
    r = find_begin(piece, &begin);
    if (r < 0)
        return r;
    piece->shift = export_output_align(&e->out) - begin;
    r = walk(piece, begin, feed_whole);
    end = piece->fragment;
    if (r < 0 || end <= begin)
        return r;
    e->placed = (struct export_extent){e->out.media + e->out.pos, end - begin};
    return export_output_copy(&e->out, piece->scan.fd, begin, end - begin, true);
}

static int add_selected(struct piece *piece)
{
    uint64_t from;
    int r;

    (void)posix_fadvise(piece->scan.fd, 0, 0, POSIX_FADV_WILLNEED);
    r = find_begin(piece, &from);
    return r < 0 ? r : walk(piece, from, feed_selected);
}

static int add_segment(struct export *e, int fd)
{
    struct piece piece = {.e = e};
    int r = begin_piece(&piece, fd);

    e->placed = (struct export_extent){0};
    if (r == 0 && e->options.audio && !e->options.speed && !e->burn)
        r = e->options.whole ? add_whole(&piece) : add_trimmed(&piece);
    else if (r == 0)
        r = add_selected(&piece);
    export_scan_close(&piece.scan);
    return r;
}

/* ---- the conversation ---- */

static void fail(struct export *e, int r)
{
    if (r == -ENODATA)
        nvr_child_refuse(e->child, e->request, "nothing_recorded",
                         "There is no picture in this range.");
    else if (r == -ENOSPC || r == -EDQUOT)
        nvr_child_refuse(e->child, e->request, "disk_full", "The disk is full.");
    else if (r == -ENOTSUP)
        nvr_child_refuse(e->child, e->request, "no_encoder",
                         "This picture cannot be encoded here: libavcodec has no H.264 encoder "
                         "(libx264), or cannot decode the camera's codec.");
    else if (r == -EPROTO || r == -EINVAL)
        nvr_child_refuse(e->child, e->request, "damaged", "A recording is damaged.");
    else
        nvr_child_refuse(e->child, e->request, "io", nvr_strerror(r));
    nvr_child_end(e->child, 0);
}

static int end_movie(struct export *e)
{
    if (e->burn)
        return export_burn_end(e);
    return e->options.speed ? export_lapse_end(e) : nvr_cut_end(e->cut);
}

static int finish(struct export *e)
{
    char digest[65] = "";
    uint64_t size = 0;
    uint64_t needed = 0;
    int64_t duration_us;
    int r = end_movie(e);

    if (r < 0)
        return r;
    duration_us = nvr_cut_get_duration_us(e->cut);
    r = export_output_finish(&e->out, e->movie, &size, &needed);
    if (r == -E2BIG) { /* the guess was too low: once more, now it is known */
        e->options.reserve = (int64_t)needed;
        e->restart = true;
        return begin_movie(e);
    }
    if (r == 0)
        r = export_output_digest(&e->out, false, digest);
    if (r < 0)
        return r;
    nvr_child_answer(e->child, e->request,
                     json_pack("{s:I, s:I, s:I, s:I, s:s}", "size", (json_int_t)size, "duration_ms",
                               (json_int_t)((duration_us + 500) / 1000), "frames",
                               (json_int_t)nvr_movie_get_samples(e->movie, NVR_MOVIE_VIDEO),
                               "sound",
                               (json_int_t)nvr_movie_get_samples(e->movie, NVR_MOVIE_AUDIO),
                               "container", digest),
                     -1);
    nvr_child_end(e->child, 0);
    return 0;
}

static void ask_next(struct export *e);

static int begin_item(struct export *e, const json_t *result)
{
    const char *label = "";
    int64_t item;

    if (nvr_json_get_int(result, "item", 0, INT32_MAX, &item) <= 0 ||
        nvr_json_get_int(result, "start_us", 0, INT64_MAX / 4, &e->start_us) <= 0 ||
        nvr_json_get_int(result, "end_us", 1, INT64_MAX / 4, &e->end_us) <= 0 ||
        e->end_us <= e->start_us)
        return -EINVAL;
    if (item == e->item)
        return 0;
    e->item = item;
    (void)nvr_json_get_str(result, "label", &label);
    if (e->burn)
        return export_burn_begin_item(e, label);
    return e->options.speed ? export_lapse_begin(e) : nvr_cut_begin(e->cut, e->start_us, e->end_us);
}

static void on_next(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct export *e = arg;
    bool end = false;
    int r;

    (void)rpc;
    if (reply->error) {
        log_warn("the next segment: %s", reply->message);
        nvr_child_end(e->child, 1);
        return;
    }
    (void)nvr_json_get_bool(reply->result, "end", &end);
    if (end) {
        e->restart = false;
        r = finish(e);
        if (r < 0)
            fail(e, r);
        else if (e->restart)
            ask_next(e);
        return;
    }
    r = reply->fds_count ? begin_item(e, reply->result) : -EINVAL;
    if (r == 0)
        r = add_segment(e, reply->fds[0]);
    if (r < 0)
        fail(e, r);
    else
        ask_next(e);
}

static void ask_next(struct export *e)
{
    json_t *params = json_pack("{s:b, s:I, s:I}", "restart", e->restart, "offset",
                               (json_int_t)e->placed.offset, "size", (json_int_t)e->placed.size);
    struct nvr_rpc *rpc = nvr_child_get_rpc(e->child);
    int r = -ECONNRESET;

    e->restart = false;
    e->placed = (struct export_extent){0};
    if (rpc)
        r = nvr_rpc_call(rpc, "next", params, NULL, 0, NEXT_TIMEOUT_MS, on_next, e);
    else
        json_decref(params);
    if (r < 0)
        nvr_child_end(e->child, 1);
}

/* A sign of life, while the loop does not turn. */
static void on_copied(size_t bytes, void *arg)
{
    struct export *e = arg;
    const int64_t now = nvr_clock_mono_ms();
    struct nvr_rpc *rpc = nvr_child_get_rpc(e->child);

    e->copied += bytes;
    if (now - e->told_ms < PROGRESS_MS || !rpc)
        return;
    e->told_ms = now;
    nvr_child_tell(e->child, "progress", json_pack("{s:I}", "bytes", (json_int_t)e->copied), -1);
    (void)nvr_rpc_flush(rpc, FLUSH_MS);
}

static void on_request(struct nvr_child *child, const struct nvr_rpc_request *request, void *arg)
{
    struct export *e = arg;
    int r;

    if (e->child || strcmp(request->method, "export") != 0 || request->fds_count < 1 ||
        parse_options(request->params, &e->options) < 0) {
        nvr_child_refuse(child, request->id, "protocol", "this is not an export");
        nvr_child_end(child, 1);
        return;
    }
    e->child = child;
    e->request = request->id;
    e->out = (struct export_output){
        .fd = NVR_TAKE_FD(request->fds[0]), .on_copied = on_copied, .arg = e};
    /* The font and the time zone's file are read while that is possible. */
    r = e->options.timestamps ? export_burn_new(e->options.zone, &e->burn) : 0;
    if (r == -ENOENT) {
        nvr_child_refuse(child, request->id, "no_font",
                         "The font for time stamps is missing: install fonts-dejavu-core.");
        nvr_child_end(child, 0);
        return;
    }
    if (r == 0)
        r = nvr_child_enter(child, NVR_SANDBOX_NO_NETWORK, NULL, NULL);
    if (r == 0)
        r = begin_movie(e);
    if (r < 0)
        fail(e, r);
    else
        ask_next(e);
}

static void on_stop(struct nvr_child *child, void *arg)
{
    (void)arg;
    nvr_child_end(child, 0);
}

int nvr_export_run(const char *name, int fd)
{
    static const struct nvr_child_role role = {
        .name = "export", .on_request = on_request, .on_stop = on_stop};
    struct export e = {.out = {.fd = -1}};
    int status;

    (void)name;
    status = nvr_child_run(fd, &role, &e);
    export_burn_free(e.burn);
    nvr_cut_free(e.cut);
    nvr_movie_free(e.movie);
    export_output_done(&e.out);
    return status;
}
