/* nvr export: a range of a camera as a file, through the running server. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "src/cli/cli.h"

#define POLL_MS 250
#define PATH_SIZE 160

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static int parse_request(const struct cli_options *options, json_t **ret_request)
{
    int64_t start, end, speed = 0;
    uint64_t number;

    if (options->args_count != 3 || !nvr_slug_is_valid(options->args[0]))
        return cli_usage_error("nvr export CAMERA START END [-o FILE] [--timelapse N] [--no-audio] "
                               "[--timestamps]");
    if (nvr_time_parse(options->args[1], &start) < 0 || nvr_time_parse(options->args[2], &end) < 0)
        return cli_usage_error("START and END: 2026-01-02T03:04:05Z, or ms since 1970");
    if (options->timelapse) {
        if (nvr_str_to_u64(nvr_str_from(options->timelapse), 3600, &number) < 0)
            return cli_usage_error("--timelapse: 2 to 3600 times as fast");
        speed = (int64_t)number;
    }
    *ret_request =
        json_pack("{s:[{s:s, s:I, s:I}], s:b, s:b, s:o, s:i}", "items", "camera", options->args[0],
                  "start", (json_int_t)start, "end", (json_int_t)end, "audio", !options->no_audio,
                  "timestamps", options->timestamps, "timelapse",
                  options->timelapse ? json_pack("{s:I}", "speed", (json_int_t)speed) : json_null(),
                  "expires_days", 1);
    return *ret_request ? CLI_DONE : CLI_FAILED;
}

static void wait_a_moment(void)
{
    const struct timespec time = {.tv_nsec = POLL_MS * 1000000L};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
}

static bool is_over(const json_t *job)
{
    const char *state = "";

    (void)nvr_json_get_str(job, "state", &state);
    return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
}

static void show_progress(const json_t *job)
{
    double progress = 0;
    int64_t eta = -1;

    (void)nvr_json_get_double(job, "progress", 0, 1, &progress);
    if (json_is_integer(json_object_get(job, "eta_s")))
        (void)nvr_json_get_int(job, "eta_s", 0, INT64_MAX, &eta);
    if (eta >= 0)
        (void)fprintf(stderr, "\r%3.0f %%  %lld s left   ", progress * 100, (long long)eta);
    else
        (void)fprintf(stderr, "\r%3.0f %%               ", progress * 100);
}

/* Steals job. What became of it, or NULL: told on stderr. */
static json_t *follow_take(const struct cli_options *options, json_t *job)
{
    const char *id = "";
    char path[PATH_SIZE];
    bool cancelled = false;

    while (job && !is_over(job)) {
        (void)nvr_json_get_str(job, "id", &id);
        if (interrupted && !cancelled) {
            cancelled = true;
            (void)nvr_fmt(path, sizeof(path), "/api/v1/exports/%s/cancel", id);
            json_decref(job);
            job = cli_call(options, "POST", path, NULL);
            continue;
        }
        show_progress(job);
        (void)nvr_fmt(path, sizeof(path), "/api/v1/exports/%s", id);
        json_decref(job);
        wait_a_moment();
        job = cli_get(options, path);
    }
    (void)fputs("\r                          \r", stderr);
    return job;
}

/* A name that is free: never written over. */
static int open_target(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0)
        (void)fprintf(stderr, "nvr: '%s': %s\n", path, nvr_strerror(-errno));
    return fd;
}

static int save(const struct cli_options *options, const json_t *file, size_t number)
{
    const char *name = "";
    const char *url = "";
    char target[PATH_MAX];
    int fd;
    int r;

    (void)nvr_json_get_str(file, "name", &name);
    (void)nvr_json_get_str(file, "url", &url);
    if (!name[0] || strchr(name, '/'))
        return CLI_FAILED;
    if (options->output && number > 0)
        r = nvr_fmt(target, sizeof(target), "%s.%zu", options->output, number + 1);
    else
        r = nvr_fmt(target, sizeof(target), "%s", options->output ? options->output : name);
    fd = r < 0 ? -1 : open_target(target);
    if (fd < 0)
        return CLI_FAILED;
    r = cli_fetch(options, url, fd);
    if (close(fd) < 0)
        r = CLI_FAILED;
    if (r != CLI_DONE || interrupted)
        (void)unlink(target);
    else if (!options->json)
        (void)printf("%s\n", target);
    return interrupted ? CLI_FAILED : r;
}

static int fetch_all(const struct cli_options *options, const json_t *job)
{
    const char *state = "";
    const char *words = "it was cancelled";
    const json_t *file;
    int r = CLI_DONE;
    size_t i;

    (void)nvr_json_get_str(job, "state", &state);
    if (strcmp(state, "done") != 0) {
        (void)nvr_json_get_str(json_object_get(job, "error"), "message", &words);
        (void)fprintf(stderr, "nvr: no file: %s\n", words);
        return CLI_FAILED;
    }
    json_array_foreach(json_object_get(job, "files"), i, file)
    {
        if (r == CLI_DONE)
            r = save(options, file, i);
    }
    return r;
}

int cmd_export(const struct cli_options *options)
{
    const struct sigaction action = {.sa_handler = on_interrupt};
    NVR_AUTO_JSON request = NULL;
    const char *id = "";
    char path[PATH_SIZE];
    int r = parse_request(options, &request);

    if (r != CLI_DONE)
        return r;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    NVR_AUTO_JSON job = follow_take(options, cli_call(options, "POST", "/api/v1/exports", request));

    if (!job)
        return CLI_FAILED;
    r = fetch_all(options, job);
    if (options->json)
        (void)cli_print_json(job);
    /* It is here now, or nowhere. */
    (void)nvr_json_get_str(job, "id", &id);
    (void)nvr_fmt(path, sizeof(path), "/api/v1/exports/%s", id);
    NVR_AUTO_JSON gone = cli_call(options, "DELETE", path, NULL);

    return r;
}
