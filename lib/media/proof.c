/* The proof: JSON in a uuid box. What is read back comes from anywhere. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hex.h"
#include "lib/media/evidence.h"

#define VERSION 1
#define TIME_MAX (INT64_MAX / 2)
#define SIGNED_PREFIX "heron proof 1\n"
#define DIGESTS_MAX 4000000 /* of all segments together */

static const uint8_t box_type[16] = {0x7a, 0x1f, 0x0c, 0x5e, 0x91, 0x3d, 0x4b, 0x62,
                                     0x8e, 0x57, 0x68, 0x65, 0x72, 0x6f, 0x6e, 0x31};

struct nvr_proof {
    json_t *root; /* without signature */
    const char *name;
    int64_t created_ms;
    uint8_t public_key[NVR_ED25519_KEY_SIZE];
    uint8_t signature[NVR_ED25519_SIGNATURE_SIZE];
    uint8_t container[NVR_SHA256_SIZE];
    bool has_container;
    struct nvr_proof_range *items, *gaps;
    size_t items_count, gaps_count;
    struct nvr_proof_segment *segments;
    size_t segments_count, segments_cap;
    struct nvr_evidence_checkpoint *checkpoints;
    size_t checkpoints_count;
    struct nvr_prefix_digest *digests;
    size_t digests_count;
};

void nvr_proof_free(struct nvr_proof *proof)
{
    if (!proof)
        return;
    json_decref(proof->root);
    free(proof->items);
    free(proof->gaps);
    free(proof->segments);
    free(proof->checkpoints);
    free(proof->digests);
    free(proof);
}

/* ---- make ---- */

static bool is_name(const char *name)
{
    const struct nvr_str text = nvr_str_from(name);

    if (text.n > NVR_PROOF_NAME_MAX || !nvr_str_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20)
            return false;
    return true;
}

static json_t *hex_json(const uint8_t *data, size_t size)
{
    char hex[2 * NVR_ED25519_SIGNATURE_SIZE + 1];

    assert(size <= NVR_ED25519_SIGNATURE_SIZE);
    nvr_hex_encode(data, size, hex);
    return json_string(hex);
}

int nvr_proof_new(const char *name, int64_t created_ms,
                  const uint8_t public_key[NVR_ED25519_KEY_SIZE], struct nvr_proof **ret_proof)
{
    NVR_AUTO(nvr_proof) proof = NULL;

    assert(name && public_key && ret_proof);
    if (!is_name(name) || created_ms < 0 || created_ms > TIME_MAX)
        return -EINVAL;
    proof = calloc(1, sizeof(*proof));
    if (!proof)
        return -ENOMEM;
    proof->root = json_pack("{s:i, s:I, s:s, s:o, s:[], s:[], s:[], s:[]}", "heron_proof", VERSION,
                            "created", (json_int_t)created_ms, "name", name, "public_key",
                            hex_json(public_key, NVR_ED25519_KEY_SIZE), "items", "segments", "gaps",
                            "checkpoints");
    if (!proof->root)
        return -ENOMEM;
    proof->name = json_string_value(json_object_get(proof->root, "name"));
    proof->created_ms = created_ms;
    memcpy(proof->public_key, public_key, sizeof(proof->public_key));
    *ret_proof = NVR_TAKE(proof);
    return 0;
}

static int append(struct nvr_proof *proof, const char *list, size_t max, json_t *entry)
{
    json_t *array = json_object_get(proof->root, list);

    if (json_array_size(array) >= max) {
        json_decref(entry);
        return -E2BIG;
    }
    return json_array_append_new(array, entry) < 0 ? -ENOMEM : 0;
}

static bool is_range(const char *camera, int64_t start_ms, int64_t end_ms)
{
    return nvr_slug_is_valid(camera) && start_ms >= 0 && end_ms >= start_ms && end_ms <= TIME_MAX;
}

int nvr_proof_add_item(struct nvr_proof *proof, const char *camera, int64_t start_ms,
                       int64_t end_ms)
{
    if (!is_range(camera, start_ms, end_ms))
        return -EINVAL;
    return append(proof, "items", NVR_PROOF_ITEMS_MAX,
                  json_pack("{s:s, s:I, s:I}", "camera", camera, "start", (json_int_t)start_ms,
                            "end", (json_int_t)end_ms));
}

