/* nvr restore FILE — database and configuration as they were: all of it, or nothing. The archive
 * comes from anywhere: every name, size and digest is checked in a folder of its own before
 * anything that is there is touched. */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/store/copy.h"
#include "lib/store/store.h"
#include "src/cli/backup.h"
#include "src/cli/cli.h"

#define CHUNK (256 * 1024)
#define KEPT_SUFFIX ".before-restore"
#define MOVES_MAX 16

struct move {
    char from[PATH_MAX], to[PATH_MAX];
    bool done;
};

struct restore {
    const struct cli_paths *paths;
    const char *file;
    char folder[PATH_MAX]; /* where it is unpacked; below the data folder */
    struct archive *archive;
    json_t *manifest;
    struct move moves[MOVES_MAX];
    size_t moves_count;
};

static int refuse(const struct restore *t, const char *fmt, ...) NVR_PRINTF(2, 3);
static int refuse(const struct restore *t, const char *fmt, ...)
{
    va_list ap;

    (void)fprintf(stderr, "nvr: %s: ", t->file);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return -EBADMSG;
}

/* ---- unpack ---- */

static int next_entry(struct restore *t, struct archive_entry **ret_entry)
{
    const int r = archive_read_next_header(t->archive, ret_entry);

    if (r == ARCHIVE_EOF)
        return 0;
    if (r != ARCHIVE_OK)
        return refuse(t, "it is damaged, or no backup: %s", archive_error_string(t->archive));
    if (archive_entry_filetype(*ret_entry) != AE_IFREG || archive_entry_hardlink(*ret_entry) ||
        archive_entry_symlink(*ret_entry) || !archive_entry_pathname(*ret_entry))
        return refuse(t, "it holds something that is not a plain file");
    return 1;
}

/* At most max bytes into fd (or into buf). */
static int read_bytes(struct restore *t, int fd, struct nvr_buf *buf, int64_t max)
{
    static uint8_t chunk[CHUNK];
    int64_t total = 0;

    for (;;) {
        const la_ssize_t n = archive_read_data(t->archive, chunk, sizeof(chunk));
        int r = 0;

        if (n < 0)
            return refuse(t, "it is damaged or cut off: %s", archive_error_string(t->archive));
        if (n == 0)
            return 0;
        total += n;
        if (total > max)
            return refuse(t, "a file in it is larger than it may be");
        if (buf)
            r = nvr_buf_append(buf, chunk, (size_t)n);
        else
            r = nvr_fd_write_all(fd, chunk, (size_t)n);
        if (r < 0) {
            (void)fprintf(stderr, "nvr: unpack: %s\n", nvr_strerror(r));
            return r;
        }
    }
}

static int check_manifest(struct restore *t)
{
    const json_t *members = json_object_get(t->manifest, "members");
    const char *version = "?";
    const json_t *member;
    int64_t format = 0;
    bool has_database = false;
    size_t i;

    (void)nvr_json_get_str(t->manifest, "version", &version);
    if (nvr_json_get_int(t->manifest, "heron_backup", 1, INT32_MAX, &format) != 1)
        return refuse(t, "it is not a backup of Heron");
    if (format > BACKUP_VERSION)
        return refuse(t, "it was made by a newer Heron (%.40s): update the program", version);
    if (!json_is_array(members) || json_array_size(members) > BACKUP_MEMBERS_MAX)
        return refuse(t, "its list of files is damaged");
    json_array_foreach(members, i, member)
    {
        const char *name = "";
        const char *hex = "";
        int64_t size = 0;

        if (nvr_json_get_str(member, "name", &name) != 1 || !backup_name_is_fine(name))
            return refuse(t, "it holds a file that does not belong into a backup: '%.100s'", name);
        if (nvr_json_get_str(member, "sha256", &hex) != 1 || strlen(hex) != BACKUP_HEX_SIZE - 1 ||
            nvr_json_get_int(member, "size", 0, backup_size_max(name), &size) != 1)
            return refuse(t, "the size or digest of '%s' in its list is damaged", name);
        has_database = has_database || strcmp(name, BACKUP_DATABASE) == 0;
    }
    return has_database ? 0 : refuse(t, "there is no database in it");
}

