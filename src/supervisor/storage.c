/* Is there room, and may we write? Asked in libuv's pool: a dead network disk must not stop the
 * loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/supervisor/location.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("storage");

#define CHECK_EVERY_MS 10000
#define TOTALS_EVERY_MS 60000
#define GB 1e9
#define HANGING_MS 60000

struct storage_check {
    uv_work_t work;
    struct nvr_supervisor *supervisor;
    struct nvr_store *store; /* NULL: no totals this time */
    char path[PATH_MAX];
    char marker[NVR_UUID_SIZE]; /* "": none is known */
    char words[LOCATION_WORDS_SIZE];
    uint64_t min_free_bytes;
    char (*cameras)[NVR_SLUG_SIZE];
    size_t cameras_count;
    struct storage_state result;
    bool has_totals;
};

static int64_t read_totals(struct storage_check *check)
{
    struct nvr_db *db = NULL;
    int64_t sum = 0;

    if (nvr_store_read_begin(check->store, &db) < 0)
        return 0;
    for (size_t i = 0; i < check->cameras_count; i++) {
        struct nvr_recordings_totals totals;

        if (nvr_recordings_totals(db, check->cameras[i], &totals) == 0)
            sum += totals.bytes;
    }
    nvr_store_read_end(check->store, db);
    return sum;
}

static int check_folder(struct storage_check *check, struct statvfs *st)
{
    struct storage_state *state = &check->result;
    const char *path = check->path;
    struct stat folder;
    int r;

    if (check->marker[0]) { /* a disk that is gone leaves a folder, or none: neither is it */
        r = location_compare(path, check->marker);
        if (r == -ENODEV)
            location_words(path, check->words, sizeof(check->words));
        if (r < 0)
            return r;
    } else if (nvr_mkdir_p(path, 0750) < 0 && access(path, F_OK) < 0) {
        return -errno;
    }
    if (statvfs(path, st) < 0)
        return -errno;
    if (stat(path, &folder) < 0)
        return -errno;
    if (!S_ISDIR(folder.st_mode))
        return -ENOTDIR;
    state->device = folder.st_dev;
    state->inode = folder.st_ino;
    if (st->f_flag & ST_RDONLY)
        return -EROFS;
    return access(path, W_OK | X_OK) < 0 ? -errno : 0;
}

static void run_check(uv_work_t *work)
{
    struct storage_check *check = work->data;
    struct statvfs st = {.f_frsize = 0};

    check->result.error = check_folder(check, &st);
    if (check->result.error == 0) {
        check->result.total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
        check->result.free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
        check->result.low = check->result.free_bytes < check->min_free_bytes;
    }
    if (check->store) {
        check->result.recordings_bytes = read_totals(check);
        check->has_totals = true;
    }
}

static void tell(struct nvr_supervisor *sv, const char *words)
{
    const struct storage_state *state = &sv->storage;

    if (words[0])
        nvr_supervisor_warning_set(sv, "storage_missing", "%s", words);
    else
        nvr_supervisor_warning_clear(sv, "storage_missing");
    if (state->error && !words[0])
        nvr_supervisor_warning_set(sv, "storage_unusable",
                                   "The recordings folder %s cannot be used: %s",
                                   sv->recordings_dir, nvr_strerror(state->error));
    else
        nvr_supervisor_warning_clear(sv, "storage_unusable");
    if (!state->error && state->low)
        /* Without the number: words that change would come back after they were put away. */
        nvr_supervisor_warning_set(
            sv, "storage_low", "Less than %g GB (system.min_free_gb) is free in %s",
            nvr_config_get_system(sv->file.config)->min_free_gb, sv->recordings_dir);
    else
        nvr_supervisor_warning_clear(sv, "storage_low");
}

/* Cameras that started without a folder get another chance. */
static void restart_without_folder(struct nvr_supervisor *sv)
{
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (camera->recording_error[0] && camera->config.recording.enabled &&
            !camera->recording_active && camera_is_wanted(camera))
            worker_restart(&camera->worker);
}

/* A disk was mounted or went, or somebody moved the folder: workers hold the one from before, and
 * would go on to write there, where nobody finds it. */
static void restart_for_new_folder(struct nvr_supervisor *sv)
{
    log_warn("recordings folder '%s' is another one than before: recording begins anew",
             sv->recordings_dir);
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (camera->config.recording.enabled && camera_is_wanted(camera))
            worker_restart(&camera->worker);
}

/* The folder can be used: for the first time, or again. */
static void come_back(struct nvr_supervisor *sv)
{
    if (!sv->hot_marker[0] && location_open(sv) < 0)
        log_warn("the recordings folder could not be marked");
    restart_without_folder(sv);
    if (!sv->maintenance) /* what came and went meanwhile */
        reconcile_all(sv->reconcile, RECONCILE_FIRST_MS);
}

