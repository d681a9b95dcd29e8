/* nvr backup FILE — database and configuration in one file, also while Heron runs. */
#include "src/cli/backup.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/store/copy.h"
#include "src/cli/cli.h"

#define CHUNK (256 * 1024)

const char *const backup_keys[] = {"secret.key", "evidence.key", NULL};

static bool is_key(const char *name)
{
    for (size_t i = 0; backup_keys[i]; i++)
        if (strcmp(backup_keys[i], name) == 0)
            return true;
    return false;
}

bool backup_name_is_fine(const char *name)
{
    const size_t len = sizeof(BACKUP_VERSIONS) - 1;

    if (!nvr_path_is_safe(name))
        return false;
    if (strcmp(name, BACKUP_DATABASE) == 0 || strcmp(name, BACKUP_CONFIG) == 0 || is_key(name))
        return true;
    return strncmp(name, BACKUP_VERSIONS "/", len + 1) == 0 && name[len + 1] != '.' &&
           !strchr(name + len + 1, '/') && strlen(name) < 200;
}

int64_t backup_size_max(const char *name)
{
    return strcmp(name, BACKUP_DATABASE) == 0 ? BACKUP_DATABASE_MAX : BACKUP_FILE_MAX;
}

int backup_digest(const char *path, char ret_hex[BACKUP_HEX_SIZE], int64_t *ret_size)
{
    static uint8_t chunk[CHUNK];
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    NVR_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int64_t at = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    sha256_init(&context);
    while ((n = nvr_fd_pread_all(fd, chunk, sizeof(chunk), at)) > 0) {
        sha256_update(&context, (size_t)n, chunk);
        at += n;
    }
    if (n < 0)
        return (int)n;
    sha256_digest(&context, sizeof(digest), digest);
    nvr_hex_encode(digest, sizeof(digest), ret_hex);
    *ret_size = at;
    return 0;
}

struct backup {
    const struct cli_paths *paths;
    char target[PATH_MAX], part[PATH_MAX], copy[PATH_MAX];
    struct archive *archive;
    json_t *members; /* of the manifest, with "path" beside */
};

/* path: where its bytes are. A missing file is left out. */
static int add_member(struct backup *b, const char *name, const char *path)
{
    char hex[BACKUP_HEX_SIZE];
    int64_t size = 0;
    int r = backup_digest(path, hex, &size);

    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        (void)fprintf(stderr, "nvr: %s: %s\n", path, nvr_strerror(r));
        return r;
    }
    if (!backup_name_is_fine(name) || size > backup_size_max(name)) {
        (void)fprintf(stderr, "nvr: %s is left out: not a file of Heron's, or too large\n", path);
        return 0;
    }
    return json_array_append_new(b->members,
                                 json_pack("{s:s, s:I, s:s, s:s}", "name", name, "size",
                                           (json_int_t)size, "sha256", hex, "path", path)) < 0
               ? -ENOMEM
               : 0;
}

static int add_versions(struct backup *b)
{
    char folder[PATH_MAX];
    const struct dirent *entry;
    int r = nvr_path_join(folder, sizeof(folder), b->paths->data, BACKUP_VERSIONS);
    DIR *dir = r == 0 ? opendir(folder) : NULL;

    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this stream
    while (r == 0 && dir && (entry = readdir(dir))) {
        char path[PATH_MAX];
        char name[300];

        if (entry->d_name[0] == '.' ||
            nvr_fmt(name, sizeof(name), BACKUP_VERSIONS "/%s", entry->d_name) < 0)
            continue;
        r = nvr_path_join(path, sizeof(path), folder, entry->d_name);
        if (r == 0)
            r = add_member(b, name, path);
    }
    if (dir)
        (void)closedir(dir);
    return r;
}

