#include "src/storage/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/store/recordings.h"

#define HOUR_MS INT64_C(3600000)
#define SPAN_MIN_MS 60000 /* younger cameras are not told by their first seconds */

void survey_done(struct survey *survey)
{
    free(survey->days);
    free(survey->cameras);
    free(survey->growth);
}

int64_t survey_tier_bytes(const struct nvr_usage *usage, enum nvr_tier tier)
{
    int64_t bytes = 0;

    for (int rank = 0; rank < NVR_RANKS; rank++)
        bytes += usage->bytes[tier][rank];
    return bytes;
}

/* ---- usage and growth ---- */

static struct policy_days days_of(const struct survey *survey, const char *id)
{
    size_t i = 0;

    while (i + 1 < survey->days_count && strcmp(survey->days[i].id, id) != 0)
        i++;
    return survey->days[i].days;
}

static int add_camera(const struct nvr_usage *usage, void *arg)
{
    struct survey *survey = arg;
    struct survey_camera *cameras =
        reallocarray(survey->cameras, survey->cameras_count + 1, sizeof(*cameras));

    if (!cameras)
        return -ENOMEM;
    survey->cameras = cameras;
    cameras[survey->cameras_count++] =
        (struct survey_camera){.usage = *usage, .days = days_of(survey, usage->camera_id)};
    survey->space.used_bytes += survey_tier_bytes(usage, NVR_TIER_HOT);
    return 0;
}

/* Makes the list of growths one of the cameras there are, in their order. */
static int align_growth(struct survey *survey)
{
    struct survey_growth *growth = calloc(survey->cameras_count + 1, sizeof(*growth));

    if (!growth)
        return -ENOMEM;
    for (size_t i = 0; i < survey->cameras_count; i++) {
        const char *id = survey->cameras[i].usage.camera_id;

        for (size_t k = 0; k < survey->growth_count; k++)
            if (strcmp(survey->growth[k].camera_id, id) == 0)
                growth[i] = survey->growth[k];
        if (!growth[i].camera_id[0]) {
            memcpy(growth[i].camera_id, id, sizeof(growth[i].camera_id));
            growth[i].first_ms = INT64_MAX;
        }
    }
    free(survey->growth);
    survey->growth = growth;
    survey->growth_count = survey->cameras_count;
    return 0;
}

/* An hour that is over does not change; the last one may still get its last file. */
static int add_hour(struct nvr_db *db, struct survey_growth *growth, int64_t hour, bool is_over,
                    int64_t *sum)
{
    int64_t *known = &growth->hours[hour % SURVEY_HOURS];
    int64_t *bytes = &growth->hours_bytes[hour % SURVEY_HOURS];

    if (!is_over || *known != hour) {
        const int r =
            nvr_usage_between(db, growth->camera_id, hour * HOUR_MS, (hour + 1) * HOUR_MS, bytes);

        if (r < 0)
            return r;
        *known = is_over ? hour : 0;
    }
    *sum += *bytes;
    return 0;
}

static int measure(struct survey *survey, struct nvr_db *db, size_t index)
{
    struct survey_camera *camera = &survey->cameras[index];
    struct survey_growth *growth = &survey->growth[index];
    const int64_t now_hour = survey->now_ms / HOUR_MS;
    const int64_t from_ms = (now_hour - SURVEY_HOURS + 1) * HOUR_MS;
    struct nvr_recordings_totals totals = {0};
    int64_t span_ms;
    int64_t bytes = 0;
    int r = nvr_recordings_totals(db, camera->usage.camera_id, &totals);

    for (int64_t hour = now_hour - SURVEY_HOURS + 1; r == 0 && hour <= now_hour; hour++)
        r = add_hour(db, growth, hour, hour < now_hour - 1, &bytes);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    camera->first_ms = totals.first_ms;
    camera->last_ms = totals.last_ms;
    growth->first_ms = NVR_MIN(growth->first_ms, totals.first_ms);
    span_ms = survey->now_ms - NVR_MAX(from_ms, growth->first_ms);
    camera->bytes_per_day =
        (double)bytes * (double)POLICY_DAY_MS / (double)NVR_MAX(span_ms, SPAN_MIN_MS);
    survey->space.bytes_per_second += camera->bytes_per_day / 86400;
    return 0;
}

