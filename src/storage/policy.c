#include "src/storage/policy.h"

#include <math.h>
#include <string.h>

#define DAYS_MAX 36500.0
#define HALVINGS 60

int64_t policy_expires_ms(const struct policy_days *days, enum nvr_rank rank, int64_t end_ms)
{
    if (rank >= NVR_RANK_PROTECTED)
        return INT64_MAX;
    return end_ms +
           POLICY_DAY_MS * (rank == NVR_RANK_EVENTS ? days->events_days : days->default_days);
}

/* ---- how much must go ---- */

/* Room kept ahead: two minutes of recording; on a small disk not more than it bears. */
static int64_t ahead_of(const struct policy_space *space, int64_t limit_bytes)
{
    const int64_t wanted = (int64_t)(space->bytes_per_second * POLICY_AHEAD_S);
    const int64_t least = NVR_MIN(limit_bytes / 200, POLICY_AHEAD_MIN_BYTES);

    return NVR_MIN(NVR_MAX(wanted, least), limit_bytes / 20);
}

/* room: what is left below a limit. */
static int64_t need_of(int64_t room_bytes, int64_t ahead_bytes, bool going_on)
{
    if (room_bytes >= ahead_bytes * (going_on ? 2 : 1))
        return 0;
    return ahead_bytes * 2 - room_bytes;
}

int64_t policy_need(const struct policy_space *space, bool going_on)
{
    int64_t need = 0;

    if (space->max_bytes > 0)
        need = need_of(space->max_bytes - space->used_bytes, ahead_of(space, space->max_bytes),
                       going_on);
    if (space->total_bytes > 0)
        need = NVR_MAX(need, need_of(space->free_bytes - space->min_free_bytes,
                                     ahead_of(space, space->total_bytes), going_on));
    return need;
}

static double room_of(const struct policy_space *space, enum policy_limit *ret_limit)
{
    const double below_max =
        space->max_bytes > 0 ? (double)(space->max_bytes - space->used_bytes) : INFINITY;
    const double above_min =
        space->total_bytes > 0 ? (double)(space->free_bytes - space->min_free_bytes) : INFINITY;

    *ret_limit = below_max <= above_min ? POLICY_LIMIT_MAX : POLICY_LIMIT_FREE;
    return fmin(below_max, above_min);
}

double policy_seconds_left(const struct policy_space *space)
{
    enum policy_limit limit;
    const double room = room_of(space, &limit);

    return space->bytes_per_second > 0 ? fmax(room, 0) / space->bytes_per_second : INFINITY;
}

bool policy_is_over(const struct policy_space *space)
{
    return (space->max_bytes > 0 && space->used_bytes > space->max_bytes) ||
           (space->total_bytes > 0 && space->free_bytes < space->min_free_bytes);
}

/* ---- what goes ---- */

const char *policy_reason_name(enum policy_reason reason)
{
    static const char *const names[POLICY_REASONS] = {"expired", "space"};

    return names[reason];
}

static bool is_chosen(const struct policy_chooser *chooser,
                      const struct nvr_stored_segment *segment)
{
    for (size_t i = 0; i < chooser->count; i++)
        if (chooser->items[i].segment.start_ms == segment->start_ms &&
            strcmp(chooser->items[i].segment.camera_id, segment->camera_id) == 0)
            return true;
    return false;
}

static bool is_full(const struct policy_chooser *chooser)
{
    return chooser->count == POLICY_BATCH || chooser->looked >= POLICY_LOOKED_MAX;
}

static void choose(struct policy_chooser *chooser, const struct nvr_stored_segment *segment,
                   enum policy_reason reason)
{
    chooser->looked++;
    if (segment->rank >= NVR_RANK_PROTECTED)
        return;
    if (chooser->is_kept && chooser->is_kept(segment, chooser->arg)) {
        chooser->kept_segments++;
        chooser->kept_bytes += segment->size;
        return;
    }
    chooser->items[chooser->count++] = (struct policy_choice){*segment, reason};
    if (segment->tier == NVR_TIER_HOT)
        chooser->found_bytes += segment->size;
}

int policy_offer_aged(struct policy_chooser *chooser, const struct policy_days *days,
                      const struct nvr_stored_segment *segment)
{
    if (is_full(chooser) ||
        policy_expires_ms(days, segment->rank, segment->end_ms) > chooser->now_ms)
        return 1;
    choose(chooser, segment, POLICY_EXPIRED);
    return 0;
}

bool policy_needs_more(const struct policy_chooser *chooser)
{
    return chooser->found_bytes < chooser->need_bytes && !is_full(chooser);
}

int policy_offer_oldest(struct policy_chooser *chooser, const struct nvr_stored_segment *segment)
{
    if (!policy_needs_more(chooser))
        return 1;
    if (!is_chosen(chooser, segment))
        choose(chooser, segment, POLICY_SPACE);
    return 0;
}

/* ---- when there will be no room ---- */

const char *policy_limit_name(enum policy_limit limit)
{
    static const char *const names[] = {NULL, "days", "max_storage", "min_free"};

    return names[limit];
}

/* What comes in so many days: a camera whose oldest day goes for every new one stands still. */
static double growth_in(const struct policy_growth *cameras, size_t count, double days)
{
    double bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += cameras[i].bytes_per_day * fmin(days, fmax(cameras[i].days_to_go, 0));
    return bytes;
}

struct policy_forecast policy_forecast(const struct policy_space *space,
                                       const struct policy_growth *cameras, size_t count)
{
    struct policy_forecast forecast = {.days_left = -1, .limit = POLICY_LIMIT_DAYS};
    enum policy_limit limit;
    const double room = room_of(space, &limit);
    double low = 0;
    double high = DAYS_MAX;

    for (size_t i = 0; i < count; i++)
        forecast.bytes_per_day += cameras[i].bytes_per_day;
    if (forecast.bytes_per_day <= 0) {
        forecast.limit = POLICY_LIMIT_NONE;
        return forecast;
    }
    if (room > 0 && growth_in(cameras, count, DAYS_MAX) <= room)
        return forecast;
    forecast.limit = limit;
    forecast.days_left = 0;
    if (room <= 0)
        return forecast;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;

        if (growth_in(cameras, count, middle) < room)
            low = middle;
        else
            high = middle;
    }
    forecast.days_left = high;
    return forecast;
}
