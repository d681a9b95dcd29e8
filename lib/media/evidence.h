/* evidence.h — what makes a recording provable: the canonical text of a segment, the hash chain
 * over it, and the proof that travels inside an exported file (docs/EVIDENCE.md). Pure: no files,
 * no secret keys. Who holds the key (lib/config/signing_key.h) signs what is given out here.
 *
 *   chain = SHA-256("heron evidence 1\n" prev(32) "<camera> <seq> <start_ms> <end_ms> <size>
 *           <sha256 hex>\n"), prev of the first link: 32 zero bytes
 *   signature of a link = Ed25519 over chain
 *
 * Threads: none of its own. Ownership: nvr_proof_new() and _parse() own everything they hand out.
 */
#ifndef NVR_MEDIA_EVIDENCE_H
#define NVR_MEDIA_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"

#define NVR_SHA256_SIZE 32
#define NVR_ED25519_KEY_SIZE 32
#define NVR_ED25519_SIGNATURE_SIZE 64
#define NVR_PREFIX_DIGEST_SIZE 8 /* first bytes of the SHA-256 of a file's beginning */
#define NVR_PROOF_SEGMENTS_MAX 100000
#define NVR_PROOF_ITEMS_MAX 64
#define NVR_PROOF_GAPS_MAX 100000
#define NVR_PROOF_SIZE_MAX (64 * 1024 * 1024)
#define NVR_PROOF_BOX_HEADER_SIZE 24 /* size, "uuid", 16 bytes of type */
#define NVR_PROOF_NAME_MAX 200
#define NVR_PROOF_DIGESTS_MAX 1024 /* of one segment */

/* One link of a camera's chain. */
struct nvr_evidence_link {
    char camera[NVR_SLUG_SIZE];
    int64_t seq, start_ms, end_ms, size;
    uint8_t sha256[NVR_SHA256_SIZE]; /* of the segment's file */
    uint8_t prev[NVR_SHA256_SIZE];
    uint8_t chain[NVR_SHA256_SIZE];
    uint8_t signature[NVR_ED25519_SIGNATURE_SIZE];
    bool is_signed;
};

/* The file's bytes [0, offset) hash to something that begins with sha256; ms after the start. */
struct nvr_prefix_digest {
    uint32_t ms;
    uint64_t offset;
    uint8_t sha256[NVR_PREFIX_DIGEST_SIZE];
};

/* What chain must be for the other fields (chain, signature are not looked at). */
void nvr_evidence_chain(const struct nvr_evidence_link *link, uint8_t ret_chain[NVR_SHA256_SIZE]);
bool nvr_evidence_link_is_whole(const struct nvr_evidence_link *link); /* chain fits the fields */
bool nvr_evidence_signature_is_good(const uint8_t public_key[NVR_ED25519_KEY_SIZE],
                                    const void *message, size_t size,
                                    const uint8_t signature[NVR_ED25519_SIGNATURE_SIZE]);
/* "9f2c 51e0 …": 8 groups of the SHA-256 of the key, to compare by eye. */
#define NVR_FINGERPRINT_SIZE 40
void nvr_evidence_fingerprint(const uint8_t public_key[NVR_ED25519_KEY_SIZE],
                              char dst[NVR_FINGERPRINT_SIZE]);

/* "At at_ms the chain of camera had come to seq with this value." */
struct nvr_evidence_checkpoint {
    char camera[NVR_SLUG_SIZE];
    int64_t seq, at_ms;
    uint8_t chain[NVR_SHA256_SIZE];
    uint8_t signature[NVR_ED25519_SIGNATURE_SIZE];
};
/* The bytes that are signed: "heron checkpoint 1\n<camera> <seq> <chain hex> <at_ms>\n". Their
 * number. */
#define NVR_CHECKPOINT_MESSAGE_MAX 256
size_t nvr_evidence_checkpoint_message(const struct nvr_evidence_checkpoint *checkpoint,
                                       char dst[NVR_CHECKPOINT_MESSAGE_MAX]);

/* ---- the proof of one exported file ---- */

struct nvr_proof;

