/* bench-store [FILE [END_MS [DAYS]]] — a month of 20 cameras (5.2 M segments of 10 s, with gaps and
 * triggers) in a database, and how fast it answers. Lines: name value unit limit ok|FAIL. Without
 * FILE a temporary one is made and removed. END_MS: when the last segment ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "lib/store/db.h"
#include "lib/store/history.h"
#include "lib/store/recordings.h"
#include "lib/store/store.h"
#include "lib/store/triggers.h"

#define CAMERAS 20
#define DAYS_DEFAULT 30
#define DAYS_MAX 60
#define SEGMENT_MS 10000
#define DAY_MS 86400000LL
#define END_DEFAULT_MS 1762800000000LL
#define GAP_EVERY 90 /* segments: a gap of half of one every quarter of an hour, with its cause */
#define TRIGGER_EVERY 36 /* segments: motion every six minutes */
#define TRIGGER_MS 20000
#define INSERTS 2000 /* jobs of one segment of every camera */
#define ROUNDS 300
#define SCHEMAS_MAX 16

static int failures;
static int64_t days = DAYS_DEFAULT, segments; /* of each camera */
static int64_t begin_ms;

static void print(const char *name, double value, const char *unit, double limit, bool at_least)
{
    const bool ok = limit == 0 || (at_least ? value >= limit : value <= limit);

    printf("%-28s %12.3f %-4s %10.3f %s\n", name, value, unit, limit, ok ? "ok" : "FAIL");
    failures += !ok;
}

static void camera_name(int i, char dst[NVR_SLUG_SIZE])
{
    (void)nvr_fmt(dst, NVR_SLUG_SIZE, "camera-%02d", i);
}

static struct nvr_recording row = {.stream = "main",
                                   .tier = "hot",
                                   .codec = "h264",
                                   .audio_codec = "aac",
                                   .codec_string = "avc1.640028,mp4a.40.2",
                                   .width = 2560,
                                   .height = 1440,
                                   .fps = 20,
                                   .bitrate = 2000000,
                                   .init_id = "00112233445566778899aabbccddeeff",
                                   .init_size = 1210,
                                   .keys_count = 5};

static int add_trigger(struct nvr_db *db)
{
    static struct nvr_trigger trigger = {.kind = NVR_TRIGGER_MOTION, .source = "camera"};

    trigger.id++;
    memcpy(trigger.camera_id, row.camera_id, sizeof(trigger.camera_id));
    trigger.start_ms = row.start_ms;
    trigger.end_ms = row.start_ms + TRIGGER_MS;
    return nvr_triggers_put(db, &trigger);
}

/* Segment number n of every camera: the order of life, all cameras, then the next ten seconds. */
static int add_segments(struct nvr_db *db, int64_t n)
{
    int r = 0;

    memset(row.checksum, 'a', 64);
    for (int c = 0; c < CAMERAS && r == 0; c++) {
        camera_name(c, row.camera_id);
        row.start_ms = begin_ms + n * SEGMENT_MS + c * 37;
        row.end_ms = row.start_ms + SEGMENT_MS;
        if (n % GAP_EVERY == 0) {
            row.start_ms += SEGMENT_MS / 2;
            r = nvr_causes_add(db, row.camera_id, row.start_ms - SEGMENT_MS / 2, row.start_ms,
                               NVR_CAUSE_OVERLOAD, "The disk was too slow: pictures were lost.");
        }
        row.file_size = 2500000 + n % 1000;
        for (uint32_t k = 0; k < row.keys_count; k++) {
            row.keys[k].ms = k * 2000;
            row.keys[k].offset = k * 500000 + 1210;
        }
        (void)nvr_fmt(row.file_path, sizeof(row.file_path),
                      "%s/2026-11-20/10/segment_20261120_%06d.mp4", row.camera_id,
                      (int)(n % 1000000));
        if (r == 0)
            r = nvr_recordings_upsert(db, &row);
        if (r == 0 && n % TRIGGER_EVERY == 0)
            r = add_trigger(db);
    }
    return r;
}

/* Indexes and triggers of the recordings: made after the rows, which is much faster. */
struct schema {
    char drop[256], make[2048];
};
static struct schema schemas[SCHEMAS_MAX];
static size_t schemas_count;

