#include "lib/store/evidence.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/config/signing_key.h"
#include "lib/store/db.h"
#include "lib/store/queries.h"

static const char sql_known[] = "SELECT seq, chain_prev, chain, signature, checksum, end_ms, "
                                "file_size FROM recordings WHERE camera_id = ? AND start_ms = ?";
static const char sql_head[] = "SELECT seq, chain FROM evidence_heads WHERE camera_id = ?";
static const char sql_set_head[] =
    "INSERT INTO evidence_heads (camera_id, seq, chain) VALUES (?1,?2,?3) "
    "ON CONFLICT (camera_id) DO UPDATE SET seq=?2, chain=?3";
/* A handful of rows: one per camera. */
static const char sql_heads[] =
    "SELECT h.camera_id, h.seq, h.chain, c.seq, c.at_ms FROM evidence_heads AS h "
    "LEFT JOIN evidence_checkpoints AS c ON c.camera_id = h.camera_id AND c.seq = "
    "(SELECT max(seq) FROM evidence_checkpoints WHERE camera_id = h.camera_id) "
    "ORDER BY h.camera_id";
static const char sql_add_checkpoint[] =
    "INSERT INTO evidence_checkpoints (camera_id, seq, chain, at_ms, signature) "
    "VALUES (?,?,?,?,?) ON CONFLICT (camera_id, seq) DO NOTHING";
static const char sql_checkpoint_from[] =
    "SELECT seq, chain, at_ms, signature FROM evidence_checkpoints "
    "WHERE camera_id = ? AND seq >= ? ORDER BY seq LIMIT 1";
static const char sql_has_finding[] =
    "SELECT 1 FROM integrity_findings WHERE camera_id = ? AND start_ms = ? AND kind = ?";
static const char sql_add_finding[] =
    "INSERT INTO integrity_findings (camera_id, start_ms, kind, at_ms, detail, found_ms) "
    "VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT (camera_id, start_ms, kind) "
    "DO UPDATE SET at_ms=?4, detail=?5, found_ms=?6";
static const char sql_delete_finding[] = "DELETE FROM integrity_findings WHERE id = ?";
static const char sql_findings[] =
    "SELECT id, camera_id, start_ms, kind, at_ms, detail, found_ms FROM integrity_findings "
    "WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
static const char sql_findings_count[] = "SELECT count(*) FROM integrity_findings";
static const char sql_next[] =
    "SELECT camera_id, start_ms FROM recordings INDEXED BY recordings_by_check "
    "WHERE tier <> 'cold' AND (checked_ms IS NULL OR checked_ms < ?) "
    "ORDER BY checked_ms LIMIT 1";
static const char sql_set_checked[] =
    "UPDATE recordings SET checked_ms = ?3 WHERE camera_id = ?1 AND start_ms = ?2";
static const char sql_total[] =
    "SELECT coalesce(sum(bytes), 0) FROM recording_usage WHERE tier <> 'cold'";

/* Without those that read a small table from end to end on purpose. */
const char *const nvr_evidence_queries[] = {
    sql_known,
    sql_head,
    sql_set_head,
    sql_add_checkpoint,
    sql_checkpoint_from,
    sql_has_finding,
    sql_add_finding,
    sql_delete_finding,
    sql_findings,
    sql_set_checked,
    NULL,
};

/* ---- the chain ---- */

static int add_checkpoint(struct nvr_db *db, struct nvr_evidence_checkpoint *checkpoint)
{
    NVR_AUTO_STATEMENT s = NULL;
    char message[NVR_CHECKPOINT_MESSAGE_MAX];
    const size_t size = nvr_evidence_checkpoint_message(checkpoint, message);
    int r = nvr_db_prepare(db, sql_add_checkpoint, &s);

    if (r < 0)
        return r;
    nvr_signing_key_sign(db->key, message, size, checkpoint->signature);
    nvr_bind_text(s, 1, checkpoint->camera);
    nvr_bind_int(s, 2, checkpoint->seq);
    nvr_bind_blob(s, 3, checkpoint->chain, sizeof(checkpoint->chain));
    nvr_bind_int(s, 4, checkpoint->at_ms);
    nvr_bind_blob(s, 5, checkpoint->signature, sizeof(checkpoint->signature));
    return nvr_db_run(db, s);
}

/* Nothing of Heron's changes a file that was indexed: whoever indexes it again must not make it
 * look as if it had always been so. */
