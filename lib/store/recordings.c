#include "lib/store/recordings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/hex.h"
#include "lib/store/db.h"
#include "lib/store/evidence.h"
#include "lib/store/pack.h"
#include "lib/store/queries.h"

#define SUMMARY                                                                                    \
    "camera_id, start_ms, end_ms, file_size, stream, file_path, tier, has_events, event_count, "   \
    "protected, codec, codec_string, audio_codec, width, height, fps, bitrate, init_id, "          \
    "init_size, checksum, motion, location, seq, chain_prev, chain, signature"
#define SELECT "SELECT " SUMMARY ", keyframes, digests FROM recordings "
#define SELECT_SHORT "SELECT " SUMMARY ", NULL, NULL FROM recordings "

/* What was found out about its time stays when the file is indexed again. */
static const char sql_upsert[] =
    "INSERT INTO recordings (" SUMMARY ", keyframes, digests, checked_ms) "
    "VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,"
    "?24,?25,?26,?27,?28,?29) "
    "ON CONFLICT (camera_id, start_ms) DO UPDATE SET end_ms=?3, file_size=?4, stream=?5, "
    "file_path=?6, tier=?7, has_events=max(has_events, ?8), event_count=max(event_count, ?9), "
    "protected=max(protected, ?10), codec=?11, codec_string=?12, audio_codec=?13, width=?14, "
    "height=?15, fps=?16, bitrate=?17, init_id=?18, init_size=?19, checksum=?20, "
    "motion=max(motion, ?21), location=?22, seq=?23, chain_prev=?24, chain=?25, signature=?26, "
    "keyframes=?27, digests=?28, checked_ms=?29";
static const char sql_delete[] = "DELETE FROM recordings WHERE camera_id = ? AND start_ms = ?";
static const char sql_delete_some[] =
    "DELETE FROM recordings WHERE camera_id = ?1 AND start_ms IN (SELECT start_ms FROM recordings "
    "WHERE camera_id = ?1 AND start_ms < ?2 ORDER BY start_ms LIMIT ?3)";
static const char sql_get[] = SELECT "WHERE camera_id = ? AND start_ms = ?";
/* A segment that starts later may have been cut short by a reconnection inside an older one: a few
 * rows are looked at, not only the last. */
static const char sql_find[] = SELECT "WHERE camera_id = ?1 AND start_ms <= ?2 "
                                      "AND start_ms > ?3 ORDER BY start_ms DESC LIMIT 4";
#define OVERLAP "WHERE camera_id = ?1 AND start_ms > ?2 AND start_ms < ?3 AND end_ms > ?4 "
static const char sql_each[] = SELECT_SHORT OVERLAP "ORDER BY start_ms";
static const char sql_each_keys[] = SELECT OVERLAP "ORDER BY start_ms";
static const char sql_spans[] =
    "SELECT start_ms, end_ms, file_size FROM recordings INDEXED BY recordings_spans " OVERLAP
    "ORDER BY start_ms";
/* The index is named: numbers about a table that was small when it was counted mislead the planner.
 */
static const char sql_list_all[] = SELECT_SHORT
    "INDEXED BY recordings_by_time WHERE start_ms > ?2 AND start_ms < ?3 AND end_ms > ?4 "
    "AND (start_ms, camera_id) < (?5, ?1) "
    "ORDER BY start_ms DESC, camera_id DESC LIMIT ?6";
static const char sql_list_starts[] =
    "SELECT start_ms FROM recordings " OVERLAP "AND start_ms < ?5 ORDER BY start_ms DESC LIMIT ?6";
static const char sql_totals[] =
    "SELECT bytes, segments, first_ms, last_ms FROM recording_totals WHERE camera_id = ?";

/* A row per camera. */
static const char sql_totals_each[] = "SELECT camera_id, bytes, segments, first_ms, last_ms FROM "
                                      "recording_totals ORDER BY camera_id";

