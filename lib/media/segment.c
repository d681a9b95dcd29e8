#include "lib/media/segment.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/media/checksum.h"

#define EARLY_US 500000 /* a key frame this much before the wanted length is good enough */

void nvr_segment_done(struct nvr_segment *segment)
{
    free(segment->keys);
    *segment = (struct nvr_segment){0};
}

int nvr_segment_add_key(struct nvr_segment *segment, uint32_t ms, uint64_t offset)
{
    if (segment->keys_count == NVR_SEGMENT_KEYS_MAX)
        return 0;
    if (segment->keys_count == segment->keys_cap) {
        const size_t cap = segment->keys_cap ? segment->keys_cap * 2 : 16;
        struct nvr_segment_key *keys = realloc(segment->keys, cap * sizeof(*keys));

        if (!keys)
            return -ENOMEM;
        segment->keys = keys;
        segment->keys_cap = cap;
    }
    segment->keys[segment->keys_count++] = (struct nvr_segment_key){.ms = ms, .offset = offset};
    return 0;
}

struct nvr_segment_digest *nvr_segment_add_digest(struct nvr_segment *segment, uint32_t ms,
                                                  uint64_t offset)
{
    struct nvr_segment_digest *digests = segment->digests;
    size_t *count = &segment->digests_count;

    if (!segment->digests_step_ms)
        segment->digests_step_ms = NVR_SEGMENT_DIGEST_MS;
    if (*count == NVR_SEGMENT_DIGESTS_MAX && ms >= digests[*count - 1].ms) {
        *count /= 2;
        for (size_t i = 0; i < *count; i++)
            digests[i] = digests[2 * i + 1];
        segment->digests_step_ms *= 2;
    }
    if (ms < (uint64_t)(*count ? digests[*count - 1].ms : 0) + segment->digests_step_ms)
        return NULL;
    digests[*count] = (struct nvr_segment_digest){.ms = ms, .offset = offset};
    return &digests[(*count)++];
}

int nvr_segment_folder(int64_t start_us, char *dst, size_t dst_size)
{
    const struct nvr_utc t = nvr_utc_from_ms(start_us / 1000);
    const int r = nvr_fmt(dst, dst_size, "%04d-%02d-%02d/%02d", t.year, t.month, t.day, t.hour);

    return r < 0 ? r : 0;
}

int nvr_segment_name(int64_t start_us, unsigned attempt, char *dst, size_t dst_size)
{
    const struct nvr_utc t = nvr_utc_from_ms(start_us / 1000);
    char suffix[16] = "";
    int r = 0;

    if (attempt > 1)
        r = nvr_fmt(suffix, sizeof(suffix), "_%u", attempt);
    if (r >= 0)
        r = nvr_fmt(dst, dst_size, "segment_%04d%02d%02d_%02d%02d%02d%s.mp4", t.year, t.month,
                    t.day, t.hour, t.minute, t.second, suffix);
    return r < 0 ? r : 0;
}

const char *nvr_segment_codec(const char *codecs)
{
    static const struct {
        const char *prefix, *name;
    } table[] = {
        {"avc", "h264"}, {"hvc", "h265"}, {"hev", "h265"}, {"mp4v", "mjpeg"}, {"av01", "av1"},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(table); i++)
        if (strncmp(codecs, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].name;
    return "other";
}

const char *nvr_segment_audio_codec(const char *codecs)
{
    return strstr(codecs, "mp4a") ? "aac" : NULL;
}

enum nvr_segment_action nvr_segment_decide(const struct nvr_segment_cut *cut,
                                           const struct nvr_ring_entry *entry)
{
    const bool key = entry->flags & NVR_RING_KEY;

    if (!cut->open)
        return key ? NVR_SEGMENT_BEGIN : NVR_SEGMENT_SKIP;
    if (cut->new_init) /* not decodable with this file's init segment */
        return key ? NVR_SEGMENT_BEGIN : NVR_SEGMENT_SKIP;
    if (key && (cut->pending || (entry->flags & NVR_RING_DISCONTINUITY)))
        return NVR_SEGMENT_BEGIN;
    if (key && entry->dts_us - cut->start_us >= cut->length_us - EARLY_US)
        return NVR_SEGMENT_BEGIN;
    if (!(entry->flags & NVR_RING_AUDIO_ONLY) &&
        (entry->dts_us - cut->start_us >= NVR_SEGMENT_MAX_US ||
         cut->bytes >= NVR_SEGMENT_MAX_BYTES))
        return NVR_SEGMENT_BEGIN;
    return NVR_SEGMENT_APPEND;
}

static json_t *keys_to_json(const struct nvr_segment *segment)
{
    json_t *keys = json_array();

    for (size_t i = 0; keys && i < segment->keys_count; i++) {
        json_t *pair = json_pack("[I, I]", (json_int_t)segment->keys[i].ms,
                                 (json_int_t)segment->keys[i].offset);

        if (json_array_append_new(keys, pair) < 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

static json_t *digests_to_json(const struct nvr_segment *segment)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < segment->digests_count; i++) {
        const struct nvr_segment_digest *digest = &segment->digests[i];
        char hex[2 * NVR_SEGMENT_DIGEST_SIZE + 1];

        nvr_checksum_hex(digest->sum, sizeof(digest->sum), hex);
        if (json_array_append_new(list, json_pack("[I, I, s]", (json_int_t)digest->ms,
                                                  (json_int_t)digest->offset, hex)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *holes_to_json(const struct nvr_segment *segment)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < segment->holes_count; i++)
        (void)json_array_append_new(list, json_pack("[I, I]", (json_int_t)segment->holes[i].from_ms,
                                                    (json_int_t)segment->holes[i].to_ms));
    return list;
}

json_t *nvr_segment_to_json(const struct nvr_segment *s)
{
    const int64_t start_ms = s->start_us / 1000;
    const int64_t end_ms = NVR_MAX(s->end_us / 1000, start_ms);
    const double seconds = (double)NVR_MAX(s->end_us - s->start_us, (int64_t)1000) / 1e6;
    json_t *keys = keys_to_json(s);
    json_t *digests;

    if (!keys)
        return NULL;
    digests = digests_to_json(s);
    if (!digests) {
        json_decref(keys);
        return NULL;
    }
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s?, s:i, s:i, s:f, s:I, s:i, s:s, s:s, s:o, "
        "s:o, s:o}",
        "path", s->path, "stream", "main", "start_ms", (json_int_t)start_ms, "end_ms",
        (json_int_t)end_ms, "duration_ms", (json_int_t)(end_ms - start_ms), "file_size",
        (json_int_t)s->file_size, "codec", nvr_segment_codec(s->codecs), "codec_string", s->codecs,
        "audio_codec", nvr_segment_audio_codec(s->codecs), "width", (int)s->width, "height",
        (int)s->height, "fps", (double)(int64_t)((double)s->frames / seconds * 100 + 0.5) / 100,
        "bitrate", (json_int_t)((double)s->file_size * 8 / seconds), "init_size", (int)s->init_size,
        "init_id", s->init_id, "checksum", s->checksum, "keyframes", keys, "digests", digests,
        "holes", holes_to_json(s));
}
