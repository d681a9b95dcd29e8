/* config.yaml on disk: written whole or not at all, the versions before kept. */
#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/config/config.h"

#define FIRST "config-"
#define LAST ".yaml"

static int is_version(const struct dirent *entry)
{
    const size_t len = strlen(entry->d_name);

    return strncmp(entry->d_name, FIRST, sizeof(FIRST) - 1) == 0 && len > sizeof(LAST) - 1 &&
           strcmp(entry->d_name + len - (sizeof(LAST) - 1), LAST) == 0;
}

/* Names sort by time. Failing to remove an old copy is no reason to fail the write. */
static void remove_old(const char *folder)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_version, alphasort);
    char path[PATH_MAX];

    for (int i = 0; i < count; i++) {
        if (i < count - NVR_CONFIG_VERSIONS_KEPT &&
            nvr_path_join(path, sizeof(path), folder, entries[i]->d_name) == 0)
            (void)unlink(path);
        free(entries[i]);
    }
    free(entries);
}

static int keep_version(const char *path, const char *folder, const void *new_text, size_t new_len)
{
    const struct nvr_utc t = nvr_utc_from_ms(nvr_clock_wall_ms());
    struct nvr_buf buf;
    char name[64], copy[PATH_MAX];
    int r;

    nvr_buf_init(&buf, NVR_CONFIG_SIZE_MAX);
    r = nvr_file_read(path, &buf);
    if (r == 0 && !(buf.len == new_len && memcmp(buf.data, new_text, new_len) == 0)) {
        r = nvr_mkdir_p(folder, 0700);
        (void)nvr_fmt(name, sizeof(name), FIRST "%04d%02d%02d-%02d%02d%02d-%03d" LAST, t.year,
                      t.month, t.day, t.hour, t.minute, t.second, t.ms);
        if (r == 0)
            r = nvr_path_join(copy, sizeof(copy), folder, name);
        /* The text before may hold plain passwords. */
        if (r == 0)
            r = nvr_file_write_atomic(copy, buf.data, buf.len, 0600);
        if (r == 0)
            remove_old(folder);
    }
    nvr_buf_done(&buf);
    return r == -ENOENT ? 0 : r;
}

int nvr_config_save(const struct nvr_config *config, const char *path, const char *versions_dir)
{
    NVR_AUTO_FREE char *target = realpath(path, NULL); /* a symbolic link stays one */
    mode_t mode = 0600;
    struct stat st;
    size_t len = 0;
    const char *text = nvr_config_get_text(config, &len);
    int r;

    assert(path && versions_dir);
    if (!target && errno != ENOENT)
        return -errno;
    if (target && stat(target, &st) == 0)
        mode = st.st_mode & 07777;
    r = keep_version(target ? target : path, versions_dir, text, len);
    if (r == 0)
        r = nvr_file_write_atomic(target ? target : path, text, len, mode);
    /* The umask took its part when the file was created. */
    if (r == 0 && target)
        r = nvr_sys(chmod(target, mode));
    return r;
}