const char *const nvr_recordings_queries[] = {
    sql_upsert,    sql_delete, sql_delete_some, sql_get,         sql_find,   sql_each,
    sql_each_keys, sql_spans,  sql_list_all,    sql_list_starts, sql_totals, NULL,
};

void nvr_recording_id(const char *camera_id, int64_t start_ms, char dst[NVR_RECORDING_ID_SIZE])
{
    (void)nvr_fmt(dst, NVR_RECORDING_ID_SIZE, "%s-%lld", camera_id, (long long)start_ms);
}

int nvr_recording_id_parse(const char *id, char camera_id[NVR_SLUG_SIZE], int64_t *ret_start_ms)
{
    const char *dash = strrchr(id, '-');
    uint64_t start = 0;

    if (!dash || dash[1] == '\0' || (dash[1] == '0' && dash[2] != '\0'))
        return -EINVAL;
    if (nvr_str_to_u64(nvr_str_from(dash + 1), INT64_MAX / 2, &start) < 0)
        return -EINVAL;
    if (nvr_str_copy(camera_id, NVR_SLUG_SIZE, (struct nvr_str){id, (size_t)(dash - id)}) < 0 ||
        !nvr_slug_is_valid(camera_id))
        return -EINVAL;
    *ret_start_ms = (int64_t)start;
    return 0;
}

static bool is_storable(const struct nvr_recording *recording)
{
    return nvr_slug_is_valid(recording->camera_id) && recording->start_ms >= 0 &&
           recording->end_ms >= recording->start_ms &&
           recording->end_ms - recording->start_ms <= NVR_RECORDING_SPAN_MAX_MS &&
           recording->keys_count <= NVR_RECORDING_KEYS_MAX &&
           recording->digests_count <= NVR_RECORDING_DIGESTS_MAX;
}

static void bind_file(sqlite3_stmt *s, const struct nvr_recording *recording)
{
    nvr_bind_text(s, 1, recording->camera_id);
    nvr_bind_int(s, 2, recording->start_ms);
    nvr_bind_int(s, 3, recording->end_ms);
    nvr_bind_int(s, 4, recording->file_size);
    nvr_bind_text(s, 5, recording->stream[0] ? recording->stream : "main");
    nvr_bind_text(s, 6, recording->file_path);
    nvr_bind_text(s, 7, recording->tier[0] ? recording->tier : "hot");
    nvr_bind_int(s, 8, recording->has_events);
    nvr_bind_int(s, 9, recording->event_count);
    nvr_bind_int(s, 10, recording->protected_);
    nvr_bind_text(s, 11, recording->codec);
    nvr_bind_text(s, 12, recording->codec_string);
    nvr_bind_text(s, 13, recording->audio_codec);
    nvr_bind_int(s, 14, recording->width);
    nvr_bind_int(s, 15, recording->height);
    nvr_bind_double(s, 16, recording->fps);
    nvr_bind_int(s, 17, recording->bitrate);
    nvr_bind_text(s, 18, recording->init_id);
    nvr_bind_int(s, 19, recording->init_size);
    nvr_bind_int(s, 21, recording->motion);
    nvr_bind_int(s, 22, recording->location);
}

static void bind_link(sqlite3_stmt *s, const struct nvr_evidence_link *link)
{
    nvr_bind_int(s, 23, link->seq);
    nvr_bind_blob(s, 24, link->prev, sizeof(link->prev));
    nvr_bind_blob(s, 25, link->chain, sizeof(link->chain));
    nvr_bind_blob(s, 26, link->signature, link->is_signed ? sizeof(link->signature) : 0);
}

static bool fill_link(const struct nvr_recording *recording, struct nvr_evidence_link *link)
{
    *link = (struct nvr_evidence_link){
        .start_ms = recording->start_ms, .end_ms = recording->end_ms, .size = recording->file_size};
    memcpy(link->camera, recording->camera_id, sizeof(link->camera));
    return nvr_hex_decode(recording->checksum, link->sha256, sizeof(link->sha256)) == 0;
}

