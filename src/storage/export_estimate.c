/* What an export will become, from the index alone: size, time, gaps, and whether the disk has room
 * for it. Runs in the pool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/base/log.h"
#include "lib/media/timeline.h"
#include "lib/store/causes.h"
#include "src/storage/exports_private.h"

NVR_LOG_TOPIC("export");

#define GAPS_MAX 1000
#define TABLES_PER_S 2400      /* bytes of sample tables for a second of picture and sound */
#define PROOF_PER_SEGMENT 3000 /* with the digests of its seconds */
#define BOX_SIZE 65536
#define KEY_SHARE 4  /* of the bytes are key frames: one in so many */
#define KEYS_PER_S 2 /* a key frame every so many seconds */
#define LAPSE_FPS 30

struct estimating {
    uv_work_t work;
    struct storage_exports *exports;
    struct nvr_export_spec spec;
    double min_free_gb;
    struct nvr_export_estimate estimate;
    int64_t claimed; /* by the jobs before it */
    int result;
    nvr_export_estimated fn;
    void *arg;
    /* the item at hand */
    const struct nvr_export_item *item;
    struct nvr_ranges ranges;
    int64_t bytes;
};

static int add_span(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct estimating *e = arg;
    const int64_t from = NVR_MAX(start_ms, e->item->start_ms);
    const int64_t to = NVR_MIN(end_ms, e->item->end_ms);

    if (to <= from)
        return 0;
    e->estimate.segments++;
    if (nvr_export_spec_is_verbatim(&e->spec) || end_ms <= start_ms)
        e->bytes += size;
    else
        e->bytes += (int64_t)((double)size * (double)(to - from) / (double)(end_ms - start_ms));
    return nvr_ranges_add(&e->ranges, from, to, NVR_TIMELINE_JOIN_MS);
}

/* A file goes on over it, and yet nothing is to be seen. */
static int remove_silence(const struct nvr_cause_period *period, void *arg)
{
    struct estimating *e = arg;

    return period->inside ? nvr_ranges_remove(&e->ranges, period->start_ms, period->end_ms) : 0;
}

static int add_gaps(struct estimating *e)
{
    struct nvr_ranges gaps = {0};
    int r = nvr_ranges_gaps(&e->ranges, e->item->start_ms, e->item->end_ms, &gaps);

    for (size_t i = 0; r == 0 && i < gaps.count && json_array_size(e->estimate.gaps) < GAPS_MAX;
         i++)
        if (json_array_append_new(e->estimate.gaps,
                                  json_pack("{s:s, s:I, s:I}", "camera", e->item->camera, "start",
                                            (json_int_t)gaps.items[i].start_ms, "end",
                                            (json_int_t)gaps.items[i].end_ms)) < 0)
            r = -ENOMEM;
    nvr_ranges_done(&gaps);
    return r;
}

static int add_item(struct estimating *e, struct nvr_db *db, const struct nvr_export_item *item)
{
    int r;

    e->item = item;
    nvr_ranges_done(&e->ranges);
    e->ranges = (struct nvr_ranges){0};
    r = nvr_recordings_spans(db, item->camera, item->start_ms, item->end_ms, add_span, e);
    if (r == 0)
        r = nvr_causes_each(db, item->camera, item->start_ms, item->end_ms, remove_silence, e);
    if (r == 0)
        r = add_gaps(e);
    e->estimate.recorded_ms += nvr_ranges_total_ms(&e->ranges);
    return r;
}

static void set_sizes(struct estimating *e)
{
    struct nvr_export_estimate *estimate = &e->estimate;
    const double seconds = (double)estimate->recorded_ms / 1000;
    const double speed = (double)e->spec.speed;

    estimate->duration_ms = estimate->recorded_ms;
    if (e->spec.speed) {
        const double kept = NVR_MIN((LAPSE_FPS / speed) * KEYS_PER_S, 1.0);

        estimate->duration_ms = estimate->recorded_ms / e->spec.speed;
        e->bytes = (int64_t)((double)e->bytes / KEY_SHARE * kept);
    }
    estimate->size = e->bytes + BOX_SIZE + (int64_t)(seconds * (e->spec.speed ? 1 : TABLES_PER_S));
    if (nvr_export_spec_is_verbatim(&e->spec))
        estimate->size += (int64_t)estimate->segments * PROOF_PER_SEGMENT;
}

