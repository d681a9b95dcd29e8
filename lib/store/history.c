#include "lib/store/history.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/store/causes.h"
#include "lib/store/recordings.h"

#define TIME_MAX_MS (INT64_MAX / 4) /* leaves room to add to it */

struct reading {
    struct nvr_history *history;
    int64_t start_ms, end_ms; /* as asked for */
};

static int add_row(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    const struct reading *reading = arg;
    struct nvr_history *history = reading->history;

    if (start_ms < reading->end_ms && end_ms > reading->start_ms) {
        history->segments++;
        history->bytes += size;
    }
    return nvr_ranges_add(&history->rows, start_ms, end_ms, NVR_TIMELINE_JOIN_MS);
}

static int copy_ranges(const struct nvr_ranges *from, struct nvr_ranges *to)
{
    int r = 0;

    for (size_t i = 0; i < from->count && r == 0; i++)
        r = nvr_ranges_add(to, from->items[i].start_ms, from->items[i].end_ms, 0);
    return r;
}

/* Neighbours of the span count, too: a small hole at its edge is closed as it is inside. */
static int read_rows(struct nvr_db *db, const char *camera_id, struct reading *reading,
                     const struct nvr_recording_view *now)
{
    struct nvr_history *history = reading->history;
    const struct nvr_range *last;
    int64_t from_ms = now->file_start_ms;
    int r = nvr_recordings_spans(db, camera_id, reading->start_ms - NVR_TIMELINE_JOIN_MS,
                                 reading->end_ms + NVR_TIMELINE_JOIN_MS, add_row, reading);

    if (r == 0)
        r = copy_ranges(&history->rows, &history->recorded);
    if (r < 0 || !from_ms)
        return r;
    last = history->recorded.count ? &history->recorded.items[history->recorded.count - 1] : NULL;
    if (last)
        from_ms = NVR_MAX(from_ms, last->start_ms);
    return nvr_ranges_add(&history->recorded, from_ms, now->file_end_ms, NVR_TIMELINE_JOIN_MS);
}

/* ---- periods ---- */

/* In order of start. */
static int add_period(const struct nvr_cause_period *period, void *arg)
{
    struct nvr_history *history = arg;
    size_t at = history->periods_count;

    if (history->periods_count == history->periods_cap) {
        const size_t cap = history->periods_cap ? history->periods_cap * 2 : 8;
        struct nvr_cause_period *periods =
            reallocarray(history->periods, cap, sizeof(*history->periods));

        if (!periods)
            return -ENOMEM;
        history->periods = periods;
        history->periods_cap = cap;
    }
    while (at > 0 && history->periods[at - 1].start_ms > period->start_ms)
        at--;
    memmove(&history->periods[at + 1], &history->periods[at],
            (history->periods_count - at) * sizeof(*period));
    history->periods[at] = *period;
    history->periods_count++;
    return 0;
}

/* The writer may be a moment behind: what is the matter now is known better. */
static int add_now(struct nvr_history *history, const struct nvr_recording_view *now)
{
    struct nvr_cause_period period = {.start_ms = now->since_ms, .end_ms = NVR_CAUSE_OPEN};

    if (!now->since_ms)
        return 0;
    for (size_t i = 0; i < history->periods_count; i++) {
        struct nvr_cause_period *open = &history->periods[i];

        if (open->end_ms == NVR_CAUSE_OPEN)
            open->end_ms = NVR_MAX(open->start_ms, now->since_ms);
    }
    if (now->cause < 0 || now->since_ms >= history->end_ms)
        return 0;
    period.cause = (enum nvr_cause)now->cause;
    memcpy(period.detail, now->detail, sizeof(period.detail));
    return add_period(&period, history);
}

/* Near ones count, too: see NVR_CAUSE_NEAR_MS. */
static int read_periods(struct nvr_db *db, const char *camera_id, struct nvr_history *history,
                        const struct nvr_recording_view *now)
{
    const int r = nvr_causes_each(db, camera_id, history->start_ms - NVR_CAUSE_NEAR_MS,
                                  history->end_ms + NVR_CAUSE_NEAR_MS, add_period, history);

    return r < 0 ? r : add_now(history, now);
}

