#include "lib/store/tiers.h"

#include <errno.h>

#include "lib/base/hex.h"
#include "lib/store/db.h"
#include "lib/store/queries.h"

#define SELECT                                                                                     \
    "SELECT camera_id, start_ms, end_ms, file_size, location, file_path, checksum "                \
    "FROM recordings "

static const char sql_due[] =
    SELECT "WHERE tier = ? AND rank = ? AND start_ms < ? AND length(checksum) = 32 "
           "ORDER BY start_ms LIMIT ?";
static const char sql_newest[] =
    SELECT "WHERE tier = ? AND rank = ? AND start_ms < ? AND length(checksum) = 32 "
           "ORDER BY start_ms DESC LIMIT ?";
static const char sql_count[] =
    "SELECT count(*) FROM recordings WHERE tier = ? AND rank = ? AND start_ms < ?";
static const char sql_move[] =
    "UPDATE recordings SET tier = ?1, location = ?2 WHERE camera_id = ?3 AND start_ms = ?4 "
    "AND location = ?5 AND checksum = ?6 AND file_path = ?7";

static const char sql_at[] = "SELECT 1 FROM recordings WHERE camera_id = ? AND start_ms = ? AND "
                             "location = ? AND file_path = ?";

const char *const nvr_tiers_queries[] = {sql_due, sql_newest, sql_count, sql_move, sql_at, NULL};

static int visit_rows(struct nvr_db *db, const char *sql, enum nvr_tier tier, enum nvr_rank rank,
                      int64_t before_ms, unsigned limit, nvr_tiers_visit visit, void *arg)
{
    struct nvr_tier_segment segment;
    uint8_t digest[NVR_SHA256_SIZE];
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, nvr_tier_name(tier));
    nvr_bind_int(s, 2, rank);
    nvr_bind_int(s, 3, before_ms);
    nvr_bind_int(s, 4, limit);
    while ((r = nvr_db_step(db, s)) > 0) {
        nvr_column_text(s, 0, segment.camera_id, sizeof(segment.camera_id));
        segment.start_ms = sqlite3_column_int64(s, 1);
        segment.end_ms = sqlite3_column_int64(s, 2);
        segment.size = sqlite3_column_int64(s, 3);
        segment.location = sqlite3_column_int64(s, 4);
        nvr_column_text(s, 5, segment.file_path, sizeof(segment.file_path));
        if (!nvr_column_bytes(s, 6, digest, sizeof(digest)))
            continue;
        nvr_hex_encode(digest, sizeof(digest), segment.checksum);
        r = visit(&segment, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_tiers_due(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank, int64_t before_ms,
                  unsigned limit, nvr_tiers_visit visit, void *arg)
{
    return visit_rows(db, sql_due, tier, rank, before_ms, limit, visit, arg);
}

int nvr_tiers_newest(struct nvr_db *db, enum nvr_tier tier, enum nvr_rank rank, unsigned limit,
                     nvr_tiers_visit visit, void *arg)
{
    return visit_rows(db, sql_newest, tier, rank, INT64_MAX, limit, visit, arg);
}

int nvr_tiers_count(struct nvr_db *db, enum nvr_tier tier, int64_t before_ms, int64_t *ret_count)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_count, &s);

    *ret_count = 0;
    for (int rank = 0; r >= 0 && rank < NVR_RANKS; rank++) {
        nvr_bind_text(s, 1, nvr_tier_name(tier));
        nvr_bind_int(s, 2, rank);
        nvr_bind_int(s, 3, before_ms);
        r = nvr_db_step(db, s);
        if (r > 0)
            *ret_count += sqlite3_column_int64(s, 0);
        (void)sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

/* 0, or -EEXIST: the file there is that of a row. */
static int check_other(struct nvr_db *db, const struct nvr_tier_segment *segment, int64_t location)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_at, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, segment->camera_id);
    nvr_bind_int(s, 2, segment->start_ms);
    nvr_bind_int(s, 3, location);
    nvr_bind_text(s, 4, segment->file_path);
    r = nvr_db_step(db, s);
    return r > 0 ? -EEXIST : r;
}

int nvr_tiers_move(struct nvr_db *db, const struct nvr_tier_segment *segment, enum nvr_tier tier,
                   int64_t location)
{
    uint8_t digest[NVR_SHA256_SIZE];
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_hex_decode(segment->checksum, digest, sizeof(digest));

    if (r == 0)
        r = nvr_db_prepare(db, sql_move, &s);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, nvr_tier_name(tier));
    nvr_bind_int(s, 2, location);
    nvr_bind_text(s, 3, segment->camera_id);
    nvr_bind_int(s, 4, segment->start_ms);
    nvr_bind_int(s, 5, segment->location);
    nvr_bind_blob(s, 6, digest, sizeof(digest));
    nvr_bind_text(s, 7, segment->file_path);
    r = nvr_db_run(db, s);
    if (r < 0)
        return r;
    return sqlite3_changes(db->handle) > 0 ? 1 : check_other(db, segment, location);
}