static int set_schema_aside(struct nvr_db *db)
{
    sqlite3_stmt *s;
    int r = nvr_db_prepare(db,
                           "SELECT 'DROP ' || type || ' ' || name, sql FROM sqlite_master WHERE "
                           "tbl_name = 'recordings' AND type IN ('index', 'trigger') AND sql <> ''",
                           &s);

    if (r < 0)
        return r;
    while ((r = nvr_db_step(db, s)) > 0 && schemas_count < SCHEMAS_MAX) {
        struct schema *schema = &schemas[schemas_count++];

        nvr_column_text(s, 0, schema->drop, sizeof(schema->drop));
        nvr_column_text(s, 1, schema->make, sizeof(schema->make));
    }
    nvr_statement_release(s);
    for (size_t i = 0; i < schemas_count && r == 0; i++)
        r = nvr_db_exec(db, schemas[i].drop);
    return r;
}

static int make_schema(struct nvr_db *db)
{
    int r = nvr_db_exec(
        db,
        "DELETE FROM recording_usage; INSERT INTO recording_usage (camera_id, tier, rank, bytes, "
        "segments) SELECT camera_id, tier, rank, sum(file_size), count(*) FROM recordings GROUP BY "
        "1, 2, 3; DELETE FROM recording_totals; INSERT INTO recording_totals (camera_id, bytes, "
        "segments, first_ms, last_ms) SELECT camera_id, sum(file_size), count(*), min(start_ms), "
        "max(end_ms) FROM recordings GROUP BY 1");

    for (size_t i = 0; i < schemas_count && r == 0; i++)
        r = nvr_db_exec(db, schemas[i].make);
    return r;
}

/* The month, around the writer and without a journal: only the order of the rows is as in life. */
static int fill(const char *path)
{
    const int64_t start = nvr_clock_mono_us();
    struct nvr_store *store = NULL;
    struct nvr_db *db = NULL;
    int r = nvr_store_open(path, &store); /* makes the tables */

    nvr_store_close(store);
    if (r == 0)
        r = nvr_db_open(path, NVR_DB_WRITER, &db);
    if (r < 0)
        return r;
    r = nvr_db_exec(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                        "PRAGMA cache_size=-1000000; BEGIN");
    if (r == 0)
        r = set_schema_aside(db);
    for (int64_t n = 0; n < segments && r == 0; n++)
        r = add_segments(db, n);
    if (r == 0)
        r = make_schema(db);
    if (r == 0)
        r = nvr_db_exec(db, "COMMIT; PRAGMA journal_mode=WAL");
    nvr_db_close(db);
    print("store.fill", (double)(nvr_clock_mono_us() - start) / 1e6, "s", 0, false);
    return r;
}

static int job_add(struct nvr_db *db, void *arg)
{
    return add_segments(db, *(const int64_t *)arg);
}

/* Through the writer, beside the month. */
static int insert(struct nvr_store *store)
{
    static int64_t numbers[INSERTS];
    const int64_t start = nvr_clock_mono_us();
    int r = 0;

    for (int64_t i = 0; i < INSERTS && r == 0; i++) {
        numbers[i] = segments + i;
        r = nvr_store_write(store, job_add, NULL, &numbers[i]);
    }
    if (r == 0)
        r = nvr_store_flush(store, 60000);
    print("store.insert", (double)(INSERTS * CAMERAS) * 1e6 / (double)(nvr_clock_mono_us() - start),
          "1/s", 5000, true);
    return r;
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % n;
}

static int count_span(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    (void)start_ms;
    (void)end_ms;
    (void)size;
    (*(int64_t *)arg)++;
    return 0;
}

static int count_row(const struct nvr_recording *recording, void *arg)
{
    (void)recording;
    (*(int64_t *)arg)++;
    return 0;
}

static int ask_spans(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    return nvr_recordings_spans(db, camera, at, at + DAY_MS, count_span, count);
}

/* What a timeline of one camera asks: ranges, and why the rest is none. */
static int ask_history(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    const struct nvr_recording_view now = {.known_until_ms = INT64_MAX / 8, .cause = -1};
    struct nvr_history history;
    const int r = nvr_history_read(db, camera, at, at + DAY_MS, &now, &history);

    *count += history.segments;
    nvr_history_done(&history);
    return r;
}

static int ask_find(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    static struct nvr_recording found;
    const int r = nvr_recordings_find(db, camera, at, &found);

    (*count)++;
    return r == -ENOENT ? 0 : r; /* a gap */
}

