#include "src/storage/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/store/causes.h"

NVR_LOG_TOPIC("retention");

/* A folder in which files may still be made is not taken away. */
#define FOLDER_REST_MS INT64_C(7200000)
/* Files of other formats or a quota: refused although the file system counts free bytes. */
#define REFUSED_NEED_BYTES INT64_C(64000000)

void step_done(struct step *step)
{
    free(step->cameras);
    leases_done(&step->leases);
}

/* ---- plan ---- */

static const struct step_camera *find_camera(const struct step *step, const char *id)
{
    for (size_t i = 0; i < step->cameras_count; i++)
        if (strcmp(step->cameras[i].id, id) == 0)
            return &step->cameras[i];
    return NULL;
}

static bool is_kept(const struct nvr_stored_segment *segment, void *arg)
{
    const struct step *step = arg;
    const struct step_camera *camera = find_camera(step, segment->camera_id);

    if (camera && (camera->comparing || segment->start_ms >= camera->writing_from_ms))
        return true;
    return leases_cover(&step->leases, segment->camera_id, segment->start_ms, segment->end_ms,
                        step->mono_ms);
}

static int read_room(struct step *step)
{
    struct statvfs st;

    if (statvfs(step->recordings_dir, &st) < 0)
        return -errno;
    if (st.f_flag & ST_RDONLY)
        return -EROFS;
    step->space.total_bytes = (int64_t)(st.f_blocks * st.f_frsize);
    step->space.free_bytes = (int64_t)(st.f_bavail * st.f_frsize);
    /* A limit written for another disk must not empty this one. */
    step->space.min_free_bytes = NVR_MIN(step->space.min_free_bytes, step->space.total_bytes / 2);
    return 0;
}

struct usage_walk {
    struct step *step;
    struct nvr_db *db;
    struct policy_days days;
    int result;
};

static int offer_aged(const struct nvr_stored_segment *segment, void *arg)
{
    const struct usage_walk *walk = arg;

    if (segment->tier != NVR_TIER_HOT)
        return 0;
    return policy_offer_aged(&walk->step->chooser, &walk->days, segment);
}

static int add_usage(const struct nvr_usage *usage, void *arg)
{
    struct usage_walk *walk = arg;
    struct step *step = walk->step;

    for (int rank = 0; rank < NVR_RANKS; rank++)
        step->space.used_bytes += usage->bytes[NVR_TIER_HOT][rank];
    step->protected_bytes += usage->bytes[NVR_TIER_HOT][NVR_RANK_PROTECTED];
    return 0;
}

/* What of a camera is too old. */
static int add_aged(const struct nvr_usage *usage, void *arg)
{
    struct usage_walk *walk = arg;
    const struct step_camera *camera = find_camera(walk->step, usage->camera_id);
    int r = 0;

    walk->days = camera ? camera->days : walk->step->others;
    for (int rank = NVR_RANK_NOTHING; r == 0 && rank < NVR_RANK_PROTECTED; rank++)
        r = nvr_stored_of_rank(walk->db, usage->camera_id, (enum nvr_rank)rank, walk->step->now_ms,
                               offer_aged, walk);
    return r;
}

static int offer_oldest(const struct nvr_stored_segment *segment, void *arg)
{
    return policy_offer_oldest(arg, segment);
}