/* On the disk of the recordings, what must stay free there stays free. */
static int look_at_disk(struct estimating *e)
{
    struct nvr_storage *storage = e->exports->storage;
    struct nvr_export_estimate *estimate = &e->estimate;
    struct statvfs fs;
    struct stat here;
    struct stat there;
    int64_t keep = EXPORT_FREE_MIN;

    if (statvfs(e->exports->root, &fs) < 0)
        return -errno;
    estimate->free_bytes = (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize);
    if (stat(e->exports->root, &here) == 0 &&
        stat(nvr_supervisor_get_recordings_dir(storage->supervisor), &there) == 0 &&
        here.st_dev == there.st_dev)
        keep = NVR_MAX(keep, (int64_t)(e->min_free_gb * 1e9));
    estimate->needed_bytes = estimate->size + e->claimed + keep;
    estimate->fits = estimate->needed_bytes <= estimate->free_bytes;
    return 0;
}

static void run(uv_work_t *work)
{
    struct estimating *e = work->data;
    struct nvr_db *db;

    e->result = nvr_store_read_begin(e->exports->storage->store, &db);
    if (e->result < 0)
        return;
    for (size_t i = 0; e->result == 0 && i < e->spec.items_count; i++)
        e->result = add_item(e, db, &e->spec.items[i]);
    nvr_store_read_end(e->exports->storage->store, db);
    nvr_ranges_done(&e->ranges);
    set_sizes(e);
    if (e->result == 0)
        e->result = look_at_disk(e);
}

static void on_done(uv_work_t *work, int status)
{
    struct estimating *e = work->data;
    struct storage_exports *exports = e->exports;

    e->fn(status < 0 ? status : e->result, &e->estimate, e->arg);
    json_decref(e->estimate.gaps);
    free(e);
    exports_work_done(exports);
}

/* What jobs that are not done will still take. */
static int64_t count_claims(const struct storage_exports *exports)
{
    int64_t claimed = 0;

    for (const struct export_job *job = exports->head; job; job = job->next)
        if (job->state == NVR_JOB_QUEUED || job->state == NVR_JOB_RUNNING)
            claimed += (int64_t)((double)job->size_estimate * (1 - job->progress));
    return claimed;
}

int nvr_exports_estimate(struct nvr_storage *storage, const struct nvr_export_spec *spec,
                         nvr_export_estimated fn, void *arg)
{
    struct storage_exports *exports = storage->exports;
    struct estimating *e;
    int r;

    if (!exports || exports->stopping)
        return -ESHUTDOWN;
    e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    *e = (struct estimating){.exports = exports, .spec = *spec, .fn = fn, .arg = arg};
    e->work.data = e;
    e->min_free_gb =
        nvr_config_get_system(nvr_supervisor_get_config(storage->supervisor))->min_free_gb;
    e->claimed = count_claims(exports);
    e->estimate.gaps = json_array();
    r = e->estimate.gaps ? uv_queue_work(storage->loop, &e->work, run, on_done) : -ENOMEM;
    if (r < 0) {
        json_decref(e->estimate.gaps);
        free(e);
        return r;
    }
    exports->works++;
    return 0;
}

json_t *nvr_export_estimate_to_json(const struct nvr_export_estimate *estimate)
{
    return json_pack("{s:I, s:I, s:I, s:O, s:I, s:b}", "size", (json_int_t)estimate->size,
                     "duration_ms", (json_int_t)estimate->duration_ms, "recorded_ms",
                     (json_int_t)estimate->recorded_ms, "gaps", estimate->gaps, "free_bytes",
                     (json_int_t)estimate->free_bytes, "fits", estimate->fits);
}
