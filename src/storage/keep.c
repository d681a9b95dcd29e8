/* What people decide about single recordings: protect, take protection away, delete. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"
#include "src/storage/private.h"
#include "src/storage/retention.h"
#include "src/storage/step.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("storage");

struct keeping {
    struct nvr_storage *storage;
    nvr_storage_kept fn; /* NULL: was called */
    void *arg;
    int (*change)(struct nvr_db *db, struct keeping *keeping); /* the first job's */
    struct nvr_protected_range range;                          /* its marks follow */
    int64_t marked_ms;                                         /* up to here */
    int result;
    /* deleting */
    struct sweep_task task;
    struct nvr_stored_segment segment;
    char recordings_dir[PATH_MAX];
};

static void finish(struct keeping *keeping)
{
    struct nvr_storage *storage = keeping->storage;

    if (keeping->fn)
        keeping->fn(keeping->result, keeping->range.id, keeping->arg);
    free(keeping);
    storage->keepings--;
    storage_check_stopped(storage);
}

/* The marks of a step, after the change itself in the first one. */
static int run_step(struct nvr_db *db, void *arg)
{
    struct keeping *keeping = arg;
    const struct nvr_protected_range *range = &keeping->range;
    int64_t end_ms;
    int r = 0;

    if (keeping->change)
        r = keeping->change(db, keeping);
    if (r < 0)
        return r;
    if (keeping->marked_ms < range->start_ms)
        keeping->marked_ms = range->start_ms;
    end_ms = NVR_MIN(keeping->marked_ms + NVR_PROTECTED_STEP_MS, range->end_ms);
    r = nvr_protected_mark(db, range->camera_id, keeping->marked_ms, end_ms);
    if (r == 0)
        keeping->marked_ms = end_ms;
    return r;
}

static void on_step(void *arg);

static void on_written(int result, void *arg)
{
    struct keeping *keeping = arg;

    keeping->result = result;
    if (nvr_post_send(keeping->storage->post, on_step, keeping) < 0)
        log_error("a decision about recordings is not answered: out of memory");
}

static void write_step(struct keeping *keeping)
{
    keeping->result = nvr_store_write(keeping->storage->store, run_step, on_written, keeping);
    if (keeping->result < 0)
        finish(keeping);
}

/* The ranges count from the first step on, which is when the answer goes out; the marks of a long
 * one follow in the background. */
static void on_step(void *arg)
{
    struct keeping *keeping = arg;

    if (keeping->result == 0 && keeping->marked_ms < keeping->range.end_ms &&
        !keeping->storage->stopping) {
        keeping->change = NULL;
        if (keeping->fn)
            keeping->fn(0, keeping->range.id, keeping->arg);
        keeping->fn = NULL;
        write_step(keeping);
        return;
    }
    if (keeping->result < 0 && !keeping->fn)
        (void)log_err(keeping->result, "mark protected recordings");
    finish(keeping);
}

static struct keeping *keeping_new(struct nvr_storage *storage, nvr_storage_kept fn, void *arg)
{
    struct keeping *keeping = storage->stopping ? NULL : calloc(1, sizeof(*keeping));

    if (!keeping) {
        fn(storage->stopping ? -ECANCELED : -ENOMEM, 0, arg);
        return NULL;
    }
    keeping->storage = storage;
    keeping->fn = fn;
    keeping->arg = arg;
    storage->keepings++;
    return keeping;
}

/* ---- ranges ---- */

static int add_range(struct nvr_db *db, struct keeping *keeping)
{
    return nvr_protected_add(db, &keeping->range, &keeping->range.id);
}

void nvr_storage_protect(struct nvr_storage *storage, const struct nvr_protected_range *range,
                         nvr_storage_kept fn, void *arg)
{
    struct keeping *keeping = keeping_new(storage, fn, arg);

    if (!keeping)
        return;
    keeping->range = *range;
    keeping->range.created_ms = nvr_clock_wall_ms();
    keeping->change = add_range;
    write_step(keeping);
}

static int remove_range(struct nvr_db *db, struct keeping *keeping)
{
    const int r = nvr_protected_get(db, keeping->range.id, &keeping->range);

    return r < 0 ? r : nvr_protected_remove(db, keeping->range.id);
}

void nvr_storage_unprotect(struct nvr_storage *storage, int64_t id, nvr_storage_kept fn, void *arg)
{
    struct keeping *keeping = keeping_new(storage, fn, arg);

    if (!keeping)
        return;
    keeping->range.id = id;
    keeping->change = remove_range;
    write_step(keeping);
}

/* ---- one recording ---- */

/* Its row, or -ENOENT; keeping->range is its span. */
static int find_recording(struct nvr_db *db, struct keeping *keeping)
{
    struct nvr_recording *recording = malloc(sizeof(*recording));
    int r = recording ? nvr_recordings_get(db, keeping->range.camera_id, keeping->range.start_ms,
                                           recording)
                      : -ENOMEM;

    if (r == 0) {
        keeping->range.end_ms = NVR_MAX(recording->end_ms, recording->start_ms + 1);
        keeping->segment = (struct nvr_stored_segment){.start_ms = recording->start_ms,
                                                       .end_ms = recording->end_ms,
                                                       .size = recording->file_size,
                                                       .location = recording->location};
        memcpy(keeping->segment.camera_id, recording->camera_id, NVR_SLUG_SIZE);
        memcpy(keeping->segment.file_path, recording->file_path, NVR_RECORDING_PATH_SIZE);
        for (int tier = 0; tier < NVR_TIERS; tier++)
            if (strcmp(nvr_tier_name((enum nvr_tier)tier), recording->tier) == 0)
                keeping->segment.tier = (enum nvr_tier)tier;
    }
    free(recording);
    return r;
}

