/* nvr recordings check — files and index side by side, also while Heron runs: nothing is changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/media/byte_check.h"
#include "lib/store/copy.h"
#include "lib/store/recordings.h"
#include "src/cli/cli.h"

#define CHUNK (256 * 1024)
#define PROGRESS_MS 1000
#define YOUNG_S 120 /* a file that was written a moment ago may be the recorder's */
#define SHOWN_MAX 1000

struct link_place {
    int64_t seq, start_ms;
    uint8_t prev[NVR_SHA256_SIZE], chain[NVR_SHA256_SIZE];
};

struct check {
    const char *root;
    bool deep;
    json_t *problems;
    int64_t recordings, bytes, total, elsewhere, progress_ms;
    unsigned found;
    /* of the camera at hand */
    char camera[NVR_SLUG_SIZE];
    char **paths;
    struct link_place *links;
    size_t count, cap;
};

static struct check *walker; /* nftw() knows no argument */

static void problem(struct check *c, const char *kind, const char *path, int64_t at_ms,
                    const char *fmt, ...) NVR_PRINTF(5, 6);
static void problem(struct check *c, const char *kind, const char *path, int64_t at_ms,
                    const char *fmt, ...)
{
    char message[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    c->found++;
    if (json_array_size(c->problems) >= SHOWN_MAX)
        return;
    (void)json_array_append_new(
        c->problems,
        json_pack("{s:s, s:s, s:s, s:o, s:s}", "kind", kind, "camera", c->camera, "path", path,
                  "at", at_ms >= 0 ? json_integer(at_ms) : json_null(), "message", message));
}

static void tell_progress(struct check *c)
{
    const int64_t now_ms = nvr_clock_mono_ms();

    if (now_ms - c->progress_ms < PROGRESS_MS || !isatty(STDERR_FILENO))
        return;
    c->progress_ms = now_ms;
    (void)fprintf(stderr, "\r%lld of %lld recordings, %lld MB read ", (long long)c->recordings,
                  (long long)c->total, (long long)(c->bytes / 1000000));
}

/* ---- one recording ---- */

static void check_bytes(struct check *c, const struct nvr_recording *row, int fd)
{
    static uint8_t chunk[CHUNK];
    uint8_t sha256[NVR_SHA256_SIZE];
    struct nvr_byte_check bytes;
    int64_t at = 0;
    ssize_t n;

    if (nvr_hex_decode(row->checksum, sha256, sizeof(sha256)) < 0)
        return;
    nvr_byte_check_init(&bytes, row->digests, row->digests_count);
    while ((n = nvr_fd_pread_all(fd, chunk, sizeof(chunk), at)) > 0) {
        nvr_byte_check_update(&bytes, chunk, (size_t)n);
        at += n;
        c->bytes += n;
        tell_progress(c);
    }
    if (n < 0) {
        problem(c, "unreadable", row->file_path, -1, "%s", nvr_strerror((int)n));
    } else if (!nvr_byte_check_finish(&bytes, sha256)) {
        const int64_t ms = nvr_byte_check_get_changed_ms(&bytes);
        char when[NVR_RFC3339_SIZE];

        nvr_rfc3339_format(row->start_ms + NVR_MAX(ms, (int64_t)0), when);
        problem(c, "changed", row->file_path, ms < 0 ? -1 : row->start_ms + ms,
                "not the bytes that were recorded, from %s on%s", when, ms < 0 ? " or later" : "");
    }
}

static void check_file(struct check *c, const struct nvr_recording *row)
{
    char path[PATH_MAX];
    struct stat st;

    if (!nvr_path_is_safe(row->file_path) ||
        nvr_path_join(path, sizeof(path), c->root, row->file_path) < 0) {
        problem(c, "index", row->file_path, row->start_ms, "the index holds a path that cannot be");
        return;
    }
    NVR_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) < 0) {
        problem(c, errno == ENOENT ? "missing" : "unreadable", row->file_path, row->start_ms, "%s",
                nvr_strerror(errno));
    } else if (st.st_size != row->file_size) {
        problem(c, st.st_size < row->file_size ? "truncated" : "changed", row->file_path,
                row->start_ms, "%lld bytes instead of %lld", (long long)st.st_size,
                (long long)row->file_size);
    } else if (c->deep) {
        check_bytes(c, row, fd);
    }
}

static int remember(struct check *c, const struct nvr_recording *row)
{
    if (c->count == c->cap) {
        const size_t cap = c->cap ? 2 * c->cap : 1024;
        char **paths = reallocarray(c->paths, cap, sizeof(*paths));
        struct link_place *links;

        if (!paths)
            return -ENOMEM;
        c->paths = paths;
        links = reallocarray(c->links, cap, sizeof(*links));
        if (!links)
            return -ENOMEM;
        c->links = links;
        c->cap = cap;
    }
    c->paths[c->count] = strdup(row->file_path);
    if (!c->paths[c->count])
        return -ENOMEM;
    c->links[c->count] = (struct link_place){.seq = row->seq, .start_ms = row->start_ms};
    memcpy(c->links[c->count].prev, row->chain_prev, NVR_SHA256_SIZE);
    memcpy(c->links[c->count].chain, row->chain, NVR_SHA256_SIZE);
    c->count++;
    return 0;
}

static int on_row(const struct nvr_recording *row, void *arg)
{
    struct check *c = arg;
    struct nvr_evidence_link link;

    c->recordings++;
    tell_progress(c);
    if (row->location != 0)
        c->elsewhere++;
    else
        check_file(c, row);
    if (nvr_recording_get_link(row, &link) && !nvr_evidence_link_is_whole(&link))
        problem(c, "chain", row->file_path, row->start_ms,
                "the index does not fit its link %lld of the chain", (long long)row->seq);
    return remember(c, row);
}