int nvr_recordings_upsert(struct nvr_db *db, const struct nvr_recording *recording)
{
    NVR_AUTO_STATEMENT s = NULL;
    uint8_t keys[NVR_PACK_KEYS_MAX], digests[NVR_PACK_DIGESTS_MAX];
    struct nvr_evidence_link link;
    size_t keys_size, digests_size;
    bool has_checksum;
    int r;

    assert(db && recording);
    if (!is_storable(recording))
        return -EINVAL;
    has_checksum = fill_link(recording, &link);
    if (recording->checksum[0] != '\0' && !has_checksum)
        return -EINVAL;
    if (has_checksum) {
        r = nvr_evidence_extend(db, &link);
        if (r < 0)
            return r;
    }
    keys_size = nvr_pack_keys(recording, keys);
    digests_size = nvr_pack_digests(recording, digests);
    r = nvr_db_prepare(db, sql_upsert, &s);
    if (r < 0)
        return r;
    bind_file(s, recording);
    if (has_checksum) {
        nvr_bind_blob(s, 20, link.sha256, sizeof(link.sha256));
        bind_link(s, &link);
    }
    nvr_bind_blob(s, 27, keys, keys_size);
    nvr_bind_blob(s, 28, digests, digests_size);
    nvr_bind_int(s, 29, nvr_clock_wall_ms()); /* the checksum was made from the bytes just now */
    return nvr_db_run(db, s);
}

bool nvr_recording_get_link(const struct nvr_recording *recording,
                            struct nvr_evidence_link *ret_link)
{
    if (recording->seq <= 0 || !fill_link(recording, ret_link))
        return false;
    ret_link->seq = recording->seq;
    ret_link->is_signed = recording->is_signed;
    memcpy(ret_link->prev, recording->chain_prev, sizeof(ret_link->prev));
    memcpy(ret_link->chain, recording->chain, sizeof(ret_link->chain));
    memcpy(ret_link->signature, recording->signature, sizeof(ret_link->signature));
    return true;
}

int nvr_recordings_delete(struct nvr_db *db, const char *camera_id, int64_t start_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    return nvr_db_run(db, s);
}

int nvr_recordings_delete_some(struct nvr_db *db, const char *camera_id, int64_t before_ms,
                               unsigned limit)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete_some, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, before_ms);
    nvr_bind_int(s, 3, limit);
    r = nvr_db_run(db, s);
    return r < 0 ? r : sqlite3_changes(db->handle);
}

static void read_row(sqlite3_stmt *s, struct nvr_recording *row)
{
    nvr_column_text(s, 0, row->camera_id, sizeof(row->camera_id));
    row->start_ms = sqlite3_column_int64(s, 1);
    row->end_ms = sqlite3_column_int64(s, 2);
    row->file_size = sqlite3_column_int64(s, 3);
    nvr_column_text(s, 4, row->stream, sizeof(row->stream));
    nvr_column_text(s, 5, row->file_path, sizeof(row->file_path));
    nvr_column_text(s, 6, row->tier, sizeof(row->tier));
    row->has_events = sqlite3_column_int(s, 7) != 0;
    row->event_count = sqlite3_column_int64(s, 8);
    row->protected_ = sqlite3_column_int(s, 9) != 0;
    nvr_column_text(s, 10, row->codec, sizeof(row->codec));
    nvr_column_text(s, 11, row->codec_string, sizeof(row->codec_string));
    nvr_column_text(s, 12, row->audio_codec, sizeof(row->audio_codec));
    row->width = (uint32_t)sqlite3_column_int64(s, 13);
    row->height = (uint32_t)sqlite3_column_int64(s, 14);
    row->fps = sqlite3_column_double(s, 15);
    row->bitrate = sqlite3_column_int64(s, 16);
    nvr_column_text(s, 17, row->init_id, sizeof(row->init_id));
    row->init_size = (uint32_t)sqlite3_column_int64(s, 18);
    row->checksum[0] = '\0';
    if (sqlite3_column_bytes(s, 19) == 32)
        nvr_hex_encode(sqlite3_column_blob(s, 19), 32, row->checksum);
    row->motion = sqlite3_column_int(s, 20) != 0;
    row->location = sqlite3_column_int64(s, 21);
    row->seq = sqlite3_column_int64(s, 22);
    (void)nvr_column_bytes(s, 23, row->chain_prev, sizeof(row->chain_prev));
    if (!nvr_column_bytes(s, 24, row->chain, sizeof(row->chain)))
        row->seq = 0;
    row->is_signed = nvr_column_bytes(s, 25, row->signature, sizeof(row->signature));
    nvr_unpack_keys(sqlite3_column_blob(s, 26), (size_t)sqlite3_column_bytes(s, 26), row);
    nvr_unpack_digests(sqlite3_column_blob(s, 27), (size_t)sqlite3_column_bytes(s, 27), row);
}