static int read_manifest(struct restore *t)
{
    struct archive_entry *entry = NULL;
    struct nvr_buf text;
    char reason[160];
    int r = next_entry(t, &entry);

    if (r < 0)
        return r;
    if (r == 0 || strcmp(archive_entry_pathname(entry), BACKUP_MANIFEST) != 0)
        return refuse(t, "it is not a backup of Heron");
    nvr_buf_init(&text, BACKUP_MANIFEST_MAX);
    r = read_bytes(t, -1, &text, BACKUP_MANIFEST_MAX);
    if (r == 0 &&
        nvr_json_parse((const char *)text.data, text.len, &t->manifest, reason, sizeof(reason)) < 0)
        r = refuse(t, "its list of files is damaged: %s", reason);
    nvr_buf_done(&text);
    return r < 0 ? r : check_manifest(t);
}

static const json_t *find_member(const struct restore *t, const char *name)
{
    const json_t *members = json_object_get(t->manifest, "members");
    const json_t *member;
    size_t i;

    json_array_foreach(members, i,
                       member) if (strcmp(json_string_value(json_object_get(member, "name")),
                                          name) == 0) return member;
    return NULL;
}

static int unpack_one(struct restore *t, const char *name)
{
    const json_t *member = backup_name_is_fine(name) ? find_member(t, name) : NULL;
    char path[PATH_MAX];
    char hex[BACKUP_HEX_SIZE];
    int64_t size = 0;
    int r;

    if (!member)
        return refuse(t, "it holds a file that does not belong into it: '%.100s'", name);
    r = nvr_path_join(path, sizeof(path), t->folder, name);
    if (r < 0)
        return r;
    NVR_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return errno == EEXIST ? refuse(t, "'%s' is in it twice", name) : -errno;
    r = read_bytes(t, fd, NULL, json_integer_value(json_object_get(member, "size")));
    if (r == 0)
        r = nvr_sys(fsync(fd));
    if (r == 0)
        r = backup_digest(path, hex, &size);
    if (r == 0 && (strcmp(hex, json_string_value(json_object_get(member, "sha256"))) != 0 ||
                   size != json_integer_value(json_object_get(member, "size"))))
        r = refuse(t, "'%s' in it is not what was backed up", name);
    return r;
}