/* ---- one camera ---- */

static int compare_links(const void *a, const void *b)
{
    const struct link_place *x = a;
    const struct link_place *y = b;

    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void check_chain(struct check *c)
{
    if (c->count)
        qsort(c->links, c->count, sizeof(*c->links), compare_links);
    for (size_t i = 1; i < c->count; i++) {
        const struct link_place *before = &c->links[i - 1];
        const struct link_place *link = &c->links[i];

        if (link->seq > 0 && link->seq == before->seq + 1 &&
            memcmp(link->prev, before->chain, NVR_SHA256_SIZE) != 0)
            problem(c, "chain", "", link->start_ms, "the chain is broken before link %lld",
                    (long long)link->seq);
    }
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    struct check *c = walker;
    const char *below = path + strlen(c->root) + 1;
    const char *name = path + where->base;
    const size_t len = strlen(name);

    if (type == FTW_D || type == FTW_DP)
        return 0;
    if (type != FTW_F || strncmp(name, "segment_", 8) != 0 || len < 4 ||
        strcmp(name + len - 4, ".mp4") != 0) {
        if (name[0] != '.')
            problem(c, "foreign", below, -1, "not a file of Heron's, or one that it set aside");
        return 0;
    }
    if (c->count && bsearch(&below, c->paths, c->count, sizeof(*c->paths), compare_paths))
        return 0;
    if (st->st_mtim.tv_sec < nvr_clock_wall_ms() / 1000 - YOUNG_S)
        problem(c, "orphan", below, -1,
                "not in the index: nvr recordings repair, or the next start");
    return 0;
}

static void forget(struct check *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->paths[i]);
    c->count = 0;
}

static int check_camera(struct check *c, struct nvr_db *db, const char *camera)
{
    char folder[PATH_MAX];
    int r;

    (void)nvr_fmt(c->camera, sizeof(c->camera), "%s", camera);
    r = nvr_recordings_each(db, camera, 0, INT64_MAX, c->deep, on_row, c);
    if (r == 0)
        r = nvr_path_join(folder, sizeof(folder), c->root, camera);
    if (r == 0) {
        check_chain(c);
        if (c->count)
            qsort(c->paths, c->count, sizeof(*c->paths), compare_paths);
        walker = c;
        // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
        if (nftw(folder, on_entry, 16, FTW_PHYS) < 0 && errno != ENOENT)
            r = -errno;
    }
    forget(c);
    return r;
}

/* ---- the command ---- */

struct cameras {
    struct check *check;
    struct nvr_db *db;
    const char *only;
    int result;
};

static int on_totals(const char *camera, const struct nvr_recordings_totals *totals, void *arg)
{
    struct cameras *all = arg;

    if (all->only && strcmp(all->only, camera) != 0)
        return 0;
    all->check->total += totals->segments;
    all->result = check_camera(all->check, all->db, camera);
    return all->result;
}

static int print(const struct cli_options *options, const struct check *c)
{
    const json_t *entry;
    size_t i;

    if (isatty(STDERR_FILENO))
        (void)fputc('\r', stderr);
    if (options->json) {
        NVR_AUTO_JSON body = json_pack(
            "{s:b, s:I, s:I, s:I, s:i, s:O}", "ok", !c->found, "recordings",
            (json_int_t)c->recordings, "bytes_read", (json_int_t)c->bytes, "in_other_places",
            (json_int_t)c->elsewhere, "found", (int)c->found, "problems", c->problems);

        (void)cli_print_json(body);
    } else {
        json_array_foreach(c->problems, i, entry)(void)
            printf("%-10s %s: %s\n", json_string_value(json_object_get(entry, "kind")),
                   json_string_value(json_object_get(entry, "path")),
                   json_string_value(json_object_get(entry, "message")));
        (void)printf("%lld recordings, %u problems%s\n", (long long)c->recordings, c->found,
                     c->deep ? "" : " (names and sizes only; --deep compares every byte)");
        if (c->elsewhere)
            (void)printf("%lld are in other places (tiers) and were not looked at\n",
                         (long long)c->elsewhere);
    }
    return c->found ? CLI_FAILED : CLI_DONE;
}

int cli_recordings_check(const struct cli_options *options)
{
    struct check c = {.deep = options->deep};
    struct cameras all = {.check = &c, .only = options->camera};
    struct cli_paths paths;
    char root[PATH_MAX];
    char database[PATH_MAX];
    int r;

    if (options->camera && !nvr_slug_is_valid(options->camera))
        return cli_usage_error("'%s' is not a camera id", options->camera);
    if (cli_find_paths(options, &paths) < 0 ||
        nvr_path_join(root, sizeof(root), paths.data, "recordings") < 0 ||
        nvr_path_join(database, sizeof(database), paths.data, "nvr.db") < 0)
        return CLI_FAILED;
    c.root = root;
    c.problems = json_array();
    r = c.problems ? nvr_store_peek(database, &all.db) : -ENOMEM;
    if (r == 0)
        r = nvr_recordings_totals_each(all.db, on_totals, &all);
    nvr_store_peek_end(all.db);
    if (r < 0) {
        (void)fprintf(stderr, "nvr: check %s: %s\n", paths.data, nvr_strerror(r));
        r = CLI_FAILED;
    } else {
        r = print(options, &c);
    }
    json_decref(c.problems);
    free(c.paths);
    free(c.links);
    return r;
}