int nvr_proof_add_gap(struct nvr_proof *proof, const char *camera, int64_t start_ms, int64_t end_ms,
                      const char *cause)
{
    if (!is_range(camera, start_ms, end_ms) ||
        strlen(cause) >= sizeof(((struct nvr_proof_range *)0)->cause) || !is_name(cause))
        return -EINVAL;
    return append(proof, "gaps", NVR_PROOF_GAPS_MAX,
                  json_pack("{s:s, s:I, s:I, s:s}", "camera", camera, "start", (json_int_t)start_ms,
                            "end", (json_int_t)end_ms, "cause", cause));
}

static json_t *digests_json(const struct nvr_proof_segment *segment)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < segment->digests_count; i++) {
        const struct nvr_prefix_digest *digest = &segment->digests[i];
        json_t *entry = json_pack("[I, I, o]", (json_int_t)digest->ms, (json_int_t)digest->offset,
                                  hex_json(digest->sha256, sizeof(digest->sha256)));

        if (json_array_append_new(list, entry) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* For nvr_proof_get_segments(); the digests are the caller's and not kept. */
static int keep_segment(struct nvr_proof *proof, const struct nvr_proof_segment *segment)
{
    if (proof->segments_count == proof->segments_cap) {
        const size_t cap = NVR_MAX(2 * proof->segments_cap, (size_t)64);
        struct nvr_proof_segment *grown =
            reallocarray(proof->segments, cap, sizeof(*proof->segments));

        if (!grown)
            return -ENOMEM;
        proof->segments = grown;
        proof->segments_cap = cap;
    }
    proof->segments[proof->segments_count] = *segment;
    proof->segments[proof->segments_count].digests = NULL;
    proof->segments[proof->segments_count++].digests_count = 0;
    return 0;
}

int nvr_proof_add_segment(struct nvr_proof *proof, const struct nvr_proof_segment *segment)
{
    const struct nvr_evidence_link *link = &segment->link;
    int r;

    if (!is_range(link->camera, link->start_ms, link->end_ms) || link->seq < 0 || link->size < 0 ||
        segment->offset < -1 || segment->file_bytes < 0 || segment->file_bytes > link->size ||
        segment->digests_count > NVR_PROOF_DIGESTS_MAX)
        return -EINVAL;
    r = append(
        proof, "segments", NVR_PROOF_SEGMENTS_MAX,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "camera",
                  link->camera, "seq", (json_int_t)link->seq, "start", (json_int_t)link->start_ms,
                  "end", (json_int_t)link->end_ms, "size", (json_int_t)link->size, "sha256",
                  hex_json(link->sha256, sizeof(link->sha256)), "prev",
                  hex_json(link->prev, sizeof(link->prev)), "chain",
                  hex_json(link->chain, sizeof(link->chain)), "signature",
                  link->is_signed ? hex_json(link->signature, sizeof(link->signature))
                                  : json_null(),
                  "offset", segment->offset < 0 ? json_null() : json_integer(segment->offset),
                  "file_bytes", (json_int_t)segment->file_bytes, "digests", digests_json(segment)));
    return r < 0 ? r : keep_segment(proof, segment);
}

int nvr_proof_add_checkpoint(struct nvr_proof *proof,
                             const struct nvr_evidence_checkpoint *checkpoint)
{
    if (!is_range(checkpoint->camera, checkpoint->at_ms, checkpoint->at_ms) || checkpoint->seq < 0)
        return -EINVAL;
    return append(proof, "checkpoints", NVR_PROOF_ITEMS_MAX,
                  json_pack("{s:s, s:I, s:I, s:o, s:o}", "camera", checkpoint->camera, "seq",
                            (json_int_t)checkpoint->seq, "at", (json_int_t)checkpoint->at_ms,
                            "chain", hex_json(checkpoint->chain, sizeof(checkpoint->chain)),
                            "signature",
                            hex_json(checkpoint->signature, sizeof(checkpoint->signature))));
}

int nvr_proof_set_container(struct nvr_proof *proof, const uint8_t sha256[NVR_SHA256_SIZE])
{
    return json_object_set_new(proof->root, "container_sha256", hex_json(sha256, NVR_SHA256_SIZE)) <
                   0
               ? -ENOMEM
               : 0;
}

int nvr_proof_message(const struct nvr_proof *proof, struct nvr_buf *buf)
{
    const int r = nvr_buf_append_str(buf, SIGNED_PREFIX);

    return r < 0 ? r : nvr_json_append_sorted(buf, proof->root);
}

int nvr_proof_finish(struct nvr_proof *proof, const uint8_t signature[NVR_ED25519_SIGNATURE_SIZE],
                     struct nvr_buf *buf)
{
    const size_t begin = buf->len;
    uint8_t header[NVR_PROOF_BOX_HEADER_SIZE] = {0, 0, 0, 0, 'u', 'u', 'i', 'd'};
    int r;

    memcpy(proof->signature, signature, sizeof(proof->signature));
    memcpy(header + 8, box_type, sizeof(box_type));
    r = nvr_buf_append(buf, header, sizeof(header));
    if (r == 0 && json_object_set_new(proof->root, "signature",
                                      hex_json(signature, NVR_ED25519_SIGNATURE_SIZE)) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = nvr_json_append_sorted(buf, proof->root);
    (void)json_object_del(proof->root, "signature");
    if (r < 0)
        return r;
    const size_t size = buf->len - begin;

    if (size > NVR_PROOF_SIZE_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < 4; i++)
        buf->data[begin + i] = (uint8_t)(size >> (24 - 8 * i));
    return 0;
}

/* ---- read ---- */

struct reader {
    char *reason;
    size_t reason_size;
    const char *list; /* where we are, for the reason */
    size_t index;
};

static int bad(const struct reader *reader, const char *field, const char *what)
{
    if (reader->reason && reader->list)
        (void)snprintf(reader->reason, reader->reason_size, "%s[%zu].%s %s", reader->list,
                       reader->index, field, what);
    else if (reader->reason)
        (void)snprintf(reader->reason, reader->reason_size, "%s %s", field, what);
    return -EBADMSG;
}

static int read_int(const struct reader *reader, const json_t *object, const char *key,
                    int64_t *ret_value)
{
    if (nvr_json_get_int(object, key, 0, TIME_MAX, ret_value) != 1)
        return bad(reader, key, "is not a number in range");
    return 0;
}

static int read_hex(const struct reader *reader, const json_t *object, const char *key,
                    uint8_t *dst, size_t size)
{
    const char *text = NULL;

    if (nvr_json_get_str(object, key, &text) != 1 || nvr_hex_decode(text, dst, size) < 0)
        return bad(reader, key, "is not hex of the right length");
    return 0;
}

static int read_camera(const struct reader *reader, const json_t *object, char *dst)
{
    const char *text = NULL;

    if (nvr_json_get_str(object, "camera", &text) != 1 || !nvr_slug_is_valid(text))
        return bad(reader, "camera", "is not a camera's id");
    memcpy(dst, text, strlen(text) + 1);
    return 0;
}

static int read_span(const struct reader *reader, const json_t *object, char *camera,
                     int64_t *ret_start_ms, int64_t *ret_end_ms)
{
    int r = read_camera(reader, object, camera);

    if (r == 0)
        r = read_int(reader, object, "start", ret_start_ms);
    if (r == 0)
        r = read_int(reader, object, "end", ret_end_ms);
    if (r == 0 && *ret_end_ms < *ret_start_ms)
        r = bad(reader, "end", "is before start");
    return r;
}

/* The list's entries, and zeroed room for them. */
static int open_list(struct reader *reader, const json_t *root, const char *key, size_t max,
                     size_t entry_size, const json_t **ret_list, void **ret_entries)
{
    const json_t *list = json_object_get(root, key);

    reader->list = NULL;
    if (!json_is_array(list) || json_array_size(list) > max)
        return bad(reader, key, "is not a list, or too long");
    reader->list = key;
    reader->index = 0;
    *ret_list = list;
    *ret_entries = calloc(json_array_size(list) + 1, entry_size);
    return *ret_entries ? 0 : -ENOMEM;
}

static int read_ranges(struct reader *reader, struct nvr_proof *proof, const char *key, size_t max,
                       struct nvr_proof_range **ret_ranges, size_t *ret_count)
{
    const json_t *list;
    void *entries;
    int r = open_list(reader, proof->root, key, max, sizeof(**ret_ranges), &list, &entries);

    if (r < 0)
        return r;
    *ret_ranges = entries;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        struct nvr_proof_range *range = &(*ret_ranges)[i];
        const json_t *entry = json_array_get(list, i);
        const char *cause = "";

        reader->index = i;
        r = read_span(reader, entry, range->camera, &range->start_ms, &range->end_ms);
        if (r == 0 && (nvr_json_get_str(entry, "cause", &cause) < 0 ||
                       nvr_str_copy(range->cause, sizeof(range->cause), nvr_str_from(cause)) < 0))
            r = bad(reader, "cause", "is not a cause");
    }
    *ret_count = json_array_size(list);
    return r;
}

static int read_digests(const struct reader *reader, struct nvr_proof *proof,
                        struct nvr_proof_segment *segment, const json_t *list)
{
    if (!list)
        return 0;
    if (!json_is_array(list) || json_array_size(list) > NVR_PROOF_DIGESTS_MAX)
        return bad(reader, "digests", "is not a list, or too long");
    segment->digests = &proof->digests[proof->digests_count];
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t ms = json_integer_value(json_array_get(entry, 0));
        const json_int_t offset = json_integer_value(json_array_get(entry, 1));
        const char *hex = json_string_value(json_array_get(entry, 2));
        struct nvr_prefix_digest *digest = &proof->digests[proof->digests_count];

        if (ms < 0 || ms > UINT32_MAX || offset <= (i ? (json_int_t)digest[-1].offset : 0) ||
            offset > segment->link.size || !hex ||
            nvr_hex_decode(hex, digest->sha256, sizeof(digest->sha256)) < 0)
            return bad(reader, "digests", "holds something else");
        digest->ms = (uint32_t)ms;
        digest->offset = (uint64_t)offset;
        proof->digests_count++;
        segment->digests_count++;
    }
    return 0;
}

