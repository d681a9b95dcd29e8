/* What the jobs of role keeper do. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/marker.h"
#include "src/media/keeper.h"

#include <nettle/sha2.h>

NVR_LOG_TOPIC("keeper");

#define TEXT_MAX 1024

int keeper_fail(struct keeper_job *job, int error, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(job->words, sizeof(job->words), fmt, args);
    va_end(args);
    return error;
}

static int fail_s3(struct keeper_job *job, int error, const struct nvr_s3_problem *problem)
{
    return keeper_fail(job, error, "%s", problem->words);
}

/* ---- the store ---- */

static int make_client(const struct keeper_s3 *config, struct nvr_s3 **ret_s3)
{
    const struct nvr_s3_options options = {.endpoint = config->endpoint,
                                           .region = config->region,
                                           .bucket = config->bucket,
                                           .prefix = config->prefix,
                                           .access_key = config->access_key,
                                           .secret_key = config->secret_key,
                                           .path_style = config->path_style};

    return nvr_s3_new(&options, ret_s3);
}

static void limit_client(const struct keeper_worker *worker, const struct keeper_job *job,
                         struct nvr_s3 *s3)
{
    const int64_t left_ms = NVR_MAX(job->deadline_ms - nvr_clock_mono_ms(), (int64_t)100);

    nvr_s3_set_limits(s3, (unsigned)NVR_MIN(left_ms, (int64_t)INT32_MAX), &job->cancel,
                      worker->config->bytes_per_second);
}

/* The worker's client, made when it is needed first. */
static int get_client(struct keeper_worker *worker, struct keeper_job *job)
{
    int r = 0;

    if (!worker->config->has_s3 || job->from.is_gone || job->to.is_gone)
        return keeper_fail(job, -ENODEV,
                           "The object store that holds it is not in the configuration any more.");
    if (!worker->s3)
        r = make_client(&worker->config->s3, &worker->s3);
    if (r < 0)
        return keeper_fail(job, r, "The object store cannot be used: %s.", nvr_strerror(r));
    limit_client(worker, job, worker->s3);
    return 0;
}

static int check_sum(struct keeper_job *job, const char *sha256, const char *words)
{
    return strcmp(sha256, job->sha256) == 0 ? 0 : keeper_fail(job, -EBADMSG, "%s", words);
}

/* 1: the object is there already, 0: it is not; -EBADMSG: another one has its key. */
static int find_object(struct keeper_worker *worker, struct keeper_job *job)
{
    char sha256[NVR_S3_SHA256_HEX_SIZE] = "";
    struct nvr_s3_problem problem;
    int64_t size = 0;
    int r = nvr_s3_head(worker->s3, job->path, &size, &problem);

    if (r == -ENOENT)
        return 0;
    if (r == 0 && size == job->size)
        r = nvr_s3_get(worker->s3, job->path, 0, 0, -1, &size, sha256, &problem);
    if (r < 0)
        return fail_s3(job, r == -EBADMSG || r == -ENOENT ? -EIO : r, &problem);
    return strcmp(sha256, job->sha256) == 0
               ? 1
               : keeper_fail(job, -EBADMSG, "Another object has its name in the bucket.");
}

static int put(struct keeper_worker *worker, struct keeper_job *job, int fd)
{
    char sha256[NVR_S3_SHA256_HEX_SIZE];
    struct nvr_s3_problem problem;
    bool checked = false;
    int r = get_client(worker, job);

    if (r < 0)
        return r;
    /* What is signed must be what is read: a file that changed here is not the store's fault. */
    r = keeper_hash(worker, job, fd, -1, sha256);
    if (r < 0)
        return keeper_fail(job, r, "The file cannot be read: %s.", nvr_strerror(r));
    r = check_sum(job, sha256, "The file holds other bytes than were recorded.");
    if (r == 0)
        r = find_object(worker, job);
    if (r != 0)
        return NVR_MIN(r, 0);
    r = nvr_s3_put(worker->s3, job->path, fd, job->size, job->sha256, &checked, &problem);
    if (r == 0 && !checked) {
        int64_t size = 0;

        r = nvr_s3_get(worker->s3, job->path, 0, 0, -1, &size, sha256, &problem);
        if (r == 0 && (size != job->size || strcmp(sha256, job->sha256) != 0))
            return keeper_fail(job, -EIO, "What was stored in the bucket reads back differently.");
    }
    /* The store's trouble, never that of our file. */
    return r < 0 ? fail_s3(job, r == -EBADMSG || r == -ENOENT ? -EIO : r, &problem) : 0;
}

