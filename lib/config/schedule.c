#include "lib/config/schedule.h"

#include <stdbool.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (NVR_SCHEDULE_DAY_MINUTES * MINUTE_MS)
#define WEEK_MS (7 * DAY_MS)
/* It repeats every week; the second one is for what a jump of the clock left out of the first. */
#define SEARCH_MS (15 * DAY_MS)

const char *nvr_record_mode_name(enum nvr_record_mode mode)
{
    static const char *const names[] = {"off", "continuous", "motion", "events"};

    return names[mode];
}

/* ms since Monday 00:00 on the wall; 1970 began on a Thursday. */
static int64_t week_ms(int64_t local_ms)
{
    const int64_t rest = (local_ms + 3 * DAY_MS) % WEEK_MS;

    return rest < 0 ? rest + WEEK_MS : rest;
}

static bool covers(const struct nvr_schedule_entry *entry, int64_t at_ms)
{
    const unsigned day = (unsigned)(at_ms / DAY_MS);
    const int64_t minute = at_ms % DAY_MS / MINUTE_MS;
    const bool today = entry->days >> day & 1;
    const bool yesterday = entry->days >> (day + 6) % 7 & 1;

    if (entry->to > entry->from)
        return today && minute >= entry->from && minute < entry->to;
    return (today && minute >= entry->from) || (yesterday && minute < entry->to);
}

static enum nvr_record_mode mode_at(const struct nvr_schedule *schedule, int64_t week)
{
    for (size_t i = schedule->count; i-- > 0;)
        if (covers(&schedule->entries[i], week))
            return (enum nvr_record_mode)schedule->entries[i].mode;
    return NVR_RECORD_OFF;
}

/* ms until the next moment of the day at which some entry begins or ends, > 0. */
static int64_t next_edge(const struct nvr_schedule *schedule, int64_t week)
{
    const int64_t now = week % DAY_MS;
    int64_t best = DAY_MS - now;

    for (size_t i = 0; i < schedule->count; i++) {
        const int64_t edges[] = {schedule->entries[i].from * MINUTE_MS,
                                 schedule->entries[i].to * MINUTE_MS};

        for (size_t k = 0; k < 2; k++)
            if (edges[k] > now && edges[k] - now < best)
                best = edges[k] - now;
    }
    return best;
}

enum nvr_record_mode nvr_schedule_at(const struct nvr_schedule *schedule,
                                     const struct nvr_zone *zone, int64_t at_ms,
                                     int64_t *ret_next_ms)
{
    int64_t offset = nvr_zone_offset_ms(zone, at_ms);
    int64_t jump = nvr_zone_next_change_ms(zone, at_ms);
    const enum nvr_record_mode mode = mode_at(schedule, week_ms(at_ms + offset));
    int64_t cursor = at_ms;

    *ret_next_ms = INT64_MAX;
    while (schedule->count && cursor - at_ms < SEARCH_MS) {
        cursor += next_edge(schedule, week_ms(cursor + offset));
        if (cursor >= jump) { /* the clock on the wall jumps before it gets there */
            cursor = jump;
            offset = nvr_zone_offset_ms(zone, cursor);
            jump = nvr_zone_next_change_ms(zone, cursor);
        }
        if (mode_at(schedule, week_ms(cursor + offset)) != mode) {
            *ret_next_ms = cursor;
            break;
        }
    }
    return mode;
}
