#include "src/supervisor/location.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/marker.h"
#include "lib/store/locations.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("storage");

/* ---- the known marker ---- */

struct hot_row {
    char address[PATH_MAX];
    char marker[NVR_UUID_SIZE];
};

static int write_row(struct nvr_db *db, void *arg)
{
    const struct hot_row *row = arg;

    return nvr_locations_set_hot(db, row->address, row->marker, nvr_clock_wall_ms());
}

static void on_written(int result, void *arg)
{
    if (result < 0)
        (void)log_err(result, "remember the recordings folder");
    free(arg);
}

/* From now on this is our disk. */
static int remember(struct nvr_supervisor *sv, const char *marker)
{
    struct hot_row *row = malloc(sizeof(*row));
    int r;

    if (!row)
        return -ENOMEM;
    (void)snprintf(row->address, sizeof(row->address), "%s", sv->recordings_dir);
    (void)snprintf(row->marker, sizeof(row->marker), "%s", marker);
    (void)snprintf(sv->hot_marker, sizeof(sv->hot_marker), "%s", marker);
    r = nvr_store_write(sv->store, write_row, on_written, row);
    if (r < 0)
        free(row);
    return r;
}

/* Is anything of it in the index? */
static int see_row(const struct nvr_recording *recording, void *arg)
{
    bool *found = arg;

    *found = strcmp(recording->tier, "hot") == 0;
    return *found;
}

static int read_known(struct nvr_supervisor *sv, struct nvr_location *ret_row, bool *ret_has_rows)
{
    const struct nvr_recordings_query query = {.limit = 100};
    struct nvr_db *db = NULL;
    int r = nvr_store_read_begin(sv->store, &db);

    if (r < 0)
        return r;
    r = nvr_locations_get(db, NVR_LOCATION_HOT, ret_row);
    if (r == -ENOENT)
        r = nvr_recordings_list(db, &query, see_row, ret_has_rows);
    nvr_store_read_end(sv->store, db);
    return r;
}

/* ---- the folder ---- */

/* Does it hold a camera's folder? */
static bool has_cameras(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    if (!dir)
        return false;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (!found && (entry = readdir(dir)))
        found = nvr_slug_is_valid(entry->d_name);
    (void)closedir(dir);
    return found;
}

/* Its own marker, or a new one. */
static int mark(const char *folder, char marker[NVR_UUID_SIZE])
{
    int r = nvr_mkdir_p(folder, 0750);

    if (r < 0)
        return r;
    r = nvr_marker_read(folder, marker);
    if (r == -ENOENT || r == -EPROTO) {
        nvr_uuid7(marker);
        r = nvr_marker_write(folder, marker);
    }
    return r;
}

int location_compare(const char *folder, const char marker[NVR_UUID_SIZE])
{
    char found[NVR_UUID_SIZE];
    const int r = nvr_marker_read(folder, found);

    if (r == -ENOENT || r == -EPROTO || (r == 0 && strcmp(found, marker) != 0))
        return -ENODEV;
    return r;
}

void location_words(const char *folder, char *dst, size_t dst_size)
{
    char found[NVR_UUID_SIZE];
    const char *what =
        nvr_marker_read(folder, found) == 0 ? "is another disk than" : "has not the marker of";

    (void)snprintf(dst, dst_size,
                   "The recordings folder %.240s %s the one that Heron knows (" NVR_MARKER_NAME
                   "): is the disk mounted? Nothing is recorded until it is; then recording "
                   "resumes by itself. If it is a new disk on purpose: nvr recordings adopt",
                   folder, what);
}

int location_open(struct nvr_supervisor *sv)
{
    struct nvr_location row = {.id = -1};
    char marker[NVR_UUID_SIZE];
    bool has_rows = false;
    int r = read_known(sv, &row, &has_rows);

    if (r < 0)
        return log_err(r, "which disk the recordings are on");
    if (row.id == NVR_LOCATION_HOT) {
        (void)snprintf(sv->hot_marker, sizeof(sv->hot_marker), "%s", row.marker);
    } else if (has_rows && !has_cameras(sv->recordings_dir)) {
        nvr_uuid7(
            sv->hot_marker); /* recordings, but not here: no marker fits until somebody says */
    } else {
        r = mark(sv->recordings_dir, marker);
        if (r < 0) { /* looked at again when the folder can be used */
            (void)log_err(r, "mark the recordings folder '%s'", sv->recordings_dir);
            return 0;
        }
        return remember(sv, marker);
    }
    if (location_compare(sv->recordings_dir, sv->hot_marker) == -ENODEV) {
        char words[LOCATION_WORDS_SIZE];

        location_words(sv->recordings_dir, words, sizeof(words));
        log_error("%s", words);
        sv->storage.error = -ENODEV;
    }
    return 0;
}

int nvr_supervisor_adopt_recordings(struct nvr_supervisor *sv)
{
    struct nvr_supervisor_storage disk;
    char marker[NVR_UUID_SIZE];
    int r;

    nvr_supervisor_get_storage(sv, &disk);
    r = disk.hangs ? -ETIMEDOUT : mark(sv->recordings_dir, marker);
    if (r == 0)
        r = remember(sv, marker);
    if (r < 0)
        return log_err(r, "adopt '%s'", sv->recordings_dir);
    log_warn("recordings folder '%s' was adopted", sv->recordings_dir);
    storage_check_now(sv);
    return 0;
}