static int get_one(struct nvr_db *db, const char *sql, const char *camera_id, int64_t start_ms,
                   struct nvr_recording *ret_recording)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms);
    r = nvr_db_step(db, s);
    if (r > 0)
        read_row(s, ret_recording);
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int nvr_recordings_get(struct nvr_db *db, const char *camera_id, int64_t start_ms,
                       struct nvr_recording *ret_recording)
{
    return get_one(db, sql_get, camera_id, start_ms, ret_recording);
}

int nvr_recordings_find(struct nvr_db *db, const char *camera_id, int64_t at_ms,
                        struct nvr_recording *ret_recording)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_find, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, at_ms);
    nvr_bind_int(s, 3, at_ms - NVR_RECORDING_SPAN_MAX_MS);
    while ((r = nvr_db_step(db, s)) > 0) {
        if (sqlite3_column_int64(s, 2) <= at_ms)
            continue;
        read_row(s, ret_recording);
        return 0;
    }
    return r < 0 ? r : -ENOENT;
}

/* Overlap with [start, end): no segment is longer than NVR_RECORDING_SPAN_MAX_MS, so the primary
 * key bounds the search on both sides. */
static void bind_range(sqlite3_stmt *s, const char *camera_id, int64_t start_ms, int64_t end_ms)
{
    start_ms = NVR_MAX(start_ms, 0);
    nvr_bind_text(s, 1, camera_id);
    nvr_bind_int(s, 2, start_ms - NVR_RECORDING_SPAN_MAX_MS);
    nvr_bind_int(s, 3, end_ms);
    nvr_bind_int(s, 4, start_ms);
}