static int unpack(struct restore *t)
{
    struct archive_entry *entry = NULL;
    char versions[PATH_MAX];
    size_t count = 0;
    int r;

    t->archive = archive_read_new();
    if (!t->archive)
        return -ENOMEM;
    if (archive_read_support_filter_gzip(t->archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(t->archive) != ARCHIVE_OK ||
        archive_read_open_filename(t->archive, t->file, CHUNK) != ARCHIVE_OK)
        return refuse(t, "%s", archive_error_string(t->archive));
    r = nvr_path_join(versions, sizeof(versions), t->folder, BACKUP_VERSIONS);
    if (r == 0)
        r = nvr_sys(mkdir(versions, 0700));
    if (r == 0)
        r = read_manifest(t);
    while (r == 0 && (r = next_entry(t, &entry)) > 0) {
        count++;
        r = unpack_one(t, archive_entry_pathname(entry));
    }
    if (r == 0 && count != json_array_size(json_object_get(t->manifest, "members")))
        r = refuse(t, "files are missing in it");
    return r;
}

/* ---- is it usable? ---- */

static int check_database(struct restore *t)
{
    struct nvr_store *store = NULL;
    char path[PATH_MAX];
    int r = nvr_path_join(path, sizeof(path), t->folder, BACKUP_DATABASE);

    if (r == 0)
        r = nvr_store_check_file(path);
    if (r == -EUCLEAN)
        return refuse(t, "the database in it is damaged");
    /* Says in words what is wrong with it: newer than this program, somebody else's. */
    if (r == 0)
        r = nvr_store_open(path, &store);
    nvr_store_close(store);
    return r < 0 ? refuse(t, "the database in it cannot be used: %s", nvr_strerror(r)) : 0;
}

static int check_config(struct restore *t)
{
    NVR_AUTO(nvr_config) config = NULL;
    static struct nvr_config_errors errors;
    struct nvr_buf text;
    char path[PATH_MAX];
    int r = nvr_path_join(path, sizeof(path), t->folder, BACKUP_CONFIG);

    if (r < 0 || access(path, F_OK) < 0)
        return r;
    nvr_buf_init(&text, BACKUP_FILE_MAX);
    r = nvr_file_read(path, &text);
    if (r == 0)
        r = nvr_config_parse((const char *)text.data, text.len, NULL, &config, &errors);
    nvr_buf_done(&text);
    if (r == -EINVAL && errors.count)
        return refuse(t, "the configuration in it cannot be used: line %u: %s %s",
                      errors.items[0].line, errors.items[0].field, errors.items[0].message);
    return r;
}

/* ---- into place ---- */

static int move_file(struct restore *t, const char *from, const char *to)
{
    struct move *move = &t->moves[t->moves_count];
    int r;

    if (access(from, F_OK) < 0)
        return 0;
    if (t->moves_count == MOVES_MAX || nvr_fmt(move->from, PATH_MAX, "%s", from) < 0 ||
        nvr_fmt(move->to, PATH_MAX, "%s", to) < 0)
        return -E2BIG;
    r = nvr_sys(rename(from, to));
    if (r < 0) {
        (void)fprintf(stderr, "nvr: rename '%s' to '%s': %s\n", from, to, nvr_strerror(r));
        return r;
    }
    t->moves_count++;
    return nvr_fsync_parent(to);
}

static void undo(struct restore *t)
{
    while (t->moves_count) {
        const struct move *move = &t->moves[--t->moves_count];

        if (rename(move->to, move->from) < 0)
            (void)fprintf(stderr, "nvr: '%s' could not be put back to '%s': %s\n", move->to,
                          move->from, nvr_strerror(errno));
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void remove_tree(const char *path)
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
    (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* What is there goes aside; what an earlier restore put aside goes for it. */
static int set_aside(struct restore *t, const char *path)
{
    char kept[PATH_MAX];

    if (access(path, F_OK) < 0)
        return 0;
    if (nvr_fmt(kept, sizeof(kept), "%s" KEPT_SUFFIX, path) < 0)
        return -ENAMETOOLONG;
    remove_tree(kept);
    return move_file(t, path, kept);
}

static int replace(struct restore *t, const char *name, const char *target)
{
    char from[PATH_MAX];
    int r = nvr_path_join(from, sizeof(from), t->folder, name);

    if (r < 0 || access(from, F_OK) < 0)
        return r;
    r = set_aside(t, target);
    return r < 0 ? r : move_file(t, from, target);
}

/* The configuration may lie on another file system: its new text goes beside it first. */
static int bring_config_near(struct restore *t, char near[PATH_MAX])
{
    struct nvr_buf text;
    char from[PATH_MAX];
    int r = nvr_path_join(from, sizeof(from), t->folder, BACKUP_CONFIG);

    near[0] = '\0';
    if (r < 0 || access(from, F_OK) < 0)
        return r;
    if (nvr_fmt(near, PATH_MAX, "%s.restored", t->paths->config) < 0)
        return -ENAMETOOLONG;
    nvr_buf_init(&text, BACKUP_FILE_MAX);
    r = nvr_file_read(from, &text);
    if (r == 0)
        r = nvr_file_write_atomic(near, text.data, text.len, 0640);
    nvr_buf_done(&text);
    return r;
}

static int into_place(struct restore *t)
{
    static const char *const gone[] = {BACKUP_DATABASE "-wal", BACKUP_DATABASE "-shm", NULL};
    char path[PATH_MAX];
    char near[PATH_MAX];
    int r = bring_config_near(t, near);

    /* The log of the old database would be replayed into the new one. */
    for (size_t i = 0; r == 0 && gone[i]; i++) {
        r = nvr_path_join(path, sizeof(path), t->paths->data, gone[i]);
        if (r == 0)
            r = set_aside(t, path);
    }
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), t->paths->data, BACKUP_DATABASE);
    if (r == 0)
        r = replace(t, BACKUP_DATABASE, path);
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), t->paths->data, BACKUP_VERSIONS);
    if (r == 0)
        r = replace(t, BACKUP_VERSIONS, path);
    for (size_t i = 0; r == 0 && backup_keys[i]; i++) {
        r = nvr_path_join(path, sizeof(path), t->paths->data, backup_keys[i]);
        if (r == 0)
            r = replace(t, backup_keys[i], path);
    }
    if (r == 0 && near[0])
        r = set_aside(t, t->paths->config);
    if (r == 0 && near[0])
        r = move_file(t, near, t->paths->config);
    if (r < 0) {
        undo(t);
        if (near[0])
            (void)unlink(near);
    }
    return r;
}