static int protect_one(struct nvr_db *db, struct keeping *keeping)
{
    int r = find_recording(db, keeping);

    if (r == 0)
        r = nvr_protected_covers(db, keeping->range.camera_id, keeping->range.start_ms,
                                 keeping->range.end_ms);
    return r != 0 ? NVR_MIN(r, 0) : add_range(db, keeping);
}

struct own_ranges {
    const struct nvr_protected_range *span;
    int64_t id; /* of one that lies within it; 0: none */
};

static int see_range(const struct nvr_protected_range *range, void *arg)
{
    struct own_ranges *own = arg;

    if (range->start_ms < own->span->start_ms || range->end_ms > own->span->end_ms)
        return 0;
    own->id = range->id;
    return 1;
}

/* Ranges of this recording alone go. One that reaches further is not his to end: -EPERM. */
static int unprotect_one(struct nvr_db *db, struct keeping *keeping)
{
    struct own_ranges own = {.span = &keeping->range};
    int r = find_recording(db, keeping);

    while (r == 0) {
        own.id = 0;
        r = nvr_protected_each(db, keeping->range.camera_id, see_range, &own);
        if (r < 0 || !own.id)
            break;
        r = nvr_protected_remove(db, own.id);
    }
    if (r == 0)
        r = nvr_protected_covers(db, keeping->range.camera_id, keeping->range.start_ms,
                                 keeping->range.end_ms);
    return r > 0 ? -EPERM : r;
}

void nvr_storage_protect_recording(struct nvr_storage *storage, const char *camera,
                                   int64_t start_ms, bool protect, const char *reason,
                                   nvr_storage_kept fn, void *arg)
{
    struct keeping *keeping = keeping_new(storage, fn, arg);

    if (!keeping)
        return;
    keeping->range = (struct nvr_protected_range){
        .start_ms = start_ms, .end_ms = start_ms + 1, .created_ms = nvr_clock_wall_ms()};
    (void)snprintf(keeping->range.camera_id, sizeof(keeping->range.camera_id), "%s", camera);
    (void)snprintf(keeping->range.reason, sizeof(keeping->range.reason), "%s", reason);
    keeping->change = protect ? protect_one : unprotect_one;
    write_step(keeping);
}

/* ---- delete ---- */

static int delete_one(struct nvr_db *db, void *arg)
{
    struct keeping *keeping = arg;
    const struct nvr_stored_segment *segment = &keeping->segment;
    int r = find_recording(db, keeping);

    if (r < 0)
        return r;
    r = nvr_stored_delete(db, segment);
    if (r <= 0)
        return r < 0 ? r : -EPERM;
    return nvr_causes_add(db, segment->camera_id, segment->start_ms, segment->end_ms,
                          NVR_CAUSE_OPERATOR, "deleted by hand");
}

static void remove_file(struct sweep_task *task)
{
    struct keeping *keeping = NVR_CONTAINER_OF(task, struct keeping, task);
    const int r = step_remove_file(keeping->recordings_dir, &keeping->segment, nvr_clock_wall_ms());

    if (r < 0)
        (void)log_err(r, "remove '%s'", keeping->segment.file_path);
}

static void on_removed(struct sweep_task *task)
{
    struct keeping *keeping = NVR_CONTAINER_OF(task, struct keeping, task);

    nvr_supervisor_hold_compare(keeping->storage->supervisor, false);
    finish(keeping);
}

static void on_row_deleted(void *arg)
{
    struct keeping *keeping = arg;
    struct nvr_storage *storage = keeping->storage;
    const struct nvr_stored_segment *segment = &keeping->segment;

    if (keeping->result < 0) {
        nvr_supervisor_hold_compare(storage->supervisor, false);
        finish(keeping);
        return;
    }
    log_info("recording %s-%lld deleted by hand", segment->camera_id, (long long)segment->start_ms);
    retention_tell_deleted(storage, segment->camera_id, segment->start_ms, segment->end_ms, 1,
                           segment->size, "operator");
    if (segment->location != NVR_LOCATION_HOT) {
        removals_kick(storage);
        nvr_supervisor_hold_compare(storage->supervisor, false);
        finish(keeping);
        return;
    }
    keeping->task = (struct sweep_task){.run = remove_file, .done = on_removed};
    sweeper_add(retention_get_sweeper(storage), &keeping->task);
}

static void on_delete_written(int result, void *arg)
{
    struct keeping *keeping = arg;

    keeping->result = result;
    if (nvr_post_send(keeping->storage->post, on_row_deleted, keeping) < 0)
        log_error("a deletion is not answered: out of memory");
}

void nvr_storage_delete(struct nvr_storage *storage, const char *camera, int64_t start_ms,
                        nvr_storage_kept fn, void *arg)
{
    struct keeping *keeping = keeping_new(storage, fn, arg);

    if (!keeping)
        return;
    keeping->range.start_ms = start_ms;
    (void)snprintf(keeping->range.camera_id, sizeof(keeping->range.camera_id), "%s", camera);
    (void)snprintf(keeping->recordings_dir, sizeof(keeping->recordings_dir), "%s",
                   nvr_supervisor_get_recordings_dir(storage->supervisor));
    keeping->result = nvr_supervisor_is_comparing(storage->supervisor, camera) ? -EBUSY : 0;
    if (keeping->result == 0)
        keeping->result = nvr_store_write(storage->store, delete_one, on_delete_written, keeping);
    if (keeping->result < 0)
        finish(keeping);
    else
        nvr_supervisor_hold_compare(storage->supervisor, true);
}

bool keep_is_idle(const struct nvr_storage *storage)
{
    return storage->keepings == 0;
}