static int read_segment(const struct reader *reader, struct nvr_proof *proof,
                        struct nvr_proof_segment *segment, const json_t *entry)
{
    struct nvr_evidence_link *link = &segment->link;
    int r = read_span(reader, entry, link->camera, &link->start_ms, &link->end_ms);

    if (r == 0)
        r = read_int(reader, entry, "seq", &link->seq);
    if (r == 0)
        r = read_int(reader, entry, "size", &link->size);
    if (r == 0)
        r = read_hex(reader, entry, "sha256", link->sha256, sizeof(link->sha256));
    if (r == 0)
        r = read_hex(reader, entry, "prev", link->prev, sizeof(link->prev));
    if (r == 0)
        r = read_hex(reader, entry, "chain", link->chain, sizeof(link->chain));
    if (r == 0 && !json_is_null(json_object_get(entry, "signature"))) {
        r = read_hex(reader, entry, "signature", link->signature, sizeof(link->signature));
        link->is_signed = r == 0;
    }
    if (r == 0)
        r = read_int(reader, entry, "file_bytes", &segment->file_bytes);
    if (r == 0 && segment->file_bytes > link->size)
        r = bad(reader, "file_bytes", "is more than size");
    segment->offset = -1;
    if (r == 0 && !json_is_null(json_object_get(entry, "offset")))
        r = read_int(reader, entry, "offset", &segment->offset);
    if (r == 0)
        r = read_digests(reader, proof, segment, json_object_get(entry, "digests"));
    return r;
}