/* ---- the command ---- */

/* As the server does: one Heron per data folder. */
static int take_lock(const struct restore *t, int *ret_fd)
{
    char path[PATH_MAX];
    int r = nvr_mkdir_p(t->paths->data, 0750);

    if (r == 0)
        r = nvr_path_join(path, sizeof(path), t->paths->data, "nvr.lock");
    if (r < 0)
        return r;
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (*ret_fd < 0)
        return -errno;
    if (flock(*ret_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    (void)fprintf(stderr, "nvr: Heron is running on '%s': stop it first\n", t->paths->data);
    return -EBUSY;
}

static int run(struct restore *t)
{
    int r = nvr_fmt(t->folder, sizeof(t->folder), "%s/.restore-XXXXXX", t->paths->data) < 0
                ? -ENAMETOOLONG
                : 0;

    if (r == 0 && !mkdtemp(t->folder))
        r = -errno;
    if (r < 0)
        return r;
    r = unpack(t);
    if (t->archive)
        (void)archive_read_free(t->archive);
    if (r == 0)
        r = check_database(t);
    if (r == 0)
        r = check_config(t);
    if (r == 0)
        r = into_place(t);
    remove_tree(t->folder);
    return r;
}

int cmd_restore(const struct cli_options *options)
{
    struct restore t = {0};
    struct cli_paths paths;
    NVR_AUTO_FD int lock = -1;
    int64_t created_ms = 0;
    char when[NVR_RFC3339_SIZE];
    int r;

    if (options->args_count != 1)
        return cli_usage_error("nvr restore FILE");
    if (cli_find_paths(options, &paths) < 0)
        return CLI_FAILED;
    nvr_log_set_level(NVR_LOG_WARN);
    t.paths = &paths;
    t.file = options->args[0];
    r = take_lock(&t, &lock);
    if (r == 0)
        r = run(&t);
    if (r < 0)
        (void)fprintf(stderr, "nvr: nothing was changed (%s)\n", nvr_strerror(r));
    (void)nvr_json_get_int(t.manifest, "created", 0, INT64_MAX / 2, &created_ms);
    json_decref(t.manifest);
    if (r < 0)
        return CLI_FAILED;
    nvr_rfc3339_format(created_ms, when);
    if (options->json) {
        NVR_AUTO_JSON body = json_pack("{s:b, s:I}", "ok", 1, "created", (json_int_t)created_ms);

        return cli_print_json(body);
    }
    (void)printf("Restored as of %s. What was there is kept beside it as *" KEPT_SUFFIX
                 ". At the next start recordings newer than the backup are found on disk and "
                 "indexed.\n",
                 when);
    return CLI_DONE;
}