struct nvr_proof_segment {
    struct nvr_evidence_link link;
    int64_t offset;     /* of the segment's own bytes in this file; -1: re-encoded, not in it */
    int64_t file_bytes; /* how many of them, from the segment's beginning; link.size: all */
    size_t digests_count;
    const struct nvr_prefix_digest *digests; /* borrowed; NULL: none */
};
struct nvr_proof_range {
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms;
    char cause[16]; /* of a gap; "" for an item */
};

/* Make one: new, add…, message → sign → finish. name: what people call the export, no control
 * characters. -EINVAL: a field is out of range; -E2BIG: too many. */
NVR_CHECK int nvr_proof_new(const char *name, int64_t created_ms,
                            const uint8_t public_key[NVR_ED25519_KEY_SIZE],
                            struct nvr_proof **ret_proof);
void nvr_proof_free(struct nvr_proof *proof); /* NULL: no-op */
NVR_DEFINE_AUTO(nvr_proof, nvr_proof_free);
/* What was asked for. */
NVR_CHECK int nvr_proof_add_item(struct nvr_proof *proof, const char *camera, int64_t start_ms,
                                 int64_t end_ms);
/* In the order of the file. */
NVR_CHECK int nvr_proof_add_segment(struct nvr_proof *proof,
                                    const struct nvr_proof_segment *segment);
NVR_CHECK int nvr_proof_add_gap(struct nvr_proof *proof, const char *camera, int64_t start_ms,
                                int64_t end_ms, const char *cause);
NVR_CHECK int nvr_proof_add_checkpoint(struct nvr_proof *proof,
                                       const struct nvr_evidence_checkpoint *checkpoint);
/* SHA-256 of the file's bytes before the proof that are in no segment (ftyp, moov, box headers; of
 * a re-encoded file: all): nothing around the recorded bytes can be changed either. */
NVR_CHECK int nvr_proof_set_container(struct nvr_proof *proof,
                                      const uint8_t sha256[NVR_SHA256_SIZE]);
/* The bytes to sign: "heron proof 1\n" and the proof as compact JSON with sorted keys, without its
 * signature. Appended to buf. */
NVR_CHECK int nvr_proof_message(const struct nvr_proof *proof, struct nvr_buf *buf);
/* The whole uuid box, to be appended behind an MP4 file. */
NVR_CHECK int nvr_proof_finish(struct nvr_proof *proof,
                               const uint8_t signature[NVR_ED25519_SIGNATURE_SIZE],
                               struct nvr_buf *buf);

/* Read one (hostile bytes): the JSON of the box. 0, -EBADMSG (why in reason), -ENOMEM. */
NVR_CHECK int nvr_proof_parse(const void *data, size_t size, struct nvr_proof **ret_proof,
                              char *reason, size_t reason_size);
/* The first bytes of a top-level box: is it the proof's? header has NVR_PROOF_BOX_HEADER_SIZE. */
bool nvr_proof_is_box(const uint8_t *header);

/* ---- what it says. While one is made: name, time, key and segments (without digests) only. */
const char *nvr_proof_get_name(const struct nvr_proof *proof);
int64_t nvr_proof_get_created_ms(const struct nvr_proof *proof);
const uint8_t *nvr_proof_get_public_key(const struct nvr_proof *proof);
size_t nvr_proof_get_items(const struct nvr_proof *proof, const struct nvr_proof_range **ret_items);
size_t nvr_proof_get_segments(const struct nvr_proof *proof,
                              const struct nvr_proof_segment **ret_segments);
size_t nvr_proof_get_gaps(const struct nvr_proof *proof, const struct nvr_proof_range **ret_gaps);
size_t nvr_proof_get_checkpoints(const struct nvr_proof *proof,
                                 const struct nvr_evidence_checkpoint **ret_checkpoints);
/* NULL: the proof says nothing about it. */
const uint8_t *nvr_proof_get_container(const struct nvr_proof *proof);
/* The document's own signature, by key. */
bool nvr_proof_signature_is_good(const struct nvr_proof *proof,
                                 const uint8_t key[NVR_ED25519_KEY_SIZE]);

#endif
