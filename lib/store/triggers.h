/* triggers.h — table `recording_triggers`: who asked when for a recording, and the marks that this
 * leaves on the segments (recordings.motion, has_events, event_count).
 *
 * A segment is marked by what happens in it and by what it is the pre- or post-roll of: it is kept
 * as long as the event. event_count counts only what happens in it. */
#ifndef NVR_STORE_TRIGGERS_H
#define NVR_STORE_TRIGGERS_H

#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/store.h"

#define NVR_TRIGGER_TEXT_SIZE 65
#define NVR_TRIGGER_SPAN_MAX_MS (INT64_C(86400) * 1000) /* none is longer: bounds searches */

enum nvr_trigger_kind { NVR_TRIGGER_MOTION, NVR_TRIGGER_EVENT, NVR_TRIGGER_MANUAL };
#define NVR_TRIGGER_KINDS 3

/* [start, end); end = start: an instant. */
struct nvr_trigger {
    int64_t id;
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms;
    enum nvr_trigger_kind kind;
    char source[NVR_TRIGGER_TEXT_SIZE], label[NVR_TRIGGER_TEXT_SIZE];
};

const char *nvr_trigger_kind_name(enum nvr_trigger_kind kind);

/* In a write job. An id that is there: its times are changed. -EINVAL: reversed, too long, no slug.
 */
NVR_CHECK int nvr_triggers_put(struct nvr_db *db, const struct nvr_trigger *trigger);
/* In a write job, after a trigger or a segment changed: the segments that overlap [start, end), or
 * are pre- or post-roll of what does, say again what the triggers say. */
NVR_CHECK int nvr_triggers_mark(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                int64_t end_ms, int64_t pre_ms, int64_t post_ms);
/* The largest id, 0: none. */
NVR_CHECK int nvr_triggers_last_id(struct nvr_db *db, int64_t *ret_id);
/* Those that overlap [start, end), by start; visit as in nvr_recordings_each(). */
typedef int (*nvr_triggers_visit)(const struct nvr_trigger *trigger, void *arg);
NVR_CHECK int nvr_triggers_each(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                                int64_t end_ms, nvr_triggers_visit visit, void *arg);
/* In a write job. INT64_MAX: all of the camera. */
NVR_CHECK int nvr_triggers_delete(struct nvr_db *db, const char *camera_id, int64_t before_ms);

#endif