static int get(struct keeper_worker *worker, struct keeper_job *job, int fd)
{
    char sha256[NVR_S3_SHA256_HEX_SIZE];
    struct nvr_s3_problem problem;
    int64_t size = 0;
    int r = get_client(worker, job);

    if (r < 0)
        return r;
    r = nvr_s3_get(worker->s3, job->path, 0, 0, fd, &size, sha256, &problem);
    if (r < 0)
        return fail_s3(job, r, &problem);
    return check_sum(job, size == job->size ? sha256 : "",
                     "The store answers other bytes than were recorded.");
}

/* ---- copy ---- */

static int fill_from_folder(struct keeper_worker *worker, struct keeper_job *job, int to_fd)
{
    char sha256[NVR_S3_SHA256_HEX_SIZE] = "";
    NVR_AUTO_FD int fd = -1;
    int r = keeper_folder_open(job, &job->from, &fd);

    if (r < 0)
        return r;
    r = keeper_hash(worker, job, fd, to_fd, sha256);
    if (r < 0)
        return keeper_fail(job, r, "A copy to '%.120s' failed: %s.", job->to.folder,
                           nvr_strerror(r));
    return check_sum(job, sha256, "The file holds other bytes than were recorded.");
}

static int copy_to_folder(struct keeper_worker *worker, struct keeper_job *job)
{
    int fd = -1, r = keeper_folder_create(job, &job->to, &fd);

    if (r < 0)
        return r;
    r = job->from.is_s3 ? get(worker, job, fd) : fill_from_folder(worker, job, fd);
    if (r == 0)
        r = keeper_folder_finish(worker, job, &job->to, NVR_TAKE_FD(fd));
    (void)nvr_io_close(fd);
    if (r < 0)
        keeper_folder_drop(job, &job->to);
    return r;
}

static int copy_to_s3(struct keeper_worker *worker, struct keeper_job *job)
{
    NVR_AUTO_FD int fd = -1;
    int r;

    if (job->from.is_s3)
        return keeper_fail(job, -EINVAL, "From the store to the store nothing is copied.");
    r = keeper_folder_open(job, &job->from, &fd);
    return r < 0 ? r : put(worker, job, fd);
}

/* ---- fetch ---- */

static int fetch(struct keeper_worker *worker, struct keeper_job *job)
{
    const struct keeper_config *config = worker->config;
    char name[KEEPER_PATH_SIZE];
    int fd, r;

    if (!job->from.is_s3)
        return keeper_folder_open(job, &job->from, &job->fd);
    if (keeper_cache_find(config, job, &job->fd) == 0)
        return 0;
    fd = keeper_cache_begin(config, worker->number, name);
    if (fd < 0)
        return keeper_fail(job, fd, "No file in '%.120s' can be made: %s.", config->cache,
                           nvr_strerror(fd));
    r = get(worker, job, fd);
    (void)nvr_io_close(fd);
    if (r == 0) {
        r = keeper_cache_keep(config, name, job);
        if (r == 0)
            r = keeper_cache_find(config, job, &job->fd);
        if (r < 0)
            r = keeper_fail(job, r, "A fetched file cannot be kept: %s.", nvr_strerror(r));
    }
    if (r < 0)
        keeper_cache_drop(config, name);
    return r;
}

/* ---- remove, check ---- */

static int remove_object(struct keeper_worker *worker, struct keeper_job *job)
{
    struct nvr_s3_problem problem;
    int r = get_client(worker, job);

    if (r == 0) {
        r = nvr_s3_delete(worker->s3, job->path, &problem);
        if (r < 0)
            r = fail_s3(job, r, &problem);
    }
    return r;
}

static int visit_nothing(const char *key, int64_t size, void *arg)
{
    (void)key;
    (void)size;
    (void)arg;
    return 0;
}

static int put_text(struct nvr_s3 *s3, const char *key, const char *text,
                    struct nvr_s3_problem *problem)
{
    NVR_AUTO_FD int fd = memfd_create("keeper", MFD_CLOEXEC);
    uint8_t digest[SHA256_DIGEST_SIZE];
    char sha256[NVR_S3_SHA256_HEX_SIZE];
    struct sha256_ctx sha;
    bool checked;