static int forecast(struct survey *survey)
{
    struct policy_growth *growth = calloc(survey->cameras_count + 1, sizeof(*growth));

    if (!growth)
        return -ENOMEM;
    for (size_t i = 0; i < survey->cameras_count; i++) {
        const struct survey_camera *camera = &survey->cameras[i];
        const double age = (double)(survey->now_ms - camera->first_ms) / (double)POLICY_DAY_MS;

        growth[i] =
            (struct policy_growth){camera->bytes_per_day, (double)camera->days.default_days - age};
    }
    survey->forecast = policy_forecast(&survey->space, growth, survey->cameras_count);
    free(growth);
    return 0;
}

double survey_days_left(const struct survey *survey, const struct survey_camera *camera)
{
    int64_t oldest_ms = camera->first_ms;

    if (survey->forecast.days_left < 0)
        return -1;
    for (size_t i = 0; i < survey->cameras_count; i++)
        oldest_ms = NVR_MIN(oldest_ms, survey->cameras[i].first_ms);
    /* The oldest of all go first: who began later loses later. */
    return survey->forecast.days_left +
           (double)(camera->first_ms - oldest_ms) / (double)POLICY_DAY_MS;
}

/* ---- what goes next ---- */

static void add_next(struct survey *survey, const struct nvr_stored_segment *segment,
                     enum policy_reason reason, int64_t at_ms)
{
    size_t i = 0;

    for (size_t k = 0; k < survey->next_count; k++) {
        const struct survey_next *known = &survey->next[k];

        if (known->segment.start_ms == segment->start_ms &&
            strcmp(known->segment.camera_id, segment->camera_id) == 0) {
            if (known->at_ms <= at_ms)
                return;
            survey->next_count--;
            memmove(&survey->next[k], &survey->next[k + 1],
                    (survey->next_count - k) * sizeof(survey->next[0]));
            break;
        }
    }
    while (i < survey->next_count && survey->next[i].at_ms <= at_ms)
        i++;
    if (i == SURVEY_NEXT_MAX)
        return;
    survey->next_count = NVR_MIN(survey->next_count + 1, SURVEY_NEXT_MAX);
    memmove(&survey->next[i + 1], &survey->next[i],
            (survey->next_count - i - 1) * sizeof(survey->next[0]));
    survey->next[i] = (struct survey_next){*segment, reason, at_ms};
}

struct next_walk {
    struct survey *survey;
    struct policy_days days;
    size_t seen;
    double bytes; /* that go before */
};

static int add_aged(const struct nvr_stored_segment *segment, void *arg)
{
    struct next_walk *walk = arg;

    add_next(walk->survey, segment, POLICY_EXPIRED,
             policy_expires_ms(&walk->days, segment->rank, segment->end_ms));
    return ++walk->seen == SURVEY_NEXT_MAX;
}

static int add_oldest(const struct nvr_stored_segment *segment, void *arg)
{
    struct next_walk *walk = arg;
    const struct survey *survey = walk->survey;
    const double days = survey->forecast.days_left + walk->bytes / survey->forecast.bytes_per_day;

    add_next(walk->survey, segment, POLICY_SPACE,
             survey->now_ms + (int64_t)(days * (double)POLICY_DAY_MS));
    walk->bytes += (double)segment->size;
    return ++walk->seen == SURVEY_NEXT_MAX;
}

static int list_next(struct survey *survey, struct nvr_db *db)
{
    struct next_walk walk = {.survey = survey};
    int r = 0;

    for (size_t i = 0; r == 0 && i < survey->cameras_count; i++) {
        walk.days = survey->cameras[i].days;
        for (int rank = 0; r == 0 && rank < NVR_RANK_PROTECTED; rank++) {
            walk.seen = 0;
            r = nvr_stored_of_rank(db, survey->cameras[i].usage.camera_id, (enum nvr_rank)rank,
                                   survey->now_ms, add_aged, &walk);
        }
    }
    walk.seen = 0;
    for (int rank = 0; r == 0 && survey->forecast.days_left >= 0 && rank < NVR_RANK_PROTECTED &&
                       walk.seen < SURVEY_NEXT_MAX;
         rank++)
        r = nvr_stored_oldest(db, NVR_TIER_HOT, (enum nvr_rank)rank, add_oldest, &walk);
    return r;
}

void survey_run(struct survey *survey)
{
    struct nvr_db *db;
    int r = nvr_store_read_begin(survey->store, &db);

    survey->result = r;
    if (r < 0)
        return;
    r = nvr_usage_each(db, add_camera, survey);
    if (r == 0)
        r = align_growth(survey);
    for (size_t i = 0; r == 0 && i < survey->cameras_count; i++)
        r = measure(survey, db, i);
    if (r == 0)
        r = forecast(survey);
    if (r == 0)
        r = list_next(survey, db);
    nvr_store_read_end(survey->store, db);
    survey->result = r;
}