static int collect(struct backup *b, bool with_keys)
{
    char path[PATH_MAX];
    int r = add_member(b, BACKUP_DATABASE, b->copy);

    if (r == 0)
        r = add_member(b, BACKUP_CONFIG, b->paths->config);
    if (r == 0)
        r = add_versions(b);
    for (size_t i = 0; r == 0 && with_keys && backup_keys[i]; i++) {
        r = nvr_path_join(path, sizeof(path), b->paths->data, backup_keys[i]);
        if (r == 0)
            r = add_member(b, backup_keys[i], path);
    }
    return r;
}

static int archive_failure(struct backup *b)
{
    const int r = archive_errno(b->archive);

    (void)fprintf(stderr, "nvr: %s: %s\n", b->part, archive_error_string(b->archive));
    return r > 0 ? -r : -EIO;
}

static int write_header(struct backup *b, const char *name, int64_t size)
{
    struct archive_entry *entry = archive_entry_new();
    int r = 0;

    if (!entry)
        return -ENOMEM;
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_mtime(entry, nvr_clock_wall_ms() / 1000, 0);
    if (archive_write_header(b->archive, entry) != ARCHIVE_OK)
        r = archive_failure(b);
    archive_entry_free(entry);
    return r;
}

static int write_bytes(struct backup *b, const void *data, size_t size)
{
    return archive_write_data(b->archive, data, size) == (la_ssize_t)size ? 0 : archive_failure(b);
}

/* The bytes that the manifest speaks of: what changes meanwhile fails now, not on the day when it
 * is needed. */
static int write_file(struct backup *b, const char *path, int64_t size, const char *sha256)
{
    static uint8_t chunk[CHUNK];
    NVR_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[BACKUP_HEX_SIZE];
    struct sha256_ctx context;
    int r = fd < 0 ? -errno : 0;

    sha256_init(&context);
    for (int64_t at = 0; r == 0 && at < size;) {
        const size_t want = (size_t)NVR_MIN(size - at, (int64_t)sizeof(chunk));
        const ssize_t n = nvr_fd_pread_all(fd, chunk, want, at);

        if (n < 0)
            r = (int)n;
        else if ((size_t)n < want)
            r = -EBUSY;
        else
            r = write_bytes(b, chunk, (size_t)n);
        if (r < 0)
            return r;
        sha256_update(&context, (size_t)n, chunk);
        at += n;
    }
    sha256_digest(&context, sizeof(digest), digest);
    nvr_hex_encode(digest, sizeof(digest), hex);
    return r == 0 && strcmp(hex, sha256) != 0 ? -EBUSY : r;
}

static int write_manifest(struct backup *b)
{
    NVR_AUTO_JSON manifest = json_pack(
        "{s:i, s:s, s:I, s:o}", "heron_backup", BACKUP_VERSION, "version", NVR_VERSION, "created",
        (json_int_t)nvr_clock_wall_ms(), "members", json_deep_copy(b->members));
    json_t *member;
    size_t i;
    int r;

    json_array_foreach(json_object_get(manifest, "members"), i, member)(void)
        json_object_del(member, "path");
    NVR_AUTO_FREE char *text = manifest ? nvr_json_dump(manifest) : NULL;

    if (!text)
        return -ENOMEM;
    r = write_header(b, BACKUP_MANIFEST, (int64_t)strlen(text));
    return r < 0 ? r : write_bytes(b, text, strlen(text));
}

static int write_members(struct backup *b)
{
    const json_t *member;
    size_t i;
    int r = write_manifest(b);

    json_array_foreach(b->members, i, member)
    {
        const char *path = json_string_value(json_object_get(member, "path"));
        const int64_t size = json_integer_value(json_object_get(member, "size"));

        if (r == 0)
            r = write_header(b, json_string_value(json_object_get(member, "name")), size);
        if (r == 0)
            r = write_file(b, path, size, json_string_value(json_object_get(member, "sha256")));
    }
    return r;
}