static void on_checked(uv_work_t *work, int status)
{
    struct storage_check *check = work->data;
    struct nvr_supervisor *sv = check->supervisor;
    const int error_before = sv->storage.error;
    const int64_t bytes_before = sv->storage.recordings_bytes;
    const bool again = sv->storage.again;
    const uint64_t device = sv->storage.device;
    const uint64_t inode = sv->storage.inode;

    sv->storage_check = NULL;
    if (status == 0 && !sv->stopping) {
        sv->storage = check->result;
        sv->storage.known = true;
        sv->storage.checked_mono_ms = nvr_clock_mono_ms();
        if (!check->has_totals)
            sv->storage.recordings_bytes = bytes_before;
        sv->storage.again = again;
        if (sv->storage.error && sv->storage.error != error_before && !check->words[0])
            (void)log_err(sv->storage.error, "recordings folder '%s'", sv->recordings_dir);
        tell(sv, check->words);
        const bool lost = sv->storage.error == -ENODEV && error_before != -ENODEV;
        const bool replaced = inode && sv->storage.inode &&
                              (device != sv->storage.device || inode != sv->storage.inode);

        if (!lost && error_before && !sv->storage.error) {
            log_info("recordings folder '%s' can be used again", sv->recordings_dir);
            come_back(sv);
        } else if (lost || replaced) {
            restart_for_new_folder(sv); /* lost: they get none */
        }
        if (!sv->storage.inode) { /* gone: compare with what was there last */
            sv->storage.device = device;
            sv->storage.inode = inode;
        }
    }
    free(check->cameras);
    free(check);
    if (sv->storage.again && !sv->stopping)
        storage_check_now(sv);
    sv_check_stopped(sv);
}

static void list_cameras(struct nvr_supervisor *sv, struct storage_check *check)
{
    size_t count = 0;

    for (const struct camera *camera = sv->cameras; camera; camera = camera->next)
        count++;
    check->cameras = calloc(count + 1, sizeof(*check->cameras));
    if (!check->cameras)
        return;
    for (const struct camera *camera = sv->cameras; camera; camera = camera->next)
        memcpy(check->cameras[check->cameras_count++], camera->config.id, NVR_SLUG_SIZE);
    check->store = sv->store;
}

static void start_check(struct nvr_supervisor *sv, bool totals)
{
    struct storage_check *check = calloc(1, sizeof(*check));

    if (!check)
        return;
    check->supervisor = sv;
    check->work.data = check;
    memcpy(check->path, sv->recordings_dir, sizeof(check->path));
    memcpy(check->marker, sv->hot_marker, sizeof(check->marker));
    check->min_free_bytes = (uint64_t)(nvr_config_get_system(sv->file.config)->min_free_gb * GB);
    if (totals)
        list_cameras(sv, check);
    if (uv_queue_work(sv->loop, &check->work, run_check, on_checked) < 0) {
        free(check->cameras);
        free(check);
        return;
    }
    sv->storage_check = check;
}

static void on_timer(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;
    static unsigned turn;

    if (sv->storage_check) {
        if (nvr_clock_mono_ms() - sv->storage.checked_mono_ms > HANGING_MS)
            nvr_supervisor_warning_set(sv, "storage_unusable",
                                       "The recordings folder %s does not answer",
                                       sv->recordings_dir);
        return;
    }
    start_check(sv, turn++ % (TOTALS_EVERY_MS / CHECK_EVERY_MS) == 0);
}

void storage_check_now(struct nvr_supervisor *sv)
{
    sv->storage.again = sv->storage_check != NULL;
    if (!sv->storage_check)
        start_check(sv, false);
}

bool storage_is_ours(const struct nvr_supervisor *sv)
{
    return !sv->hot_marker[0] || location_compare(sv->recordings_dir, sv->hot_marker) == 0;
}

int storage_start(struct nvr_supervisor *sv)
{
    sv->storage_timer = nvr_timer_new(sv->loop, sv);
    if (!sv->storage_timer)
        return -ENOMEM;
    sv->storage.checked_mono_ms = nvr_clock_mono_ms();
    start_check(sv, true);
    return uv_timer_start(sv->storage_timer, on_timer, CHECK_EVERY_MS, CHECK_EVERY_MS);
}

void storage_stop(struct nvr_supervisor *sv)
{
    nvr_timer_free(NVR_TAKE(sv->storage_timer));
}

void nvr_supervisor_get_storage(const struct nvr_supervisor *sv,
                                struct nvr_supervisor_storage *ret_storage)
{
    const struct storage_state *state = &sv->storage;

    *ret_storage = (struct nvr_supervisor_storage){
        .known = state->known,
        .error = state->error,
        .low = state->low,
        .hangs = sv->storage_check && nvr_clock_mono_ms() - state->checked_mono_ms > HANGING_MS,
        .total_bytes = state->total_bytes,
        .free_bytes = state->free_bytes,
    };
}
