/* survey.h — what is stored, how fast it grows, what goes next: read from the database.
 *
 * Threads: survey_run() in libuv's pool, one at a time; the loop makes and reads it. */
#ifndef NVR_STORAGE_SURVEY_H
#define NVR_STORAGE_SURVEY_H

#include <stdint.h>

#include "lib/store/retention.h"
#include "lib/store/store.h"
#include "src/storage/policy.h"

#define SURVEY_NEXT_MAX 20
#define SURVEY_HOURS 24

/* Bytes per hour as they were recorded: what was deleted since counts all the same. */
struct survey_growth {
    char camera_id[NVR_SLUG_SIZE];
    int64_t first_ms;                  /* of the oldest recording ever seen */
    int64_t hours[SURVEY_HOURS];       /* hours since 1970; 0: not known */
    int64_t hours_bytes[SURVEY_HOURS]; /* of the hour with the same index */
};

struct survey_camera {
    struct nvr_usage usage;
    int64_t first_ms, last_ms;
    struct policy_days days;
    double bytes_per_day;
};

struct survey_next {
    struct nvr_stored_segment segment;
    enum policy_reason reason;
    int64_t at_ms;
};

struct survey {
    struct nvr_store *store;
    int64_t now_ms;
    struct policy_space space;
    /* The days of each camera of the configuration; others go by the last. */
    struct survey_days {
        char id[NVR_SLUG_SIZE];
        struct policy_days days;
    } * days;
    size_t days_count;

    int result;
    struct survey_camera *cameras; /* by id */
    size_t cameras_count;
    struct survey_growth *growth; /* kept from survey to survey; same order */
    size_t growth_count;
    struct policy_forecast forecast;
    struct survey_next next[SURVEY_NEXT_MAX]; /* by at_ms */
    size_t next_count;
};

void survey_run(struct survey *survey);
void survey_done(struct survey *survey);
/* Until space makes recordings of this camera go; < 0: it does not. */
double survey_days_left(const struct survey *survey, const struct survey_camera *camera);
/* Bytes of one tier, all ranks. */
int64_t survey_tier_bytes(const struct nvr_usage *usage, enum nvr_tier tier);

#endif
