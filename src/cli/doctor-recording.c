/* nvr doctor: what recording needs of the disk, the clock and this machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/marker.h"
#include "src/cli/doctor.h"

#define FREE_LOW_BYTES (UINT64_C(1) << 30)
#define PROBE_NAME ".heron-doctor-XXXXXX"
#define PROBE_BYTES (1024 * 1024) /* about what a camera writes between two flushes */
#define PROBE_ROUNDS 5
#define FLUSH_SLOW_MS 500
#define FILES_LOW 4096
#define INOTIFY_INSTANCES_LOW 16
#define INOTIFY_WATCHES_LOW 1024

/* ms for a megabyte to be on the disk, the slowest of a few; -errno. */
static int64_t measure_flush(const char *folder)
{
    static const uint8_t data[PROBE_BYTES];
    char path[PATH_MAX];
    int64_t worst_ms = 0;
    int r = nvr_path_join(path, sizeof(path), folder, PROBE_NAME);

    if (r < 0)
        return r;
    NVR_AUTO_FD int fd = mkostemp(path, O_CLOEXEC);

    if (fd < 0)
        return -errno;
    for (int i = 0; r == 0 && i < PROBE_ROUNDS; i++) {
        const int64_t started_ms = nvr_clock_mono_ms();

        r = nvr_fd_write_all(fd, data, sizeof(data));
        if (r == 0)
            r = nvr_sys(fdatasync(fd));
        worst_ms = NVR_MAX(worst_ms, nvr_clock_mono_ms() - started_ms);
    }
    (void)unlink(path);
    return r < 0 ? r : worst_ms;
}

void doctor_check_recordings(struct doctor *doctor, const struct cli_paths *paths)
{
    char folder[PATH_MAX];
    char id[NVR_UUID_SIZE];
    char bytes[32];
    struct statvfs st;
    int64_t flush_ms;
    int r;

    if (nvr_path_join(folder, sizeof(folder), paths->data, "recordings") < 0)
        return;
    if (statvfs(folder, &st) < 0) {
        doctor_say(doctor, errno == ENOENT ? GOOD : BAD, "recordings", "%s: %s", folder,
                   errno == ENOENT ? "made at the first start" : nvr_strerror(errno));
        return;
    }
    const uint64_t left = (uint64_t)st.f_bavail * st.f_frsize;

    r = nvr_marker_read(folder, id);
    cli_format_bytes((double)left, bytes, sizeof(bytes));
    if (r == -ENOENT)
        doctor_say(doctor, DOUBTFUL, "recordings",
                   "%s has no marker file: Heron has not recorded here, or its disk is not mounted",
                   folder);
    else if (r < 0)
        doctor_say(doctor, BAD, "recordings", "the marker file of %s: %s", folder, nvr_strerror(r));
    else
        doctor_say(doctor, left < FREE_LOW_BYTES ? DOUBTFUL : GOOD, "recordings",
                   "%s: %s free, place %s", folder, bytes, id);
    flush_ms = measure_flush(folder);
    if (flush_ms < 0)
        doctor_say(doctor, BAD, "disk", "write below %s: %s", folder, nvr_strerror((int)flush_ms));
    else
        doctor_say(doctor, flush_ms > FLUSH_SLOW_MS ? DOUBTFUL : GOOD, "disk",
                   "a megabyte is on the disk after %lld ms at most%s", (long long)flush_ms,
                   flush_ms > FLUSH_SLOW_MS ? ": slow, many cameras will lose frames" : "");
}

void doctor_check_evidence_key(struct doctor *doctor, const struct cli_paths *paths)
{
    char path[PATH_MAX];
    struct stat st;

    if (nvr_path_join(path, sizeof(path), paths->data, "evidence.key") < 0)
        return;
    if (stat(path, &st) < 0)
        doctor_say(doctor, errno == ENOENT ? GOOD : BAD, "evidence", "%s: %s", path,
                   errno == ENOENT ? "made at the first start" : nvr_strerror(errno));
    else if (st.st_mode & 077)
        doctor_say(doctor, BAD, "evidence",
                   "%s can be read by other users, who could sign like this recorder: chmod 600",
                   path);
    else if (access(path, R_OK) < 0)
        doctor_say(doctor, BAD, "evidence", "%s: %s", path, nvr_strerror(errno));
    else
        doctor_say(doctor, GOOD, "evidence", "%s, a copy of it elsewhere is wise", path);
}

static int64_t read_number(const char *path)
{
    struct nvr_buf text;
    uint64_t value = 0;
    int r;

    nvr_buf_init(&text, 64);
    r = nvr_file_read(path, &text);
    if (r == 0)
        r = nvr_str_to_u64(nvr_str_trim((struct nvr_str){(const char *)text.data, text.len}),
                           INT64_MAX, &value);
    nvr_buf_done(&text);
    return r < 0 ? r : (int64_t)value;
}

void doctor_check_machine(struct doctor *doctor)
{
    struct timex clock = {0};
    struct rlimit files = {0};
    const int64_t instances = read_number("/proc/sys/fs/inotify/max_user_instances");
    const int64_t watches = read_number("/proc/sys/fs/inotify/max_user_watches");

    if (adjtimex(&clock) < 0 || (clock.status & STA_UNSYNC))
        doctor_say(doctor, DOUBTFUL, "clock",
                   "the kernel does not know of any time service that keeps it right (NTP)");
    else
        doctor_say(doctor, GOOD, "clock", "synchronised, error at most %ld ms",
                   clock.maxerror / 1000);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        doctor_say(doctor, files.rlim_max < FILES_LOW ? DOUBTFUL : GOOD, "files",
                   "%llu open files are allowed", (unsigned long long)files.rlim_max);
    if (instances >= 0 && watches >= 0)
        doctor_say(doctor,
                   instances < INOTIFY_INSTANCES_LOW || watches < INOTIFY_WATCHES_LOW ? DOUBTFUL
                                                                                      : GOOD,
                   "inotify", "%lld instances, %lld watches (edits of the configuration are seen)",
                   (long long)instances, (long long)watches);
}