static int read_segments(struct reader *reader, struct nvr_proof *proof)
{
    const json_t *list;
    void *entries;
    size_t digests = 0;
    int r = open_list(reader, proof->root, "segments", NVR_PROOF_SEGMENTS_MAX,
                      sizeof(*proof->segments), &list, &entries);

    if (r < 0)
        return r;
    proof->segments = entries;
    for (size_t i = 0; i < json_array_size(list); i++)
        digests += json_array_size(json_object_get(json_array_get(list, i), "digests"));
    if (digests > DIGESTS_MAX)
        return bad(reader, "digests", "are too many");
    proof->digests = calloc(digests + 1, sizeof(*proof->digests));
    if (!proof->digests)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        reader->index = i;
        r = read_segment(reader, proof, &proof->segments[i], json_array_get(list, i));
    }
    proof->segments_count = json_array_size(list);
    return r;
}

static int read_checkpoints(struct reader *reader, struct nvr_proof *proof)
{
    const json_t *list;
    void *entries;
    int r = open_list(reader, proof->root, "checkpoints", NVR_PROOF_ITEMS_MAX,
                      sizeof(*proof->checkpoints), &list, &entries);

    if (r < 0)
        return r;
    proof->checkpoints = entries;
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        struct nvr_evidence_checkpoint *checkpoint = &proof->checkpoints[i];
        const json_t *entry = json_array_get(list, i);

        reader->index = i;
        r = read_camera(reader, entry, checkpoint->camera);
        if (r == 0)
            r = read_int(reader, entry, "seq", &checkpoint->seq);
        if (r == 0)
            r = read_int(reader, entry, "at", &checkpoint->at_ms);
        if (r == 0)
            r = read_hex(reader, entry, "chain", checkpoint->chain, sizeof(checkpoint->chain));
        if (r == 0)
            r = read_hex(reader, entry, "signature", checkpoint->signature,
                         sizeof(checkpoint->signature));
    }
    proof->checkpoints_count = json_array_size(list);
    return r;
}

