/* nvr verify FILE… — is an exported file what was recorded? Offline and alone: what it needs is in
 * the file, and better a public key from elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/media/byte_check.h"
#include "lib/media/evidence.h"
#include "lib/media/timeline.h"
#include "src/cli/cli.h"

#define CHUNK (256 * 1024)
#define KEY_FILE_MAX 65536
#define PROBLEMS_SHOWN 20

enum verdict { INTACT, UNPROVEN, CHANGED };

struct verify {
    const char *path;
    int fd;
    int64_t size;
    int64_t proof_offset, proof_size; /* of the box */
    struct nvr_proof *proof;
    const uint8_t *pinned; /* NULL: none given */
    enum verdict verdict;
    json_t *problems, *notes, *cameras;
};

static void add_words(json_t *list, const char *kind, const char *camera, int64_t at_ms,
                      const char *fmt, va_list ap)
{
    char message[512];
    json_t *entry;

    (void)vsnprintf(message, sizeof(message), fmt, ap);
    entry = json_pack("{s:s, s:s, s:o, s:s}", "kind", kind, "camera", camera, "at",
                      at_ms >= 0 ? json_integer(at_ms) : json_null(), "message", message);
    (void)json_array_append_new(list, entry);
}

static void problem(struct verify *v, enum verdict verdict, const char *kind, const char *camera,
                    int64_t at_ms, const char *fmt, ...) NVR_PRINTF(6, 7);
static void problem(struct verify *v, enum verdict verdict, const char *kind, const char *camera,
                    int64_t at_ms, const char *fmt, ...)
{
    va_list ap;

    v->verdict = NVR_MAX(v->verdict, verdict);
    va_start(ap, fmt);
    add_words(v->problems, kind, camera, at_ms, fmt, ap);
    va_end(ap);
}

static void note(struct verify *v, const char *kind, const char *camera, int64_t at_ms,
                 const char *fmt, ...) NVR_PRINTF(5, 6);
static void note(struct verify *v, const char *kind, const char *camera, int64_t at_ms,
                 const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add_words(v->notes, kind, camera, at_ms, fmt, ap);
    va_end(ap);
}

/* ---- the file ---- */

