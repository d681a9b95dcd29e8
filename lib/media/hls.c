#include "lib/media/hls.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/clock.h"

#define TARGET_DIGITS 10 /* room for the number that is known only at the end */

/* A byte range of a file and its time. */
struct entry {
    int64_t start_ms, end_ms;
    uint64_t offset, size;
};

int nvr_hls_begin(struct nvr_hls_writer *writer, struct nvr_buf *buf,
                  const struct nvr_hls_options *options)
{
    *writer = (struct nvr_hls_writer){.buf = buf, .options = *options};
    (void)nvr_buf_append_str(buf, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:");
    writer->target_pos = buf->len;
    return nvr_buf_printf(buf, "%*s\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n",
                          TARGET_DIGITS, "");
}

static bool is_uri_sound(const char *uri)
{
    if (!*uri || *uri == '#')
        return false;
    for (; *uri; uri++)
        if ((unsigned char)*uri <= ' ' || *uri == '"' || *uri == 0x7f)
            return false;
    return true;
}

static bool are_keys_sound(const struct nvr_hls_segment *segment)
{
    const int64_t duration_ms = segment->end_ms - segment->start_ms;

    if (!segment->keys_count || segment->keys[0].offset < segment->init_size)
        return false;
    for (size_t i = 0; i < segment->keys_count; i++) {
        const struct nvr_hls_key *key = &segment->keys[i];

        if (key->ms > duration_ms || key->offset >= segment->file_size)
            return false;
        if (i && (key->ms < key[-1].ms || key->offset <= key[-1].offset))
            return false;
    }
    return true;
}

static void put_time(struct nvr_hls_writer *writer, int64_t time_ms)
{
    char text[NVR_RFC3339_SIZE];

    nvr_rfc3339_format(time_ms, text);
    (void)nvr_buf_printf(writer->buf, "#EXT-X-PROGRAM-DATE-TIME:%s\n", text);
}

/* What stands before the first entry of a file. */
static void put_file_head(struct nvr_hls_writer *writer, const struct nvr_hls_segment *segment,
                          int64_t start_ms)
{
    const bool new_init = !writer->entries || strcmp(writer->last_init_id, segment->init_id) != 0;
    const int64_t hole_ms = start_ms - writer->last_end_ms;

    if (writer->entries && (new_init || hole_ms >= NVR_HLS_GAP_MS || hole_ms <= -NVR_HLS_GAP_MS))
        (void)nvr_buf_append_str(writer->buf, "#EXT-X-DISCONTINUITY\n");
    if (new_init) {
        (void)nvr_buf_printf(writer->buf, "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%" PRIu32 "@0\"\n",
                             segment->uri, segment->init_size);
        memcpy(writer->last_init_id, segment->init_id, strlen(segment->init_id) + 1);
    }
    put_time(writer, start_ms);
}

/* Sets *is_first false once the file's head is written. */
static void put_entry(struct nvr_hls_writer *writer, const struct nvr_hls_segment *segment,
                      const struct entry *entry, bool *is_first)
{
    const int64_t duration_ms = entry->end_ms - entry->start_ms;

    if (duration_ms <= 0 || entry->end_ms <= writer->options.start_ms ||
        entry->start_ms >= writer->options.end_ms)
        return;
    if (*is_first)
        put_file_head(writer, segment, entry->start_ms);
    *is_first = false;
    (void)nvr_buf_printf(
        writer->buf,
        "#EXTINF:%" PRId64 ".%03" PRId64 ",\n#EXT-X-BYTERANGE:%" PRIu64 "@%" PRIu64 "\n%s\n",
        duration_ms / 1000, duration_ms % 1000, entry->size, entry->offset, segment->uri);
    writer->last_end_ms = entry->end_ms;
    writer->longest_ms = NVR_MAX(writer->longest_ms, duration_ms);
    writer->entries++;
}

/* Groups that begin in the same millisecond become one entry. */
static void put_groups(struct nvr_hls_writer *writer, const struct nvr_hls_segment *segment)
{
    bool is_first = true;
    size_t next;

    for (size_t i = 0; i < segment->keys_count; i = next) {
        const struct nvr_hls_key *key = &segment->keys[i];

        for (next = i + 1; next < segment->keys_count && segment->keys[next].ms == key->ms; next++)
            ;
        const bool is_last = next == segment->keys_count;
        const uint64_t end = is_last ? segment->file_size : segment->keys[next].offset;
        const struct entry entry = {
            .start_ms = segment->start_ms + key->ms,
            .end_ms = is_last ? segment->end_ms : segment->start_ms + segment->keys[next].ms,
            .offset = key->offset,
            .size = end - key->offset,
        };

        put_entry(writer, segment, &entry, &is_first);
    }
}

int nvr_hls_add(struct nvr_hls_writer *writer, const struct nvr_hls_segment *segment)
{
    bool is_first = true;

    if (!is_uri_sound(segment->uri) || strlen(segment->init_id) >= sizeof(writer->last_init_id))
        return -EINVAL;
    if (segment->init_size >= segment->file_size)
        return 0; /* nothing was recorded into it */
    if (writer->options.per_gop && are_keys_sound(segment)) {
        put_groups(writer, segment);
    } else {
        const struct entry entry = {
            .start_ms = segment->start_ms,
            .end_ms = segment->end_ms,
            .offset = segment->init_size,
            .size = segment->file_size - segment->init_size,
        };

        put_entry(writer, segment, &entry, &is_first);
    }
    return nvr_buf_status(writer->buf);
}

int nvr_hls_end(struct nvr_hls_writer *writer)
{
    struct nvr_buf *buf = writer->buf;
    const int64_t target_s = NVR_MAX((writer->longest_ms + 999) / 1000, (int64_t)1);
    char number[TARGET_DIGITS + 1];
    int digits;

    (void)nvr_buf_append_str(buf, "#EXT-X-ENDLIST\n");
    if (nvr_buf_status(buf) < 0)
        return nvr_buf_status(buf);
    digits = nvr_fmt(number, sizeof(number), "%" PRId64, target_s);
    if (digits < 0)
        return digits;
    /* Close the room that the number does not need. */
    uint8_t *at = buf->data + writer->target_pos;

    memcpy(at, number, (size_t)digits);
    memmove(at + digits, at + TARGET_DIGITS, buf->len - writer->target_pos - TARGET_DIGITS);
    buf->len -= TARGET_DIGITS - (size_t)digits;
    return 0;
}