static int ask_page(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    const struct nvr_recordings_query query = {
        .camera_ids = &camera, .camera_count = 1, .end_ms = at + DAY_MS, .limit = 100};

    return nvr_recordings_list(db, &query, count_row, count);
}

static int ask_page_all(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    const struct nvr_recordings_query query = {.end_ms = at + DAY_MS, .limit = 100};

    (void)camera;
    return nvr_recordings_list(db, &query, count_row, count);
}

static int ask_totals(struct nvr_db *db, const char *camera, int64_t at, int64_t *count)
{
    struct nvr_recordings_totals totals;

    (void)at;
    (*count)++;
    return nvr_recordings_totals(db, camera, &totals);
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int ask(struct nvr_store *store, const char *name, double limit_ms,
               int (*query)(struct nvr_db *, const char *, int64_t, int64_t *))
{
    static int64_t times[ROUNDS];
    char camera[NVR_SLUG_SIZE], label[64];
    struct nvr_db *db;
    int64_t count = 0;
    int r = 0;

    for (int i = 0; i < ROUNDS && r == 0; i++) {
        const int64_t at =
            begin_ms + 10000 + (int64_t)random_below((uint32_t)(days - 1) * 86400) * 1000;
        const int64_t start = nvr_clock_mono_us();

        camera_name((int)random_below(CAMERAS), camera);
        r = nvr_store_read_begin(store, &db);
        if (r == 0) {
            r = query(db, camera, at, &count);
            nvr_store_read_end(store, db);
        }
        times[i] = nvr_clock_mono_us() - start;
    }
    if (r < 0)
        return r;
    qsort(times, ROUNDS, sizeof(times[0]), compare);
    (void)nvr_fmt(label, sizeof(label), "%s.p50", name);
    print(label, (double)times[ROUNDS / 2] / 1000, "ms", limit_ms, false);
    (void)nvr_fmt(label, sizeof(label), "%s.p99", name);
    print(label, (double)times[ROUNDS * 99 / 100] / 1000, "ms", limit_ms, false);
    if (count == 0)
        print(name, 0, "rows", 1, true);
    return 0;
}

static int bench(const char *path)
{
    struct nvr_store *store = NULL;
    int r = fill(path);

    if (r == 0)
        r = nvr_store_open(path, &store);
    if (r == 0)
        r = insert(store);
    if (r == 0)
        r = ask(store, "store.spans_24h", 50, ask_spans);
    if (r == 0)
        r = ask(store, "store.history_24h", 50, ask_history);
    if (r == 0)
        r = ask(store, "store.segment_at", 5, ask_find);
    if (r == 0)
        r = ask(store, "store.page_camera", 20, ask_page);
    if (r == 0)
        r = ask(store, "store.page_all", 20, ask_page_all);
    if (r == 0)
        r = ask(store, "store.totals", 5, ask_totals);
    nvr_store_close(store);
    return r;
}

int main(int argc, char **argv)
{
    char path[] = "/var/tmp/nvr-bench-store-XXXXXX", other[64];
    static const char *const endings[] = {"", "-wal", "-shm", ".lock"};
    const int fd = argc > 1 ? -1 : mkstemp(path);
    const int64_t end_ms = argc > 2 ? strtoll(argv[2], NULL, 10) : END_DEFAULT_MS;
    struct timespec cpu = {0};
    int r;

    days = argc > 3 ? strtoll(argv[3], NULL, 10) : DAYS_DEFAULT;
    if (days < 2 || days > DAYS_MAX || end_ms < DAYS_MAX * DAY_MS) {
        (void)fprintf(stderr, "bench-store: END_MS or DAYS: out of range\n");
        return 2;
    }
    segments = days * DAY_MS / SEGMENT_MS;
    begin_ms = end_ms - (segments + INSERTS) * SEGMENT_MS;
    if (fd >= 0)
        close(fd);
    else if (argc < 2)
        return 1;
    r = bench(argc > 1 ? argv[1] : path);
    for (size_t i = 0; argc < 2 && i < NVR_ARRAY_SIZE(endings); i++) {
        if (nvr_fmt(other, sizeof(other), "%s%s", path, endings[i]) > 0)
            (void)unlink(other);
    }
    if (r < 0) {
        (void)fprintf(stderr, "bench-store: %s\n", strerror(-r));
        return 2;
    }
    /* Processor time: the bench must not fail because others are busy. */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    print("store.bench_cpu", (double)cpu.tv_sec, "s", 120, false);
    return failures > 0;
}