/* Top-level boxes up to the proof. 0, -ENOENT (there is no proof), -EBADMSG. */
static int find_proof(struct verify *v)
{
    uint8_t head[NVR_PROOF_BOX_HEADER_SIZE];
    int64_t at = 0;

    while (at < v->size) {
        const ssize_t got = nvr_fd_pread_all(v->fd, head, sizeof(head), at);
        uint64_t size;

        if (got < 0)
            return (int)got;
        if (got < 8)
            return -EBADMSG;
        size = (uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 | (uint64_t)head[2] << 8 | head[3];
        if (size == 1 && got >= 16) {
            size = 0;
            for (size_t i = 8; i < 16; i++)
                size = size << 8 | head[i];
        }
        if (size < 8 || size > (uint64_t)(v->size - at))
            return -EBADMSG;
        if (got == (ssize_t)sizeof(head) && size >= sizeof(head) && nvr_proof_is_box(head)) {
            v->proof_offset = at;
            v->proof_size = (int64_t)size;
            return 0;
        }
        at += (int64_t)size;
    }
    return -ENOENT;
}

static int read_proof(struct verify *v)
{
    const int64_t len = v->proof_size - NVR_PROOF_BOX_HEADER_SIZE;
    NVR_AUTO_FREE char *text = NULL;
    char reason[200] = "";
    ssize_t got;
    int r;

    if (len > NVR_PROOF_SIZE_MAX) {
        problem(v, CHANGED, "proof", "", -1, "the proof is too large");
        return -EBADMSG;
    }
    text = malloc((size_t)len + 1);
    if (!text)
        return -ENOMEM;
    got = nvr_fd_pread_all(v->fd, text, (size_t)len, v->proof_offset + NVR_PROOF_BOX_HEADER_SIZE);
    if (got < 0)
        return (int)got;
    r = nvr_proof_parse(text, (size_t)got, &v->proof, reason, sizeof(reason));
    if (r == -EBADMSG)
        problem(v, CHANGED, "proof", "", -1, "the proof cannot be read: %s", reason);
    return r;
}

/* size bytes from offset into check. 0, -ENODATA (the file ends before), -errno. */
static int feed(struct verify *v, struct nvr_byte_check *check, int64_t offset, int64_t size)
{
    static uint8_t chunk[CHUNK];

    while (size > 0) {
        const size_t want = (size_t)NVR_MIN(size, (int64_t)sizeof(chunk));
        const ssize_t got = nvr_fd_pread_all(v->fd, chunk, want, offset);

        if (got < 0)
            return (int)got;
        nvr_byte_check_update(check, chunk, (size_t)got);
        if ((size_t)got < want)
            return -ENODATA;
        offset += got;
        size -= got;
    }
    return 0;
}

/* ---- what it says ---- */

static void check_key(struct verify *v)
{
    const uint8_t *own = nvr_proof_get_public_key(v->proof);
    const uint8_t *key = v->pinned ? v->pinned : own;
    char fingerprint[NVR_FINGERPRINT_SIZE];

    nvr_evidence_fingerprint(own, fingerprint);
    if (v->pinned && memcmp(v->pinned, own, NVR_ED25519_KEY_SIZE) != 0)
        problem(v, CHANGED, "key", "", -1, "signed by another key than the given one: %s",
                fingerprint);
    else if (!nvr_proof_signature_is_good(v->proof, key))
        problem(v, CHANGED, "signature", "", -1, "the proof's signature is wrong");
}

static void check_link(struct verify *v, const struct nvr_evidence_link *link)
{
    const uint8_t *key = v->pinned ? v->pinned : nvr_proof_get_public_key(v->proof);

    if (!nvr_evidence_link_is_whole(link))
        problem(v, CHANGED, "chain", link->camera, link->start_ms,
                "link %lld does not fit its segment", (long long)link->seq);
    else if (!link->is_signed)
        problem(v, UNPROVEN, "unsigned", link->camera, link->start_ms, "link %lld was never signed",
                (long long)link->seq);
    else if (!nvr_evidence_signature_is_good(key, link->chain, sizeof(link->chain),
                                             link->signature))
        problem(v, CHANGED, "signature", link->camera, link->start_ms,
                "the signature of link %lld is wrong", (long long)link->seq);
}

static void tell_changed(struct verify *v, const struct nvr_proof_segment *segment,
                         const struct nvr_byte_check *check, const char *what)
{
    const struct nvr_evidence_link *link = &segment->link;
    const int64_t ms = nvr_byte_check_get_changed_ms(check);
    const int64_t at_ms = ms < 0 ? link->start_ms : link->start_ms + ms;
    char when[NVR_RFC3339_SIZE];

    nvr_rfc3339_format(at_ms, when);
    problem(v, CHANGED, "changed", link->camera, at_ms, "%s %s %s (segment %lld)", what,
            ms < 0 ? "somewhere after" : "from about", when, (long long)link->seq);
}

static void check_bytes(struct verify *v, const struct nvr_proof_segment *segment)
{
    const struct nvr_evidence_link *link = &segment->link;
    struct nvr_byte_check check;
    int r;

    if (segment->offset < 0) {
        problem(v, UNPROVEN, "encoded", link->camera, link->start_ms,
                "segment %lld was encoded anew: its own bytes are not in this file",
                (long long)link->seq);
        return;
    }
    nvr_byte_check_init(&check, segment->digests, segment->digests_count);
    if (segment->offset > v->proof_offset ||
        segment->file_bytes > v->proof_offset - segment->offset)
        r = -ENODATA;
    else
        r = feed(v, &check, segment->offset, segment->file_bytes);
    if (r == -ENODATA) {
        tell_changed(v, segment, &check, "bytes are missing");
    } else if (r < 0) {
        problem(v, CHANGED, "unreadable", link->camera, link->start_ms, "%s", nvr_strerror(r));
    } else if (segment->file_bytes == link->size) {
        if (!nvr_byte_check_finish(&check, link->sha256))
            tell_changed(v, segment, &check, "changed");
    } else if (check.differs) {
        tell_changed(v, segment, &check, "changed");
    } else {
        note(v, "part", link->camera, link->start_ms,
             "of segment %lld the first %lld of %lld bytes are here, proven for its first %.1f s",
             (long long)link->seq, (long long)segment->file_bytes, (long long)link->size,
             (double)NVR_MAX(nvr_byte_check_get_changed_ms(&check), (int64_t)0) / 1000);
    }
}

static int compare_links(const void *a, const void *b)
{
    const struct nvr_evidence_link *x = &(*(const struct nvr_proof_segment *const *)a)->link;
    const struct nvr_evidence_link *y = &(*(const struct nvr_proof_segment *const *)b)->link;
    const int r = strcmp(x->camera, y->camera);

    return r ? r : (x->seq > y->seq) - (x->seq < y->seq);
}

struct camera_sum {
    unsigned segments, breaks;
    int64_t first_seq, last_seq, outside; /* links between that belong to other times */
};

static void end_camera(struct verify *v, const char *camera, const struct camera_sum *sum)
{
    (void)json_array_append_new(
        v->cameras, json_pack("{s:s, s:i, s:I, s:I, s:I, s:b}", "camera", camera, "segments",
                              (int)sum->segments, "first_seq", (json_int_t)sum->first_seq,
                              "last_seq", (json_int_t)sum->last_seq, "links_elsewhere",
                              (json_int_t)sum->outside, "unbroken", !sum->breaks));
}

/* Links in their own order: the value of one is in the next. */
static int check_continuity(struct verify *v, const struct nvr_proof_segment *segments,
                            size_t count)
{
    // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are sorted
    NVR_AUTO_FREE const struct nvr_proof_segment **sorted = calloc(count + 1, sizeof(*sorted));
    struct camera_sum sum = {0};

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &segments[i];
    // NOLINTNEXTLINE(bugprone-sizeof-expression)
    qsort(sorted, count, sizeof(*sorted), compare_links);
    for (size_t i = 0; i < count; i++) {
        const struct nvr_evidence_link *link = &sorted[i]->link;
        const struct nvr_evidence_link *before = i ? &sorted[i - 1]->link : NULL;

        if (!before || strcmp(before->camera, link->camera) != 0)
            sum = (struct camera_sum){.first_seq = link->seq};
        else if (link->seq == before->seq + 1 &&
                 memcmp(link->prev, before->chain, sizeof(link->prev)) != 0)
            sum.breaks++, problem(v, CHANGED, "chain", link->camera, link->start_ms,
                                  "the chain is broken before link %lld", (long long)link->seq);
        else if (link->seq > before->seq + 1)
            sum.outside += link->seq - before->seq - 1;
        sum.segments++;
        sum.last_seq = link->seq;
        if (i + 1 == count || strcmp(sorted[i + 1]->link.camera, link->camera) != 0)
            end_camera(v, link->camera, &sum);
    }
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct nvr_range *x = a;
    const struct nvr_range *y = b;

    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* What was asked for is recorded, or a gap with a cause; anything else is told. */
static int check_item(struct verify *v, const struct nvr_proof_range *item)
{
    const struct nvr_proof_segment *segments;
    const struct nvr_proof_range *gaps;
    const size_t segments_count = nvr_proof_get_segments(v->proof, &segments);
    const size_t gaps_count = nvr_proof_get_gaps(v->proof, &gaps);
    NVR_AUTO_FREE struct nvr_range *known = calloc(segments_count + gaps_count + 1, sizeof(*known));
    struct nvr_ranges covered = {0};
    struct nvr_ranges holes = {0};
    size_t count = 0;
    int r = known ? 0 : -ENOMEM;

    for (size_t i = 0; known && i < segments_count; i++)
        if (strcmp(segments[i].link.camera, item->camera) == 0)
            known[count++] = (struct nvr_range){segments[i].link.start_ms, segments[i].link.end_ms};
    for (size_t i = 0; known && i < gaps_count; i++)
        if (strcmp(gaps[i].camera, item->camera) == 0)
            known[count++] = (struct nvr_range){gaps[i].start_ms, gaps[i].end_ms};
    if (known)
        qsort(known, count, sizeof(*known), compare_ranges);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = nvr_ranges_add(&covered, known[i].start_ms, known[i].end_ms, NVR_TIMELINE_JOIN_MS);
    if (r == 0)
        r = nvr_ranges_gaps(&covered, item->start_ms, item->end_ms, &holes);
    for (size_t i = 0; r == 0 && i < holes.count; i++)
        if (holes.items[i].end_ms - holes.items[i].start_ms >= NVR_TIMELINE_JOIN_MS)
            note(v, "unexplained", item->camera, holes.items[i].start_ms,
                 "%.1f s are not in the file, and it does not say why",
                 (double)(holes.items[i].end_ms - holes.items[i].start_ms) / 1000);
    nvr_ranges_done(&covered);
    nvr_ranges_done(&holes);
    return r;
}

static int compare_offsets(const void *a, const void *b)
{
    const struct nvr_proof_segment *x = *(const struct nvr_proof_segment *const *)a;
    const struct nvr_proof_segment *y = *(const struct nvr_proof_segment *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Everything before the proof that is in no segment. */
static int check_container(struct verify *v, const struct nvr_proof_segment *segments, size_t count)
{
    const uint8_t *wanted = nvr_proof_get_container(v->proof);
    // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are sorted
    NVR_AUTO_FREE const struct nvr_proof_segment **sorted = calloc(count + 1, sizeof(*sorted));
    struct nvr_byte_check check;
    size_t inside = 0;
    int64_t at = 0;
    int r = 0;

    if (!sorted)
        return -ENOMEM;
    if (!wanted) {
        note(v, "container", "", -1,
             "the proof is about the recorded segments only, not about the "
             "file's own index of them");
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        if (segments[i].offset >= 0)
            sorted[inside++] = &segments[i];
    // NOLINTNEXTLINE(bugprone-sizeof-expression)
    qsort(sorted, inside, sizeof(*sorted), compare_offsets);
    nvr_byte_check_init(&check, NULL, 0);
    for (size_t i = 0; r == 0 && i < inside && sorted[i]->offset <= v->proof_offset; i++) {
        if (sorted[i]->offset > at)
            r = feed(v, &check, at, sorted[i]->offset - at);
        at = NVR_MAX(at, sorted[i]->offset + sorted[i]->file_bytes);
    }
    if (r == 0 && at < v->proof_offset)
        r = feed(v, &check, at, v->proof_offset - at);
    if (r == 0 && !nvr_byte_check_finish(&check, wanted))
        problem(v, CHANGED, "container", "", -1,
                "the file around the recorded segments (its index) was changed");
    return r;
}

static void check_checkpoints(struct verify *v)
{
    const uint8_t *key = v->pinned ? v->pinned : nvr_proof_get_public_key(v->proof);
    const struct nvr_evidence_checkpoint *checkpoints;
    const size_t count = nvr_proof_get_checkpoints(v->proof, &checkpoints);
    char message[NVR_CHECKPOINT_MESSAGE_MAX];

    for (size_t i = 0; i < count; i++) {
        const size_t size = nvr_evidence_checkpoint_message(&checkpoints[i], message);

        if (!nvr_evidence_signature_is_good(key, message, size, checkpoints[i].signature))
            problem(v, CHANGED, "checkpoint", checkpoints[i].camera, checkpoints[i].at_ms,
                    "the checkpoint's signature is wrong");
    }
}

static int check_proof(struct verify *v)
{
    const struct nvr_proof_segment *segments;
    const struct nvr_proof_range *items;
    const size_t count = nvr_proof_get_segments(v->proof, &segments);
    const size_t items_count = nvr_proof_get_items(v->proof, &items);
    int r;

    check_key(v);
    check_checkpoints(v);
    for (size_t i = 0; i < count; i++) {
        check_link(v, &segments[i].link);
        check_bytes(v, &segments[i]);
    }
    r = check_container(v, segments, count);
    if (r == 0)
        r = check_continuity(v, segments, count);
    for (size_t i = 0; r == 0 && i < items_count; i++)
        r = check_item(v, &items[i]);
    if (v->proof_offset + v->proof_size != v->size)
        problem(v, CHANGED, "container", "", -1, "%lld bytes stand behind the proof",
                (long long)(v->size - v->proof_offset - v->proof_size));
    return r;
}

/* ---- words ---- */

static const char *const verdict_names[] = {"intact", "unproven", "changed"};

static void print_list(const char *mark, const json_t *list)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        const char *camera = json_string_value(json_object_get(entry, "camera"));

        if (i == PROBLEMS_SHOWN) {
            (void)printf("  %s and %zu more (--json shows all)\n", mark, json_array_size(list) - i);
            return;
        }
        (void)printf("  %s %s%s%s\n", mark, camera, camera[0] ? ": " : "",
                     json_string_value(json_object_get(entry, "message")));
    }
}

static void print_gaps(const struct verify *v)
{
    const struct nvr_proof_range *gaps;
    const size_t count = nvr_proof_get_gaps(v->proof, &gaps);

    for (size_t i = 0; i < count && i < PROBLEMS_SHOWN; i++) {
        char from[NVR_RFC3339_SIZE];
        char to[NVR_RFC3339_SIZE];

        nvr_rfc3339_format(gaps[i].start_ms, from);
        nvr_rfc3339_format(gaps[i].end_ms, to);
        (void)printf("  gap      %s: %s to %s (%s)\n", gaps[i].camera, from, to, gaps[i].cause);
    }
}

static void print_words(const struct verify *v)
{
    static const char *const words[] = {
        "INTACT: these are the bytes that were recorded",
        "NOT PROVEN: nothing shows a change, but not everything in it is proven",
        "CHANGED: this is not what was recorded"};
    char fingerprint[NVR_FINGERPRINT_SIZE];
    char when[NVR_RFC3339_SIZE];
    const json_t *entry;
    size_t i;

    (void)printf("%s: %s\n", v->path, words[v->verdict]);
    print_list("problem ", v->problems);
    if (!v->proof)
        return;
    nvr_rfc3339_format(nvr_proof_get_created_ms(v->proof), when);
    nvr_evidence_fingerprint(nvr_proof_get_public_key(v->proof), fingerprint);
    (void)printf("  export   %s, made %s\n", nvr_proof_get_name(v->proof), when);
    json_array_foreach(v->cameras, i, entry)
    {
        (void)printf("  camera   %s: %lld segments, links %lld to %lld of its chain%s\n",
                     json_string_value(json_object_get(entry, "camera")),
                     (long long)json_integer_value(json_object_get(entry, "segments")),
                     (long long)json_integer_value(json_object_get(entry, "first_seq")),
                     (long long)json_integer_value(json_object_get(entry, "last_seq")),
                     json_is_true(json_object_get(entry, "unbroken")) ? "" : ", BROKEN");
    }
    print_gaps(v);
    print_list("note    ", v->notes);
    if (v->pinned)
        (void)printf("  key      %s, the given one\n", fingerprint);
    else
        (void)printf("  key      %s, from the file itself: what was said above holds since the "
                     "owner of this key signed it. Compare the fingerprint with the recorder's "
                     "(Storage page, or GET /api/v1/evidence/key), or give --key.\n",
                     fingerprint);
}

static json_t *ranges_json(const struct nvr_proof_range *ranges, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:s}", "camera", ranges[i].camera, "start",
                            (json_int_t)ranges[i].start_ms, "end", (json_int_t)ranges[i].end_ms,
                            "cause", ranges[i].cause));
    return list;
}