static int visit_rows(struct nvr_db *db, sqlite3_stmt *s, nvr_recordings_visit visit, void *arg)
{
    struct nvr_recording row;
    int r;

    memset(&row, 0, sizeof(row));
    while ((r = nvr_db_step(db, s)) > 0) {
        read_row(s, &row);
        r = visit(&row, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_recordings_each(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                        bool with_keys, nvr_recordings_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, with_keys ? sql_each_keys : sql_each, &s);

    if (r < 0)
        return r;
    bind_range(s, camera_id, start_ms, end_ms);
    return visit_rows(db, s, visit, arg);
}

int nvr_recordings_spans(struct nvr_db *db, const char *camera_id, int64_t start_ms, int64_t end_ms,
                         nvr_recordings_span visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_spans, &s);

    if (r < 0)
        return r;
    bind_range(s, camera_id, start_ms, end_ms);
    while ((r = nvr_db_step(db, s)) > 0) {
        r = visit(sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                  sqlite3_column_int64(s, 2), arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

static int list_all(struct nvr_db *db, const struct nvr_recordings_query *query, int64_t end_ms,
                    nvr_recordings_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_list_all, &s);

    if (r < 0)
        return r;
    bind_range(s, query->before_camera, query->start_ms, end_ms);
    nvr_bind_int(s, 5, query->before_start_ms > 0 ? query->before_start_ms : INT64_MAX);
    nvr_bind_int(s, 6, query->limit);
    return visit_rows(db, s, visit, arg);
}

struct list_start {
    const char *camera_id;
    int64_t start_ms;
};

static int compare_newest(const void *a, const void *b)
{
    const struct list_start *x = a, *y = b;

    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? 1 : -1;
    return -strcmp(x->camera_id, y->camera_id);
}

/* The newest starts of one camera behind starts[*count]. */
static int add_starts(struct nvr_db *db, const struct nvr_recordings_query *query,
                      const char *camera_id, int64_t end_ms, struct list_start *starts,
                      size_t *count)
{
    NVR_AUTO_STATEMENT s = NULL;
    int64_t before_ms = INT64_MAX;
    int r = nvr_db_prepare(db, sql_list_starts, &s);

    if (r < 0)
        return r;
    /* At the cursor's own time the cameras whose name comes before are still to come. */
    if (query->before_start_ms > 0)
        before_ms = query->before_start_ms + (strcmp(camera_id, query->before_camera) < 0 ? 1 : 0);
    bind_range(s, camera_id, query->start_ms, end_ms);
    nvr_bind_int(s, 5, before_ms);
    nvr_bind_int(s, 6, query->limit);
    while ((r = nvr_db_step(db, s)) > 0)
        starts[(*count)++] = (struct list_start){camera_id, sqlite3_column_int64(s, 0)};
    return r;
}

static int list_some(struct nvr_db *db, const struct nvr_recordings_query *query, int64_t end_ms,
                     nvr_recordings_visit visit, void *arg)
{
    NVR_AUTO_FREE struct list_start *starts =
        calloc(query->camera_count * query->limit, sizeof(*starts));
    struct nvr_recording row;
    size_t count = 0;
    int r = 0;

    if (!starts)
        return -ENOMEM;
    for (size_t i = 0; i < query->camera_count && r == 0; i++)
        r = add_starts(db, query, query->camera_ids[i], end_ms, starts, &count);
    if (r < 0)
        return r;
    qsort(starts, count, sizeof(*starts), compare_newest);
    memset(&row, 0, sizeof(row));
    for (size_t i = 0; i < NVR_MIN(count, query->limit) && r == 0; i++) {
        /* The same camera asked for twice. */
        if (i > 0 && compare_newest(&starts[i - 1], &starts[i]) == 0)
            continue;
        r = get_one(db, sql_get, starts[i].camera_id, starts[i].start_ms, &row);
        if (r == 0)
            r = visit(&row, arg);
    }
    return r < 0 ? r : 0;
}

int nvr_recordings_list(struct nvr_db *db, const struct nvr_recordings_query *query,
                        nvr_recordings_visit visit, void *arg)
{
    const int64_t end_ms = query->end_ms > 0 ? query->end_ms : INT64_MAX;

    assert(db && visit);
    if (query->limit == 0 || (query->camera_ids && query->camera_count == 0))
        return 0;
    if (query->limit > NVR_RECORDINGS_LIMIT_MAX || query->camera_count > NVR_RECORDINGS_CAMERAS_MAX)
        return -EINVAL;
    if (!query->camera_ids)
        return list_all(db, query, end_ms, visit, arg);
    return list_some(db, query, end_ms, visit, arg);
}

int nvr_recordings_totals(struct nvr_db *db, const char *camera_id,
                          struct nvr_recordings_totals *ret_totals)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_totals, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera_id);
    r = nvr_db_step(db, s);
    if (r > 0)
        *ret_totals =
            (struct nvr_recordings_totals){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                                           sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3)};
    return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int nvr_recordings_totals_each(struct nvr_db *db, nvr_recordings_totals_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_totals_each, &s);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0) {
        const struct nvr_recordings_totals totals = {
            sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3),
            sqlite3_column_int64(s, 4)};
        char camera[NVR_SLUG_SIZE];

        nvr_column_text(s, 0, camera, sizeof(camera));
        r = visit(camera, &totals, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}
