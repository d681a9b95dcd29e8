/* recording-plan.h — what one camera records now, why, and until when (pure).
 *
 * Mode and triggers become one window [from, until); the worker knows nothing else. A trigger's
 * window is the trigger with its pre- and post-roll; triggers that come while one is open extend
 * it. Motion counts in mode motion, events in modes motion and events, a person always. */
#ifndef NVR_SUPERVISOR_RECORDING_PLAN_H
#define NVR_SUPERVISOR_RECORDING_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/zone.h"
#include "lib/config/config.h"
#include "lib/store/triggers.h"

/* A window that is over is still told so long: a trigger that came late wants the past. */
#define RECORDING_LINGER_MS 1000

enum recording_reason {
    RECORDING_OFF,
    RECORDING_CONTINUOUS,
    RECORDING_SCHEDULE,
    RECORDING_TRIGGER,
    RECORDING_MANUAL,
};

struct recording_plan {
    struct {
        bool is_set;
        int64_t start_ms, end_ms; /* without pre- and post-roll */
    } spans[NVR_TRIGGER_KINDS];
    bool has_mode;
    enum nvr_record_mode mode; /* at the last look … */
    int64_t mode_since_ms;     /* … and since then; 0: since the start */
};

struct recording_rules {
    bool enabled;
    enum nvr_recording_mode mode;
    const struct nvr_schedule *schedule;
    const struct nvr_zone *zone;
    int64_t pre_ms, post_ms;
};

struct recording_now {
    enum nvr_record_mode mode;
    enum recording_reason reason;
    int64_t from_ms, until_ms; /* the window; until INT64_MAX: no end, 0: nothing */
    int64_t next_mode_ms;      /* the schedule brings another mode; INT64_MAX: never */
    int64_t next_look_ms;      /* nothing changes by itself before; INT64_MAX: never */
};

const char *recording_reason_name(enum recording_reason reason);
void recording_plan_add(struct recording_plan *plan, const struct recording_rules *rules,
                        enum nvr_trigger_kind kind, int64_t start_ms, int64_t end_ms,
                        int64_t now_ms);
void recording_plan_end(struct recording_plan *plan, enum nvr_trigger_kind kind);
/* The wall clock was set: what is open stays so as long as it would have been. */
void recording_plan_shift(struct recording_plan *plan, int64_t by_ms);
struct recording_now recording_plan_look(struct recording_plan *plan,
                                         const struct recording_rules *rules, int64_t now_ms);

#endif
