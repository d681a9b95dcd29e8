/* history.h — what was recorded of a camera in a span and what was not, and why: rows of files and
 * causes put together. recorded + gaps = [start, end) exactly. */
#ifndef NVR_STORE_HISTORY_H
#define NVR_STORE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/media/gaps.h"
#include "lib/media/timeline.h"
#include "lib/store/store.h"

/* What is known at this moment and stands in no row yet. Asked for before the rows are read: a file
 * that is finished meanwhile is in both, never in none. */
struct nvr_recording_view {
    int64_t file_start_ms, file_end_ms; /* recorded, without a row; 0: nothing */
    int64_t known_until_ms;             /* later nobody knows yet what was recorded */
    int cause;                          /* why nothing is recorded now; -1: it is, or not known */
    int64_t since_ms;                   /* it is so since; 0: not known */
    char detail[NVR_CAUSE_DETAIL_SIZE];
};

struct nvr_history {
    int64_t start_ms,
        end_ms;            /* the part of the span that something is known of; empty: start = end */
    int64_t known_from_ms; /* of the camera; 0: nothing at all */
    struct nvr_ranges rows;     /* finished files in the span: small holes closed, silences out */
    struct nvr_ranges recorded; /* rows and the file being written, in [start, end) */
    struct nvr_cause_period *periods;
    size_t periods_count, periods_cap;
    struct nvr_gaps gaps; /* ->period: index of periods */
    int64_t segments, bytes;
};

/* 0 or -errno (ret_history is empty then). Free with nvr_history_done(). */
NVR_CHECK int nvr_history_read(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                               int64_t end_ms, const struct nvr_recording_view *now,
                               struct nvr_history *ret_history);
void nvr_history_done(struct nvr_history *history); /* zeroed struct: no-op */
/* The words of a gap's cause, "" none. Borrowed from history. */
const char *nvr_history_detail(const struct nvr_history *history, const struct nvr_gap *gap);

#endif