    if (fd < 0)
        return -errno;
    sha256_init(&sha);
    sha256_update(&sha, strlen(text), (const uint8_t *)text);
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_hex_encode(digest, sizeof(digest), sha256);
    if (nvr_io_write(fd, text, strlen(text)) < 0)
        return -EIO;
    return nvr_s3_put(s3, key, fd, (int64_t)strlen(text), sha256, &checked, problem);
}

static int get_text(struct nvr_s3 *s3, const char *key, char text[TEXT_MAX],
                    struct nvr_s3_problem *problem)
{
    NVR_AUTO_FD int fd = memfd_create("keeper", MFD_CLOEXEC);
    int64_t size = 0;
    ssize_t n;
    int r;

    if (fd < 0)
        return -errno;
    r = nvr_s3_get(s3, key, 0, 0, fd, &size, NULL, problem);
    if (r < 0)
        return r;
    n = nvr_io_pread(fd, text, TEXT_MAX - 1, 0);
    if (n < 0)
        return (int)n;
    text[n] = '\0';
    return 0;
}

static int try_store(struct nvr_s3 *s3, struct nvr_s3_problem *problem)
{
    char key[80], id[NVR_UUID_SIZE], back[TEXT_MAX] = "";
    int r;

    nvr_uuid7(id);
    (void)nvr_fmt(key, sizeof(key), ".heron-test-%s", id);
    r = put_text(s3, key, id, problem);
    if (r == 0)
        r = get_text(s3, key, back, problem);
    if (r == 0 && strcmp(id, back) != 0) {
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "What was stored in the bucket reads back differently.");
        r = -EIO;
    }
    if (r == 0)
        r = nvr_s3_delete(s3, key, problem);
    return r;
}

/* The marker's text is that of lib/base/marker.h, as an object. */
static int read_marker(struct nvr_s3 *s3, char marker[NVR_UUID_SIZE],
                       struct nvr_s3_problem *problem)
{
    NVR_AUTO_JSON json = NULL;
    char text[TEXT_MAX] = "";
    const char *id = "";
    const int r = get_text(s3, NVR_MARKER_NAME, text, problem);

    marker[0] = '\0';
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (nvr_json_parse(text, strlen(text), &json, NULL, 0) == 0 &&
        nvr_json_get_str(json, "heron_location", &id) == 1)
        (void)!nvr_str_copy(marker, NVR_UUID_SIZE, nvr_str_from(id));
    return 0;
}

static int check_with(struct keeper_job *job, struct nvr_s3 *s3)
{
    char token[NVR_S3_KEY_SIZE] = "", text[128];
    struct nvr_s3_problem problem;
    int r = nvr_s3_list(s3, "", 1, visit_nothing, NULL, token, &problem);

    if (r == 0 && (job->test || job->adopt[0] != '\0'))
        r = try_store(s3, &problem);
    if (r == 0 && job->adopt[0] != '\0') {
        (void)nvr_fmt(text, sizeof(text), "{\"heron_location\": \"%s\"}\n", job->adopt);
        r = put_text(s3, NVR_MARKER_NAME, text, &problem);
    }
    if (r == 0)
        r = read_marker(s3, job->marker, &problem);
    if (r < 0)
        return fail_s3(job, r, &problem);
    if (job->from.marker[0] != '\0' && strcmp(job->from.marker, job->marker) != 0)
        return keeper_fail(job, -ENODEV,
                           "The bucket does not hold what was stored there: is it another one?");
    return 0;
}

static int check_store(struct keeper_worker *worker, struct keeper_job *job)
{
    NVR_AUTO(nvr_s3) other = NULL;
    int r;

    if (!job->s3) {
        r = get_client(worker, job);
        return r < 0 ? r : check_with(job, worker->s3);
    }
    r = make_client(job->s3, &other);
    if (r < 0)
        return keeper_fail(job, r, "The object store cannot be used: %s.", nvr_strerror(r));
    limit_client(worker, job, other);
    return check_with(job, other);
}

void keeper_work(struct keeper_worker *worker, struct keeper_job *job)
{
    int r = -EINVAL;

    switch (job->op) {
    case KEEPER_COPY:
        r = job->to.is_s3 ? copy_to_s3(worker, job) : copy_to_folder(worker, job);
        break;
    case KEEPER_REMOVE:
        r = job->from.is_s3 ? remove_object(worker, job) : keeper_folder_remove(job, &job->from);
        break;
    case KEEPER_FETCH:
        r = fetch(worker, job);
        break;
    case KEEPER_CHECK:
        r = job->from.is_s3 ? check_store(worker, job) : keeper_folder_check(worker, job);
        break;
    }
    job->result = r;
}