static int tell_other_bytes(struct nvr_db *db, const struct nvr_evidence_link *link, int64_t size)
{
    struct nvr_finding finding = {.start_ms = link->start_ms,
                                  .kind = "changed",
                                  .at_ms = -1,
                                  .found_ms = nvr_clock_wall_ms()};
    int r;

    memcpy(finding.camera, link->camera, sizeof(finding.camera));
    if (link->size < size)
        memcpy(finding.kind, "truncated", sizeof("truncated"));
    (void)nvr_fmt(finding.detail, sizeof(finding.detail),
                  "When it was indexed again the file held %lld bytes that are not the %lld that "
                  "were recorded",
                  (long long)link->size, (long long)size);
    r = nvr_findings_add(db, &finding);
    return r < 0 ? r : 0;
}

/* 1: the row has these bytes and a link for them already; 0: it needs a new one. */
static int find_known(struct nvr_db *db, struct nvr_evidence_link *link)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_evidence_link known = *link;
    uint8_t checksum[NVR_SHA256_SIZE];
    bool is_same;
    int r = nvr_db_prepare(db, sql_known, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, link->camera);
    nvr_bind_int(s, 2, link->start_ms);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r;
    known.seq = sqlite3_column_int64(s, 0);
    if (known.seq <= 0 || !nvr_column_bytes(s, 1, known.prev, sizeof(known.prev)) ||
        !nvr_column_bytes(s, 2, known.chain, sizeof(known.chain)))
        return 0;
    known.is_signed = nvr_column_bytes(s, 3, known.signature, sizeof(known.signature));
    is_same = nvr_column_bytes(s, 4, checksum, sizeof(checksum)) &&
              memcmp(checksum, link->sha256, sizeof(checksum)) == 0;
    if (is_same && sqlite3_column_int64(s, 5) == link->end_ms &&
        sqlite3_column_int64(s, 6) == link->size) {
        *link = known;
        return 1;
    }
    r = is_same ? 0 : tell_other_bytes(db, link, sqlite3_column_int64(s, 6));
    if (r < 0 || !db->key)
        return r;
    struct nvr_evidence_checkpoint was = {.seq = known.seq, .at_ms = nvr_clock_wall_ms()};

    memcpy(was.camera, link->camera, sizeof(was.camera));
    memcpy(was.chain, known.chain, sizeof(was.chain));
    return add_checkpoint(db, &was);
}

static int read_head(struct nvr_db *db, const char *camera, int64_t *ret_seq, uint8_t *ret_chain)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_head, &s);

    *ret_seq = 0;
    memset(ret_chain, 0, NVR_SHA256_SIZE);
    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r;
    *ret_seq = sqlite3_column_int64(s, 0);
    return nvr_column_bytes(s, 1, ret_chain, NVR_SHA256_SIZE) ? 0 : -EUCLEAN;
}

static int write_head(struct nvr_db *db, const struct nvr_evidence_link *link)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_set_head, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, link->camera);
    nvr_bind_int(s, 2, link->seq);
    nvr_bind_blob(s, 3, link->chain, sizeof(link->chain));
    return nvr_db_run(db, s);
}

int nvr_evidence_extend(struct nvr_db *db, struct nvr_evidence_link *link)
{
    int r = find_known(db, link);

    if (r != 0)
        return r < 0 ? r : 0;
    r = read_head(db, link->camera, &link->seq, link->prev);
    if (r < 0)
        return r;
    link->seq++;
    nvr_evidence_chain(link, link->chain);
    link->is_signed = db->key != NULL;
    if (db->key)
        nvr_signing_key_sign(db->key, link->chain, sizeof(link->chain), link->signature);
    return write_head(db, link);
}