static json_t *to_json(const struct verify *v)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:O, s:O, s:O}", "file", v->path, "verdict",
                               verdict_names[v->verdict], "ok", v->verdict == INTACT, "problems",
                               v->problems, "notes", v->notes, "cameras", v->cameras);
    const struct nvr_proof_range *gaps;
    char hex[2 * NVR_ED25519_KEY_SIZE + 1];
    char fingerprint[NVR_FINGERPRINT_SIZE];

    if (!object || !v->proof)
        return object;
    nvr_hex_encode(nvr_proof_get_public_key(v->proof), NVR_ED25519_KEY_SIZE, hex);
    nvr_evidence_fingerprint(nvr_proof_get_public_key(v->proof), fingerprint);
    (void)json_object_set_new(object, "name", json_string(nvr_proof_get_name(v->proof)));
    (void)json_object_set_new(object, "created", json_integer(nvr_proof_get_created_ms(v->proof)));
    (void)json_object_set_new(object, "public_key", json_string(hex));
    (void)json_object_set_new(object, "fingerprint", json_string(fingerprint));
    (void)json_object_set_new(object, "key_given", json_boolean(v->pinned));
    const size_t count = nvr_proof_get_gaps(v->proof, &gaps);

    (void)json_object_set_new(object, "gaps", ranges_json(gaps, count));
    return object;
}