/* Is there a recording that begins in [from, to)? 1, 0 or -errno. */
static int has_recording(struct nvr_db *db, int64_t from_ms, int64_t to_ms)
{
    int64_t start_ms;
    const int r = from_ms < to_ms ? nvr_usage_first(db, from_ms, to_ms, &start_ms) : -ENOENT;

    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

static int judge_clock(struct step *step, struct nvr_db *db)
{
    int64_t from_ms;
    int64_t to_ms;
    int witness;
    int older;

    if (!clock_guard_look(&step->clock, step->now_ms, step->mono_ms, &from_ms, &to_ms))
        return 0;
    witness = has_recording(db, from_ms, to_ms);
    older = witness < 0 ? witness : has_recording(db, 0, NVR_MIN(from_ms, to_ms));
    if (older < 0)
        return older;
    step->clock_held = !clock_guard_judge(&step->clock, witness > 0, older > 0);
    return 0;
}

static int choose(struct step *step, struct nvr_db *db)
{
    struct usage_walk walk = {.step = step, .db = db};
    struct policy_chooser *chooser = &step->chooser;
    int r = nvr_usage_each(db, add_usage, &walk);

    if (r == 0)
        r = judge_clock(step, db);
    if (r < 0)
        return r;
    chooser->need_bytes = policy_need(&step->space, step->going_on);
    if (step->refused)
        chooser->need_bytes =
            NVR_MAX(chooser->need_bytes, NVR_MIN(REFUSED_NEED_BYTES, step->space.used_bytes / 20));
    if (!step->clock_held)
        r = nvr_usage_each(db, add_aged, &walk);
    for (int rank = 0; r == 0 && rank < NVR_RANK_PROTECTED && policy_needs_more(chooser); rank++)
        r = nvr_stored_oldest(db, NVR_TIER_HOT, (enum nvr_rank)rank, offer_oldest, chooser);
    return r;
}

/* Without its cameras' folders this is not the disk that the rows speak of. */
static void drop_strangers(struct step *step)
{
    struct policy_chooser *chooser = &step->chooser;
    const char *known = "";
    bool known_is_there = false;
    char path[PATH_MAX];
    size_t kept = 0;

    for (size_t i = 0; i < chooser->count; i++) {
        const struct nvr_stored_segment *segment = &chooser->items[i].segment;

        if (segment->tier == NVR_TIER_HOT && strcmp(known, segment->camera_id) != 0) {
            known = segment->camera_id;
            known_is_there = nvr_path_join(path, sizeof(path), step->recordings_dir, known) == 0 &&
                             access(path, F_OK) == 0;
        }
        if (segment->tier == NVR_TIER_HOT && !known_is_there)
            continue;
        if (kept != i)
            chooser->items[kept] = chooser->items[i];
        kept++;
    }
    chooser->count = kept;
}

void step_plan(struct sweep_task *task)
{
    struct step *step = NVR_CONTAINER_OF(task, struct step, task);
    struct nvr_db *db = NULL;

    step->chooser =
        (struct policy_chooser){.now_ms = step->now_ms, .is_kept = is_kept, .arg = step};
    step->space.used_bytes = 0;
    step->protected_bytes = 0;
    step->clock_held = false;
    step->result = read_room(step);
    if (step->result == 0)
        step->result = nvr_store_read_begin(step->store, &db);
    if (step->result < 0)
        return;
    step->result = choose(step, db);
    nvr_store_read_end(step->store, db);
    drop_strangers(step);
}

/* ---- erase ---- */

int step_erase(struct nvr_db *db, void *arg)
{
    struct step *step = arg;

    for (size_t i = 0; i < step->chooser.count; i++) {
        const struct nvr_stored_segment *segment = &step->chooser.items[i].segment;
        int r = nvr_stored_delete(db, segment);

        step->erased[i] = r > 0;
        if (r > 0)
            r = nvr_causes_add_deleted(db, segment->camera_id, segment->start_ms, segment->end_ms);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- sweep ---- */

/* The folders of hour and day above a file, when nothing is in them any more; not the camera's. */
static void remove_folders(const char *recordings_dir, const char *file_path)
{
    char path[PATH_MAX];
    char *slash;

    if (nvr_path_join(path, sizeof(path), recordings_dir, file_path) < 0)
        return;
    for (const char *at = strchr(file_path, '/'); at && (at = strchr(at + 1, '/'));) {
        slash = strrchr(path, '/');
        if (!slash)
            return;
        *slash = '\0';
        if (rmdir(path) < 0)
            return;
    }
}

int step_remove_file(const char *recordings_dir, const struct nvr_stored_segment *segment,
                     int64_t now_ms)
{
    const char *name = NULL;
    int folder;
    int r;

    if (!nvr_path_is_safe(segment->file_path))
        return -EINVAL;
    folder = nvr_open_parent(recordings_dir, segment->file_path, &name);
    r = folder < 0 ? folder : nvr_io_unlinkat(folder, name, 0);
    if (folder >= 0)
        (void)close(folder);
    if (r < 0 && r != -ENOENT)
        return r;
    if (segment->end_ms + FOLDER_REST_MS < now_ms)
        remove_folders(recordings_dir, segment->file_path);
    return 0;
}

void step_sweep(struct sweep_task *task)
{
    struct step *step = NVR_CONTAINER_OF(task, struct step, task);
    const int64_t start_us = nvr_clock_mono_us();

    for (size_t i = 0; i < step->chooser.count; i++) {
        const struct nvr_stored_segment *segment = &step->chooser.items[i].segment;
        int r;

        if (!step->erased[i] && !step->files_first)
            continue;
        r = step_remove_file(step->recordings_dir, segment, step->now_ms);
        if (r < 0) {
            step->sweep_result = r;
            step->stayed++;
            (void)log_err(r, "remove '%s'", segment->file_path);
        }
    }
    step->sweep_us = nvr_clock_mono_us() - start_us;
}