int nvr_evidence_heads_each(struct nvr_db *db, nvr_evidence_head_visit visit, void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_heads, &s);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0) {
        struct nvr_evidence_head head = {.seq = sqlite3_column_int64(s, 1),
                                         .checkpoint_seq = sqlite3_column_int64(s, 3),
                                         .checkpoint_ms = sqlite3_column_int64(s, 4)};

        nvr_column_text(s, 0, head.camera, sizeof(head.camera));
        (void)nvr_column_bytes(s, 2, head.chain, sizeof(head.chain));
        r = visit(&head, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

struct checkpoint_all {
    struct nvr_db *db;
    int64_t at_ms;
    int count;
};

static int checkpoint_head(const struct nvr_evidence_head *head, void *arg)
{
    struct checkpoint_all *all = arg;
    struct nvr_evidence_checkpoint checkpoint = {.seq = head->seq, .at_ms = all->at_ms};

    if (head->checkpoint_seq >= head->seq)
        return 0;
    memcpy(checkpoint.camera, head->camera, sizeof(checkpoint.camera));
    memcpy(checkpoint.chain, head->chain, sizeof(checkpoint.chain));
    all->count++;
    return add_checkpoint(all->db, &checkpoint);
}

int nvr_evidence_checkpoint_all(struct nvr_db *db, int64_t at_ms)
{
    struct checkpoint_all all = {db, at_ms, 0};
    const int r = db->key ? nvr_evidence_heads_each(db, checkpoint_head, &all) : 0;

    return r < 0 ? r : all.count;
}

int nvr_evidence_checkpoint_from(struct nvr_db *db, const char *camera, int64_t seq,
                                 struct nvr_evidence_checkpoint *ret_checkpoint)
{
    NVR_AUTO_STATEMENT s = NULL;
    struct nvr_evidence_checkpoint *checkpoint = ret_checkpoint;
    int r = nvr_db_prepare(db, sql_checkpoint_from, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera);
    nvr_bind_int(s, 2, seq);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *checkpoint = (struct nvr_evidence_checkpoint){.seq = sqlite3_column_int64(s, 0),
                                                   .at_ms = sqlite3_column_int64(s, 2)};
    r = nvr_str_copy(checkpoint->camera, sizeof(checkpoint->camera), nvr_str_from(camera));
    if (r == 0 && (!nvr_column_bytes(s, 1, checkpoint->chain, sizeof(checkpoint->chain)) ||
                   !nvr_column_bytes(s, 3, checkpoint->signature, sizeof(checkpoint->signature))))
        r = -EUCLEAN;
    return r;
}

/* ---- findings ---- */

static void bind_finding(sqlite3_stmt *s, const struct nvr_finding *finding)
{
    nvr_bind_text(s, 1, finding->camera);
    nvr_bind_int(s, 2, finding->start_ms);
    nvr_bind_text(s, 3, finding->kind);
}

int nvr_findings_add(struct nvr_db *db, const struct nvr_finding *finding)
{
    NVR_AUTO_STATEMENT has = NULL;
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_has_finding, &has);
    int known;

    if (r == 0)
        r = nvr_db_prepare(db, sql_add_finding, &s);
    if (r < 0)
        return r;
    bind_finding(has, finding);
    known = nvr_db_step(db, has);
    if (known < 0)
        return known;
    bind_finding(s, finding);
    if (finding->at_ms >= 0)
        nvr_bind_int(s, 4, finding->at_ms);
    nvr_bind_text(s, 5, finding->detail);
    nvr_bind_int(s, 6, finding->found_ms);
    r = nvr_db_run(db, s);
    return r < 0 ? r : !known;
}

int nvr_findings_delete(struct nvr_db *db, int64_t id)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_delete_finding, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, id);
    r = nvr_db_run(db, s);
    if (r == 0 && sqlite3_changes(db->handle) == 0)
        r = -ENOENT;
    return r;
}

int nvr_findings_each(struct nvr_db *db, int64_t before_id, unsigned limit, nvr_finding_visit visit,
                      void *arg)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_findings, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, before_id > 0 ? before_id : INT64_MAX);
    nvr_bind_int(s, 2, limit);
    while ((r = nvr_db_step(db, s)) > 0) {
        struct nvr_finding finding = {
            .id = sqlite3_column_int64(s, 0),
            .start_ms = sqlite3_column_int64(s, 2),
            .at_ms = sqlite3_column_type(s, 4) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 4),
            .found_ms = sqlite3_column_int64(s, 6)};

        nvr_column_text(s, 1, finding.camera, sizeof(finding.camera));
        nvr_column_text(s, 3, finding.kind, sizeof(finding.kind));
        nvr_column_text(s, 5, finding.detail, sizeof(finding.detail));
        r = visit(&finding, arg);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int nvr_findings_count(struct nvr_db *db, int64_t *ret_count)
{
    return nvr_db_query_int(db, sql_findings_count, ret_count);
}

/* ---- what was read when ---- */

int nvr_evidence_next_to_check(struct nvr_db *db, int64_t before_ms,
                               struct nvr_recording *ret_recording)
{
    char camera[NVR_SLUG_SIZE] = "";
    int64_t start_ms = 0;
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_next, &s);

    if (r < 0)
        return r;
    nvr_bind_int(s, 1, before_ms);
    r = nvr_db_step(db, s);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    nvr_column_text(s, 0, camera, sizeof(camera));
    start_ms = sqlite3_column_int64(s, 1);
    return nvr_recordings_get(db, camera, start_ms, ret_recording);
}

int nvr_evidence_set_checked(struct nvr_db *db, const char *camera, int64_t start_ms, int64_t at_ms)
{
    NVR_AUTO_STATEMENT s = NULL;
    int r = nvr_db_prepare(db, sql_set_checked, &s);

    if (r < 0)
        return r;
    nvr_bind_text(s, 1, camera);
    nvr_bind_int(s, 2, start_ms);
    nvr_bind_int(s, 3, at_ms);
    return nvr_db_run(db, s);
}

int nvr_evidence_total_bytes(struct nvr_db *db, int64_t *ret_bytes)
{
    return nvr_db_query_int(db, sql_total, ret_bytes);
}