static int write_archive(struct backup *b)
{
    NVR_AUTO_FD int fd = open(b->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r;

    if (fd < 0)
        return -errno;
    b->archive = archive_write_new();
    if (!b->archive)
        return -ENOMEM;
    if (archive_write_add_filter_gzip(b->archive) != ARCHIVE_OK ||
        archive_write_set_format_pax_restricted(b->archive) != ARCHIVE_OK ||
        archive_write_open_fd(b->archive, fd) != ARCHIVE_OK)
        r = archive_failure(b);
    else
        r = write_members(b);
    if (r == 0 && archive_write_close(b->archive) != ARCHIVE_OK)
        r = archive_failure(b);
    (void)archive_write_free(b->archive);
    if (r == 0)
        r = nvr_sys(fsync(fd));
    if (r == 0)
        r = nvr_sys(rename(b->part, b->target));
    return r < 0 ? r : nvr_fsync_parent(b->target);
}

static int make_backup(struct backup *b, bool with_keys)
{
    char database[PATH_MAX];
    int r = nvr_path_join(database, sizeof(database), b->paths->data, BACKUP_DATABASE);

    if (r < 0)
        return r;
    (void)unlink(b->copy); /* of a backup that was cut short */
    r = nvr_store_copy(database, b->copy);
    if (r < 0 && r != -ENOENT) {
        (void)fprintf(stderr, "nvr: copy '%s': %s\n", database, nvr_strerror(r));
        return r;
    }
    r = collect(b, with_keys);
    if (r == 0 && !json_array_size(b->members)) {
        (void)fprintf(stderr, "nvr: there is nothing in '%s' to back up\n", b->paths->data);
        r = -ENOENT;
    }
    return r < 0 ? r : write_archive(b);
}

static int tell(const struct cli_options *options, const struct backup *b, bool with_keys)
{
    struct stat st;
    char bytes[32];

    if (stat(b->target, &st) < 0)
        return CLI_FAILED;
    if (options->json) {
        NVR_AUTO_JSON body = json_pack(
            "{s:s, s:I, s:I, s:b}", "file", b->target, "size", (json_int_t)st.st_size, "members",
            (json_int_t)json_array_size(b->members), "with_keys", (int)with_keys);

        return cli_print_json(body);
    }
    cli_format_bytes((double)st.st_size, bytes, sizeof(bytes));
    (void)printf("%s: %zu files, %s. The recordings themselves are not in it.\n", b->target,
                 json_array_size(b->members), bytes);
    if (with_keys)
        (void)printf(
            "The keys are in it: whoever has this file can read the cameras' passwords and "
            "sign as this recorder. Keep it like a key.\n");
    else
        (void)printf(
            "The keys are not in it (--with-keys): without secret.key the cameras' "
            "passwords in it cannot be read, and without evidence.key a new key signs from "
            "then on.\n");
    return CLI_DONE;
}

int cmd_backup(const struct cli_options *options)
{
    struct cli_paths paths;
    struct backup b = {.paths = &paths};
    int r;

    if (options->args_count != 1)
        return cli_usage_error("nvr backup FILE [--with-keys]");
    if (cli_find_paths(options, &paths) < 0)
        return CLI_FAILED;
    if (access(options->args[0], F_OK) == 0) {
        (void)fprintf(stderr, "nvr: '%s' exists already\n", options->args[0]);
        return CLI_FAILED;
    }
    if (nvr_fmt(b.target, sizeof(b.target), "%s", options->args[0]) < 0 ||
        nvr_fmt(b.part, sizeof(b.part), "%s.part", options->args[0]) < 0 ||
        nvr_fmt(b.copy, sizeof(b.copy), "%s.database.part", options->args[0]) < 0)
        return cli_usage_error("the file's name is too long");
    b.members = json_array();
    r = b.members ? make_backup(&b, options->with_keys) : -ENOMEM;
    (void)unlink(b.copy);
    if (r < 0) {
        (void)unlink(b.part);
        (void)fprintf(stderr, "nvr: no backup was made: %s\n", nvr_strerror(r));
        r = CLI_FAILED;
    } else {
        r = tell(options, &b, options->with_keys);
    }
    json_decref(b.members);
    return r;
}
