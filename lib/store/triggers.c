#include "lib/store/triggers.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/store/db.h"
#include "lib/store/queries.h"
#include "lib/store/recordings.h"

static const char sql_put[] =
    "INSERT INTO recording_triggers (id, camera_id, start_ms, end_ms, kind, source, label) "
    "VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT (id) DO UPDATE SET start_ms = ?3, end_ms = ?4";
static const char sql_last_id[] =
    "SELECT id FROM recording_triggers WHERE id > 0 ORDER BY id DESC LIMIT 1";
static const char sql_each[] =
    "SELECT id, camera_id, start_ms, end_ms, kind, source, label FROM recording_triggers "
    "WHERE camera_id = ?1 AND start_ms > ?2 - 86400000 AND start_ms < ?3 "
    "AND (end_ms > ?2 OR start_ms >= ?2) ORDER BY start_ms";
static_assert(NVR_TRIGGER_SPAN_MAX_MS == 86400000, "the statements search that far back");
/* Most segments have no trigger near: one look says so. */
static const char sql_any[] =
    "SELECT 1 FROM recording_triggers WHERE camera_id = ?1 AND start_ms > ?2 - 86400000 "
    "AND start_ms < ?3 AND end_ms >= ?2 AND kind <> 'manual' LIMIT 1";
/* ?4 pre-roll, ?5 post-roll. */
#define NEAR                                                                                       \
    "FROM recording_triggers AS t WHERE t.camera_id = ?1 AND t.start_ms < r.end_ms + ?4 "          \
    "AND t.start_ms > r.start_ms - ?5 - 86400000 AND t.end_ms >= r.start_ms - ?5 "
static const char sql_mark[] =
    "UPDATE recordings AS r SET "
    "motion = EXISTS (SELECT 1 " NEAR "AND t.kind = 'motion'), "
    "has_events = EXISTS (SELECT 1 " NEAR "AND t.kind = 'event'), "
    "event_count = (SELECT count(*) FROM recording_triggers AS t WHERE t.camera_id = ?1 "
    "AND t.start_ms < r.end_ms AND t.start_ms > r.start_ms - 86400000 "
    "AND (t.end_ms > r.start_ms OR t.start_ms >= r.start_ms) AND t.kind = 'event') "
    "WHERE r.camera_id = ?1 AND r.start_ms > ?2 - 3600000 AND r.start_ms < ?3 AND r.end_ms > ?2";
static_assert(NVR_RECORDING_SPAN_MAX_MS == 3600000, "sql_mark searches that far back");
static const char sql_delete[] =
    "DELETE FROM recording_triggers WHERE camera_id = ?1 AND start_ms < ?2";

const char *const nvr_triggers_queries[] = {
    sql_put, sql_last_id, sql_each, sql_any, sql_mark, sql_delete, NULL,
};

static const char *const kinds[NVR_TRIGGER_KINDS] = {"motion", "event", "manual"};

const char *nvr_trigger_kind_name(enum nvr_trigger_kind kind)
{
    return kinds[kind];
}

int nvr_triggers_put(struct nvr_db *db, const struct nvr_trigger *trigger)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    assert(db && trigger);
    if (trigger->id <= 0 || !nvr_slug_is_valid(trigger->camera_id) ||
        trigger->end_ms < trigger->start_ms ||
        trigger->end_ms - trigger->start_ms > NVR_TRIGGER_SPAN_MAX_MS ||
        (unsigned)trigger->kind >= NVR_TRIGGER_KINDS)
        return -EINVAL;
    r = nvr_db_prepare(db, sql_put, &s);
    if (r < 0)
        return r;
    nvr_bind_int(s, 1, trigger->id);
    nvr_bind_text(s, 2, trigger->camera_id);
    nvr_bind_int(s, 3, trigger->start_ms);
    nvr_bind_int(s, 4, trigger->end_ms);
    nvr_bind_text(s, 5, kinds[trigger->kind]);
    nvr_bind_text(s, 6, trigger->source);
    nvr_bind_text(s, 7, trigger->label);
    return nvr_db_run(db, s);
}

static int has_any(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    const int r = nvr_db_prepare(db, sql_any, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    return nvr_db_step(db, s);
}

int nvr_triggers_mark(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                      int64_t pre_ms, int64_t post_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r;

    /* Pictures up to post_ms after the trigger are its own, and from pre_ms before it on. */
    r = has_any(db, camera_id, start_ms - post_ms, end_ms + pre_ms);
    if (r <= 0)
        return r;
    r = nvr_db_prepare(db, sql_mark, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms - pre_ms);
    nvr_bind_int(s, 3, end_ms + post_ms);
    nvr_bind_int(s, 4, pre_ms);
    nvr_bind_int(s, 5, post_ms);
    return nvr_db_run(db, s);
}

int nvr_triggers_last_id(struct nvr_db *db, int64_t *ret_id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_last_id, &s);

    if (r < 0)
        return r;
    r = nvr_db_step(db, s);
    if (r < 0)
        return r;
    *ret_id = r ? sqlite3_column_int64(s, 0) : 0;
    return 0;
}

static void read_trigger(sqlite3_stmt *s, struct nvr_trigger *trigger)
{
    char kind[8];

    trigger->id = sqlite3_column_int64(s, 0);
    nvr_column_text(s, 1, trigger->camera_id, sizeof(trigger->camera_id));
    trigger->start_ms = sqlite3_column_int64(s, 2);
    trigger->end_ms = sqlite3_column_int64(s, 3);
    nvr_column_text(s, 4, kind, sizeof(kind));
    trigger->kind = NVR_TRIGGER_MOTION;
    for (int i = 0; i < NVR_TRIGGER_KINDS; i++)
        if (strcmp(kinds[i], kind) == 0)
            trigger->kind = (enum nvr_trigger_kind)i;
    nvr_column_text(s, 5, trigger->source, sizeof(trigger->source));
    nvr_column_text(s, 6, trigger->label, sizeof(trigger->label));
}

int nvr_triggers_each(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                      nvr_triggers_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_trigger trigger;
    int r = nvr_db_prepare(db, sql_each, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, end_ms);
    while ((r = nvr_db_step(db, s)) > 0) {
        read_trigger(s, &trigger);
        r = visit(&trigger, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_triggers_delete(struct nvr_db *db, const char *camera_id, int64_t before_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    const int r = nvr_db_prepare(db, sql_delete, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, before_ms);
    return nvr_db_run(db, s);
}
