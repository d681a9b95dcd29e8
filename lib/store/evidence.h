/* evidence.h — tables `evidence_heads`, `evidence_checkpoints`, `integrity_findings`, and the
 * evidence columns of `recordings`.
 *
 * A camera's chain is in the order of insertion. A file that is indexed again with other bytes gets
 * a new link at the end; a checkpoint keeps the number and value of the link that it had before, so
 * that the chain behind it can still be followed. */
#ifndef NVR_STORE_EVIDENCE_H
#define NVR_STORE_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/media/evidence.h"
#include "lib/store/recordings.h"
#include "lib/store/store.h"

/* In a write job: fills seq, prev, chain and signature of link (the rest is given) and moves the
 * camera's head; the recording that has these very bytes already keeps its link. */
NVR_CHECK int nvr_evidence_extend(struct nvr_db *db, struct nvr_evidence_link *link);

struct nvr_evidence_head {
    char camera[NVR_SLUG_SIZE];
    int64_t seq;
    uint8_t chain[NVR_SHA256_SIZE];
    int64_t checkpoint_seq, checkpoint_ms; /* the newest checkpoint; 0: none */
};
typedef int (*nvr_evidence_head_visit)(const struct nvr_evidence_head *head, void *arg);
NVR_CHECK int nvr_evidence_heads_each(struct nvr_db *db, nvr_evidence_head_visit visit, void *arg);

/* In a write job: a signed checkpoint of every head that moved since its last one. Their number;
 * 0 also without a key. */
NVR_CHECK int nvr_evidence_checkpoint_all(struct nvr_db *db, int64_t at_ms);
/* The oldest checkpoint from seq on: what was known of the chain right after it. 0 or -ENOENT. */
NVR_CHECK int nvr_evidence_checkpoint_from(struct nvr_db *db, const char *camera, int64_t seq,
                                           struct nvr_evidence_checkpoint *ret_checkpoint);

#define NVR_FINDING_DETAIL_SIZE 400

struct nvr_finding {
    int64_t id; /* set by the table */
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms; /* of the recording */
    char kind[16];    /* changed missing truncated unreadable chain */
    int64_t at_ms;    /* first changed second; -1: not known */
    char detail[NVR_FINDING_DETAIL_SIZE];
    int64_t found_ms;
};
/* In a write job. 1: new; 0: it was known (and is renewed). */
NVR_CHECK int nvr_findings_add(struct nvr_db *db, const struct nvr_finding *finding);
NVR_CHECK int nvr_findings_delete(struct nvr_db *db, int64_t id); /* -ENOENT: no such finding */
typedef int (*nvr_finding_visit)(const struct nvr_finding *finding, void *arg);
/* Newest first, from before_id (0: the newest) down. */
NVR_CHECK int nvr_findings_each(struct nvr_db *db, int64_t before_id, unsigned limit,
                                nvr_finding_visit visit, void *arg);
NVR_CHECK int nvr_findings_count(struct nvr_db *db, int64_t *ret_count);

/* The recording whose bytes were read longest ago, before before_ms; cold ones never. -ENOENT: all
 * were read since. */
NVR_CHECK int nvr_evidence_next_to_check(struct nvr_db *db, int64_t before_ms,
                                         struct nvr_recording *ret_recording);
/* In a write job: read and right (or told of) at at_ms. */
NVR_CHECK int nvr_evidence_set_checked(struct nvr_db *db, const char *camera, int64_t start_ms,
                                       int64_t at_ms);
/* Of everything that is checked. */
NVR_CHECK int nvr_evidence_total_bytes(struct nvr_db *db, int64_t *ret_bytes);

#endif