static int read_root(struct reader *reader, struct nvr_proof *proof)
{
    int64_t version = 0;
    int r = read_int(reader, proof->root, "heron_proof", &version);

    if (r == 0 && version != VERSION)
        r = bad(reader, "heron_proof", "is of a version that this program does not know");
    if (r == 0)
        r = read_int(reader, proof->root, "created", &proof->created_ms);
    if (r == 0 &&
        (nvr_json_get_str(proof->root, "name", &proof->name) != 1 || !is_name(proof->name)))
        r = bad(reader, "name", "is not a name");
    if (r == 0)
        r = read_hex(reader, proof->root, "public_key", proof->public_key,
                     sizeof(proof->public_key));
    if (r == 0)
        r = read_hex(reader, proof->root, "signature", proof->signature, sizeof(proof->signature));
    if (r == 0 && json_object_get(proof->root, "container_sha256")) {
        r = read_hex(reader, proof->root, "container_sha256", proof->container,
                     sizeof(proof->container));
        proof->has_container = true;
    }
    if (r == 0)
        r = read_ranges(reader, proof, "items", NVR_PROOF_ITEMS_MAX, &proof->items,
                        &proof->items_count);
    if (r == 0)
        r = read_ranges(reader, proof, "gaps", NVR_PROOF_GAPS_MAX, &proof->gaps,
                        &proof->gaps_count);
    if (r == 0)
        r = read_segments(reader, proof);
    if (r == 0)
        r = read_checkpoints(reader, proof);
    return r;
}

int nvr_proof_parse(const void *data, size_t size, struct nvr_proof **ret_proof, char *reason,
                    size_t reason_size)
{
    NVR_AUTO(nvr_proof) proof = NULL;
    struct reader reader = {reason, reason_size, NULL, 0};
    int r;

    assert(ret_proof);
    if (size > NVR_PROOF_SIZE_MAX)
        return bad(&reader, "the proof", "is too large");
    proof = calloc(1, sizeof(*proof));
    if (!proof)
        return -ENOMEM;
    r = nvr_json_parse(data, size, &proof->root, reason, reason_size);
    if (r == 0)
        r = read_root(&reader, proof);
    if (r < 0)
        return r;
    (void)json_object_del(proof->root, "signature");
    *ret_proof = NVR_TAKE(proof);
    return 0;
}

bool nvr_proof_is_box(const uint8_t *header)
{
    return memcmp(header + 4, "uuid", 4) == 0 && memcmp(header + 8, box_type, 16) == 0;
}

const char *nvr_proof_get_name(const struct nvr_proof *proof)
{
    return proof->name;
}

int64_t nvr_proof_get_created_ms(const struct nvr_proof *proof)
{
    return proof->created_ms;
}

const uint8_t *nvr_proof_get_public_key(const struct nvr_proof *proof)
{
    return proof->public_key;
}

size_t nvr_proof_get_items(const struct nvr_proof *proof, const struct nvr_proof_range **ret_items)
{
    *ret_items = proof->items;
    return proof->items_count;
}

size_t nvr_proof_get_segments(const struct nvr_proof *proof,
                              const struct nvr_proof_segment **ret_segments)
{
    *ret_segments = proof->segments;
    return proof->segments_count;
}

size_t nvr_proof_get_gaps(const struct nvr_proof *proof, const struct nvr_proof_range **ret_gaps)
{
    *ret_gaps = proof->gaps;
    return proof->gaps_count;
}

size_t nvr_proof_get_checkpoints(const struct nvr_proof *proof,
                                 const struct nvr_evidence_checkpoint **ret_checkpoints)
{
    *ret_checkpoints = proof->checkpoints;
    return proof->checkpoints_count;
}

const uint8_t *nvr_proof_get_container(const struct nvr_proof *proof)
{
    return proof->has_container ? proof->container : NULL;
}

bool nvr_proof_signature_is_good(const struct nvr_proof *proof,
                                 const uint8_t key[NVR_ED25519_KEY_SIZE])
{
    struct nvr_buf message;
    bool good;

    nvr_buf_init(&message, 2 * (size_t)NVR_PROOF_SIZE_MAX);
    good = nvr_proof_message(proof, &message) == 0 &&
           nvr_evidence_signature_is_good(key, message.data, message.len, proof->signature);
    nvr_buf_done(&message);
    return good;
}