/* ---- the command ---- */

static int open_file(struct verify *v)
{
    struct stat st;
    int r;

    v->fd = open(v->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (v->fd < 0)
        return -errno;
    if (fstat(v->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    v->size = st.st_size;
    r = find_proof(v);
    if (r == -ENOENT)
        problem(v, UNPROVEN, "proof", "", -1, "there is no proof in this file");
    else if (r == -EBADMSG)
        problem(v, CHANGED, "container", "", -1, "this is no MP4 file, or its end is cut off");
    return r;
}

static enum verdict verify_file(const char *path, const uint8_t *pinned, bool json, json_t *all)
{
    struct verify v = {.path = path, .fd = -1, .pinned = pinned};
    int r;

    v.problems = json_array();
    v.notes = json_array();
    v.cameras = json_array();
    r = open_file(&v);
    if (r == 0)
        r = read_proof(&v);
    if (r == 0)
        r = check_proof(&v);
    if (r < 0 && !json_array_size(v.problems))
        problem(&v, CHANGED, "unreadable", "", -1, "%s", nvr_strerror(r));
    if (json)
        (void)json_array_append_new(all, to_json(&v));
    else
        print_words(&v);
    nvr_proof_free(v.proof);
    json_decref(v.problems);
    json_decref(v.notes);
    json_decref(v.cameras);
    if (v.fd >= 0)
        (void)close(v.fd);
    return v.verdict;
}

/* 64 hex digits, or a file with them: alone, or as "public_key" of the API's answer. */
static int read_key(const char *text, uint8_t key[NVR_ED25519_KEY_SIZE])
{
    NVR_AUTO_JSON value = NULL;
    const char *hex = NULL;
    struct nvr_buf buf;
    char line[2 * NVR_ED25519_KEY_SIZE + 1];
    int r;

    if (nvr_hex_decode(text, key, NVR_ED25519_KEY_SIZE) == 0)
        return 0;
    nvr_buf_init(&buf, KEY_FILE_MAX);
    r = nvr_file_read(text, &buf);
    if (r == 0) {
        const struct nvr_str all = nvr_str_trim((struct nvr_str){(const char *)buf.data, buf.len});

        if (nvr_str_copy(line, sizeof(line), all) == 0)
            r = nvr_hex_decode(line, key, NVR_ED25519_KEY_SIZE);
        else if (nvr_json_parse(all.p, all.n, &value, NULL, 0) == 0 &&
                 nvr_json_get_str(value, "public_key", &hex) == 1)
            r = nvr_hex_decode(hex, key, NVR_ED25519_KEY_SIZE);
        else
            r = -EINVAL;
    }
    nvr_buf_done(&buf);
    return r;
}

int cmd_verify(const struct cli_options *options)
{
    uint8_t key[NVR_ED25519_KEY_SIZE];
    enum verdict worst = INTACT;
    int r;

    if (!options->args_count)
        return cli_usage_error("nvr verify FILE… [--key PUBKEY|FILE]");
    r = options->key ? read_key(options->key, key) : 0;
    if (r == -EINVAL)
        return cli_usage_error("--key: '%s' is no public key (64 hex digits) and holds none",
                               options->key);
    if (r < 0)
        return cli_usage_error("--key: '%s': %s", options->key, nvr_strerror(r));
    NVR_AUTO_JSON all = json_array();

    for (size_t i = 0; i < options->args_count; i++) {
        const enum verdict verdict =
            verify_file(options->args[i], options->key ? key : NULL, options->json, all);

        worst = NVR_MAX(worst, verdict);
    }
    if (options->json) {
        NVR_AUTO_JSON body = json_pack("{s:b, s:O}", "ok", worst == INTACT, "files", all);

        (void)cli_print_json(body);
    }
    return worst == INTACT ? CLI_DONE : CLI_FAILED;
}