/* ---- the span ---- */

/* Before its first file and its first cause nothing is known of a camera. */
static int find_known_from(struct nvr_db *db, const char *camera_id,
                           const struct nvr_recording_view *now, int64_t *ret_ms)
{
    struct nvr_recordings_totals totals;
    int64_t from_ms = now->file_start_ms ? now->file_start_ms : INT64_MAX;
    int64_t first_ms = 0;
    int r = nvr_recordings_totals(db, camera_id, &totals);

    if (r == 0)
        from_ms = NVR_MIN(from_ms, totals.first_ms);
    if (r == 0 || r == -ENOENT)
        r = nvr_causes_first(db, camera_id, &first_ms);
    if (r == 0)
        from_ms = NVR_MIN(from_ms, first_ms);
    if (now->cause >= 0 && now->since_ms)
        from_ms = NVR_MIN(from_ms, now->since_ms);
    *ret_ms = from_ms == INT64_MAX ? 0 : from_ms;
    return r == -ENOENT ? 0 : r;
}

static void set_span(struct nvr_history *history, const struct reading *reading,
                     const struct nvr_recording_view *now)
{
    const struct nvr_ranges *recorded = &history->recorded;
    int64_t until_ms = now->known_until_ms;

    if (now->cause < 0 && recorded->count)
        until_ms = NVR_MAX(until_ms, recorded->items[recorded->count - 1].end_ms);
    history->start_ms = NVR_MAX(reading->start_ms, history->known_from_ms);
    history->end_ms = NVR_MIN(reading->end_ms, until_ms);
    if (!history->known_from_ms || history->end_ms < history->start_ms)
        history->end_ms = history->start_ms;
}

static int read_all(struct nvr_db *db, const char *camera_id, struct reading *reading,
                    const struct nvr_recording_view *now)
{
    struct nvr_history *history = reading->history;
    int r = find_known_from(db, camera_id, now, &history->known_from_ms);

    if (r == 0)
        r = read_rows(db, camera_id, reading, now);
    if (r < 0)
        return r;
    set_span(history, reading, now);
    nvr_ranges_clip(&history->rows, reading->start_ms, reading->end_ms);
    nvr_ranges_clip(&history->recorded, history->start_ms, history->end_ms);
    r = read_periods(db, camera_id, history, now);
    if (r == 0)
        r = nvr_gaps_remove_silences(&history->rows, history->periods, history->periods_count);
    if (r == 0)
        r = nvr_gaps_remove_silences(&history->recorded, history->periods, history->periods_count);
    if (r < 0)
        return r;
    return nvr_gaps_find(&history->recorded, history->periods, history->periods_count,
                         history->start_ms, history->end_ms, &history->gaps);
}

int nvr_history_read(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                     const struct nvr_recording_view *now, struct nvr_history *ret_history)
{
    struct nvr_history history = {0};
    struct reading reading = {&history, NVR_MIN(start_ms, TIME_MAX_MS),
                              NVR_MIN(end_ms, TIME_MAX_MS)};
    const struct nvr_recording_view nothing = {.known_until_ms = nvr_clock_wall_ms(), .cause = -1};
    const int r = read_all(db, camera_id, &reading, now ? now : &nothing);

    assert(start_ms <= end_ms);
    if (r < 0) {
        nvr_history_done(&history);
        history = (struct nvr_history){0};
    }
    *ret_history = history;
    return r;
}

void nvr_history_done(struct nvr_history *history)
{
    nvr_ranges_done(&history->rows);
    nvr_ranges_done(&history->recorded);
    nvr_gaps_done(&history->gaps);
    free(history->periods);
    history->periods = NULL;
    history->periods_count = history->periods_cap = 0;
}

const char *nvr_history_detail(const struct nvr_history *history, const struct nvr_gap *gap)
{
    return gap->period >= 0 ? history->periods[gap->period].detail : "";
}
