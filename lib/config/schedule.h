/* schedule.h — a weekly calendar of recording modes: which one holds at an instant, and until when.
 *
 * Entries are in the time of the clock on the wall. When that jumps forwards, what lies in the jump
 * does not happen; an hour that comes twice is recorded twice. Pure. */
#ifndef NVR_CONFIG_SCHEDULE_H
#define NVR_CONFIG_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/zone.h"

#define NVR_SCHEDULE_MAX 64
#define NVR_SCHEDULE_DAY_MINUTES 1440

enum nvr_record_mode {
    NVR_RECORD_OFF,
    NVR_RECORD_CONTINUOUS,
    NVR_RECORD_MOTION, /* on motion and events */
    NVR_RECORD_EVENTS,
};

struct nvr_schedule_entry {
    uint8_t days;      /* bit 0: Monday … bit 6: Sunday */
    uint8_t mode;      /* enum nvr_record_mode */
    uint16_t from, to; /* minutes of the day; to ≤ from: on the next day; to 1440: midnight */
};

/* Of entries that overlap the later one counts; what none covers is off. */
struct nvr_schedule {
    size_t count;
    struct nvr_schedule_entry entries[NVR_SCHEDULE_MAX];
};

const char *nvr_record_mode_name(enum nvr_record_mode mode);
/* ret_next_ms: the first instant after at_ms with another mode; INT64_MAX: none. */
enum nvr_record_mode nvr_schedule_at(const struct nvr_schedule *schedule,
                                     const struct nvr_zone *zone, int64_t at_ms,
                                     int64_t *ret_next_ms);

#endif
