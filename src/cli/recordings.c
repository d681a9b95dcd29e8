/* nvr recordings list|reindex|adopt|check|repair */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "src/cli/cli.h"
#include "src/supervisor/supervisor.h"

NVR_LOG_TOPIC("reindex");

static void print_recording(const json_t *item)
{
    const char *id = "";
    const char *camera = "";
    const char *codec = "";
    int64_t start = 0;
    int64_t duration = 0;
    int64_t size = 0;
    char when[NVR_RFC3339_SIZE];
    char bytes[24];

    (void)nvr_json_get_str(item, "id", &id);
    (void)nvr_json_get_str(item, "camera", &camera);
    (void)nvr_json_get_str(item, "codec", &codec);
    (void)nvr_json_get_int(item, "start", 0, INT64_MAX, &start);
    (void)nvr_json_get_int(item, "duration_ms", 0, INT64_MAX, &duration);
    (void)nvr_json_get_int(item, "size", 0, INT64_MAX, &size);
    nvr_rfc3339_format(start, when);
    cli_format_bytes((double)size, bytes, sizeof(bytes));
    (void)printf("%-36s %-16s %s %8.1f s %10s %s\n", id, camera, when, (double)duration / 1000,
                 bytes, codec);
}

static int list(const struct cli_options *options)
{
    char path[160] = "/api/v1/recordings?limit=100";
    const json_t *item;
    size_t i;

    if (options->args_count == 2) {
        if (!nvr_slug_is_valid(options->args[1]))
            return cli_usage_error("'%s' is not a camera id", options->args[1]);
        (void)snprintf(path, sizeof(path), "/api/v1/recordings?limit=100&camera=%s",
                       options->args[1]);
    }
    NVR_AUTO_JSON body = cli_get(options, path);

    if (!body)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(body);
    json_array_foreach(json_object_get(body, "items"), i, item) print_recording(item);
    return CLI_DONE;
}

#define PROGRESS_MS 1000      /* a terminal's line is written anew so often … */
#define PROGRESS_LOG_MS 10000 /* … and a log gets another one */

struct reindex {
    struct nvr_supervisor *supervisor;
    struct nvr_reindex_result result;
    int64_t told_ms; /* monotonic */
    bool terminal, told;
};

/* On standard error: what is piped stays the result alone. */
static void on_progress(const char *camera_id, size_t done, size_t count, void *arg)
{
    struct reindex *reindex = arg;
    const int64_t now_ms = nvr_clock_mono_ms();

    if (now_ms - reindex->told_ms < (reindex->terminal ? PROGRESS_MS : PROGRESS_LOG_MS))
        return;
    reindex->told_ms = now_ms;
    reindex->told = true;
    (void)fprintf(stderr,
                  reindex->terminal ? "\r\033[K%s: %zu of %zu files" : "%s: %zu of %zu files\n",
                  camera_id, done, count);
    (void)fflush(stderr);
}

static void on_stopped(void *arg)
{
    (void)arg;
}

static void on_done(const struct nvr_reindex_result *result, void *arg)
{
    struct reindex *reindex = arg;

    reindex->result = *result;
    if (reindex->terminal && reindex->told)
        (void)fputs("\r\033[K", stderr);
    nvr_supervisor_stop(reindex->supervisor, on_stopped, reindex);
}

static int run_reindex(const struct cli_options *options, struct nvr_reindex_result *ret_result)
{
    static const struct nvr_reindex_hooks hooks = {.on_progress = on_progress, .on_done = on_done};
    struct reindex task = {.told_ms = nvr_clock_mono_ms(), .terminal = isatty(STDERR_FILENO)};
    struct cli_paths paths;
    uv_loop_t loop;
    int r;

    if (cli_find_paths(options, &paths) < 0 || uv_loop_init(&loop) < 0)
        return CLI_FAILED;
    const struct nvr_supervisor_options start = {
        .loop = &loop,
        .config_path = paths.config,
        .data_dir = paths.data,
        .camera_program = paths.camera_program,
        .media_program = paths.media_program,
        .maintenance = true,
    };

    nvr_log_set_level(NVR_LOG_WARN);
    r = nvr_supervisor_start(&start, &task.supervisor);
    if (r == -EEXIST)
        (void)fprintf(stderr, "nvr: stop Heron first; it also compares at every start\n");
    if (r == 0)
        nvr_supervisor_reindex(task.supervisor, &hooks, &task);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    nvr_supervisor_free(task.supervisor);
    (void)uv_loop_close(&loop);
    *ret_result = task.result;
    return r < 0 ? CLI_FAILED : CLI_DONE;
}

static void print_words(FILE *file, const struct nvr_reindex_result *result)
{
    (void)fprintf(file,
                  "%u recordings indexed, %u of them repaired; %u damaged, %u not readable, "
                  "%u rows dropped\n",
                  result->indexed, result->repaired, result->damaged, result->failed,
                  result->dropped);
}

static int reindex(const struct cli_options *options)
{
    struct nvr_reindex_result result = {0};

    if (run_reindex(options, &result) != CLI_DONE)
        return CLI_FAILED;
    if (options->json) {
        NVR_AUTO_JSON json =
            json_pack("{s:i, s:i, s:i, s:i, s:i}", "indexed", (int)result.indexed, "repaired",
                      (int)result.repaired, "damaged", (int)result.damaged, "failed",
                      (int)result.failed, "dropped", (int)result.dropped);

        (void)cli_print_json(json);
    } else {
        print_words(stdout, &result);
    }
    return result.failed ? CLI_FAILED : CLI_DONE;
}

/* The index is made to say what is on the disk, then it is looked whether all is well now. */
static int repair(const struct cli_options *options)
{
    struct nvr_reindex_result result = {0};

    (void)fputs("comparing files and index …\n", stderr);
    if (run_reindex(options, &result) != CLI_DONE)
        return CLI_FAILED;
    print_words(stderr, &result);
    return cli_recordings_check(options);
}

/* The disk that is there now is the one that is meant. */
static int adopt(const struct cli_options *options)
{
    const char *path = "";
    NVR_AUTO_JSON body =
        cli_call(options, "POST", "/api/v1/system/storage/locations/hot/adopt", NULL);

    if (!body)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(body);
    (void)nvr_json_get_str(body, "path", &path);
    (void)printf("Recordings go to %s from now on.\n", path);
    return CLI_DONE;
}

int cmd_recordings(const struct cli_options *options)
{
    const char *verb = options->args_count ? options->args[0] : "";

    if (strcmp(verb, "list") == 0 && options->args_count <= 2)
        return list(options);
    if (strcmp(verb, "reindex") == 0 && options->args_count == 1)
        return reindex(options);
    if (strcmp(verb, "adopt") == 0 && options->args_count == 1)
        return adopt(options);
    if (strcmp(verb, "check") == 0 && options->args_count == 1)
        return cli_recordings_check(options);
    if (strcmp(verb, "repair") == 0 && options->args_count == 1)
        return repair(options);
    if (strcmp(verb, "protect") == 0)
        return cli_recordings_protect(options);
    if (strcmp(verb, "unprotect") == 0)
        return cli_recordings_unprotect(options);
    if (strcmp(verb, "delete") == 0)
        return cli_recordings_delete(options);
    return cli_usage_error(
        "nvr recordings list [CAMERA] | protect | unprotect | delete | reindex | "
        "adopt | check | repair");
}
