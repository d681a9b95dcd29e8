/* Batches of files through processes that crash and hang, played by a fake: every file is answered
 * for once, and a bad one costs nobody but itself. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "src/supervisor/indexer.h"
#include "src/supervisor/private.h"

#define FILES_MAX 1000
#define TURNS_MAX 10000

/* ---- processes ---- */

struct nvr_job {
    json_t *params;
    nvr_job_done done;
    nvr_job_request on_request;
    void *arg;
    bool used;
    unsigned timeout_ms;
};

static struct nvr_job jobs[INDEXER_LANES + 1];
static unsigned processes, together, answers_late;
static int refuse; /* the error of the next start */

int nvr_supervisor_job(struct nvr_supervisor *sv, const char *role, json_t *params, int fd_take,
                       unsigned timeout_ms, nvr_job_done done, void *arg, struct nvr_job **ret_job)
{
    unsigned running = 0;
    struct nvr_job *job = NULL;

    (void)sv;
    assert_string_equal(role, "index");
    assert_int_equal(timeout_ms, NVR_JOB_TIMEOUT_MAX_MS);
    assert_true(fd_take >= 0);
    (void)close(fd_take);
    if (refuse) {
        json_decref(params);
        return refuse;
    }
    for (size_t i = 0; i < NVR_ARRAY_SIZE(jobs); i++) {
        running += jobs[i].used;
        if (!jobs[i].used && !job)
            job = &jobs[i];
    }
    assert_non_null(job);
    together = NVR_MAX(together, running + 1);
    processes++;
    *job = (struct nvr_job){.params = params, .done = done, .arg = arg, .used = true};
    assert_in_range(json_array_size(json_object_get(params, "paths")), 1, INDEXER_BATCH_MAX);
    *ret_job = job;
    return 0;
}

void nvr_supervisor_job_listen(struct nvr_job *job, nvr_job_request fn)
{
    job->on_request = fn;
}

void nvr_supervisor_job_extend(struct nvr_job *job, unsigned timeout_ms)
{
    job->timeout_ms = timeout_ms;
}

static bool has(const char *path, const char *word)
{
    return strstr(path, word) != NULL;
}

/* NULL: it went through; else how the process ended at this file. */
static const char *work_on(struct nvr_job *job, const char *path, char *first_time)
{
    NVR_AUTO_JSON params = NULL;

    if (has(path, "crash"))
        return "crashed";
    if (has(path, "hang"))
        return "timeout";
    if (has(path, "once") && *first_time) {
        *first_time = 0;
        return "crashed";
    }
    params = has(path, "bad") ? json_pack("{s:s, s:s}", "code", "not_mp4", "message", "no")
                              : json_pack("{s:{s:s}}", "result", "path", path);
    job->on_request(&(struct nvr_rpc_request){.method = "indexed", .params = params, .id = -1},
                    job->arg);
    assert_true(job->timeout_ms >= 30000);
    return NULL;
}

static void run_job(struct nvr_job *job, char *first_time)
{
    struct nvr_job was = *job;
    struct nvr_job_result result = {.error = -ECONNRESET};
    json_t *paths = json_object_get(was.params, "paths");
    const json_t *path;
    size_t i;

    json_array_foreach(paths, i, path)
    {
        result.error_code = work_on(job, json_string_value(path), first_time);
        if (result.error_code)
            break;
    }
    if (!result.error_code) { /* too much said, in the end: it must not be believed */
        NVR_AUTO_JSON more = json_pack("{s:{}}", "result");

        result.error = 0;
        job->on_request(&(struct nvr_rpc_request){.method = "indexed", .params = more, .id = -1},
                        job->arg);
        answers_late++;
    }
    job->used = false;
    was.done(&result, was.arg);
    json_decref(was.params);
}

/* ---- whoever asks ---- */

struct asker {
    struct reconcile_file files[FILES_MAX];
    size_t count;
    unsigned answers[FILES_MAX];
    const char *codes[FILES_MAX];
    bool done, full;
};

static void on_indexed(const struct reconcile_file *file, const json_t *result, void *arg)
{
    struct asker *asker = arg;
    const char *path = "";

    (void)nvr_json_get_str(result, "path", &path);
    assert_string_equal(path, file->path);
    asker->answers[file - asker->files]++;
}

static void on_failed(const struct reconcile_file *file, const char *code, const char *message,
                      void *arg)
{
    static const char *const known[] = {"crashed", "timeout", "not_mp4", "internal"};
    struct asker *asker = arg;

    (void)message;
    asker->answers[file - asker->files]++;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(known); i++)
        if (strcmp(code, known[i]) == 0)
            asker->codes[file - asker->files] = known[i];
}

static void on_done(void *arg)
{
    struct asker *asker = arg;

    assert_false(asker->done);
    asker->done = true;
}

static bool has_room(void *arg)
{
    const struct asker *asker = arg;

    return !asker->full;
}

struct world {
    uv_loop_t loop;
    struct nvr_supervisor sv;
    struct indexer *indexer;
    struct asker asker;
};

static void add(struct world *w, const char *word)
{
    struct reconcile_file *file = &w->asker.files[w->asker.count];
    char path[64];

    assert_true(w->asker.count < FILES_MAX);
    (void)nvr_fmt(path, sizeof(path), "cam/%s-%zu.mp4", word, w->asker.count);
    file->path = strdup(path);
    file->size = 1000;
    w->asker.count++;
}

static struct world *begin(void)
{
    static const struct indexer_hooks hooks = {
        .on_indexed = on_indexed, .on_failed = on_failed, .on_done = on_done, .has_room = has_room};
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->sv.loop = &w->loop;
    (void)nvr_fmt(w->sv.recordings_dir, sizeof(w->sv.recordings_dir), "/");
    assert_int_equal(indexer_new(&w->sv, &hooks, &w->asker, &w->indexer), 0);
    processes = together = answers_late = 0;
    refuse = 0;
    return w;
}

static void turn(struct world *w, char *first_time)
{
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(jobs); i++)
        if (jobs[i].used)
            run_job(&jobs[i], first_time);
}

static void run_all(struct world *w)
{
    char first_time = 1;

    indexer_start(w->indexer, w->asker.files, w->asker.count);
    assert_false(w->asker.done);
    for (int i = 0; i < TURNS_MAX && !w->asker.done; i++)
        turn(w, &first_time);
    assert_true(w->asker.done);
    for (size_t i = 0; i < w->asker.count; i++)
        assert_int_equal(w->asker.answers[i], 1);
}

static void end(struct world *w)
{
    indexer_stop(w->indexer);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    indexer_free(w->indexer);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    for (size_t i = 0; i < w->asker.count; i++)
        free(w->asker.files[i].path);
    free(w);
}

/* ---- tests ---- */

static void many_files_take_few_processes(void **state)
{
    struct world *w = begin();

    (void)state;
    for (int i = 0; i < 700; i++)
        add(w, i % 100 == 7 ? "bad" : "good");
    run_all(w);
    assert_int_equal(processes, (700 + INDEXER_BATCH_MAX - 1) / INDEXER_BATCH_MAX);
    assert_int_equal(together, INDEXER_LANES);
    assert_int_equal(answers_late, processes);
    for (size_t i = 0; i < 700; i++)
        assert_string_equal(w->asker.codes[i] ? w->asker.codes[i] : "",
                            i % 100 == 7 ? "not_mp4" : "");
    end(w);
}

static void a_hostile_file_costs_only_itself(void **state)
{
    static const char *const words[] = {"crash", "good", "hang", "hang", "crash"};
    static const char *const codes[] = {"crashed", "", "timeout", "timeout", "crashed"};
    struct world *w = begin();

    (void)state;
    for (int i = 0; i < 200; i++)
        add(w, "good");
    for (int i = 0; i < 5; i++)
        add(w, words[i]);
    for (int i = 0; i < 200; i++)
        add(w, "good");
    add(w, "crash");
    run_all(w);
    for (size_t i = 0; i < w->asker.count; i++) {
        const char *expected = i >= 200 && i < 205       ? codes[i - 200]
                               : i == w->asker.count - 1 ? "crashed"
                                                         : "";

        assert_string_equal(w->asker.codes[i] ? w->asker.codes[i] : "", expected);
    }
    assert_true(processes <= 4 + 2 * 6);
    end(w);
}

static void who_crashed_once_gets_another_chance(void **state)
{
    struct world *w = begin();

    (void)state;
    for (int i = 0; i < 10; i++)
        add(w, i == 4 ? "once" : "good");
    run_all(w);
    for (size_t i = 0; i < 10; i++)
        assert_null(w->asker.codes[i]);
    assert_int_equal(processes, 3); /* the batch, the one alone, the rest */
    end(w);
}

static void a_process_that_cannot_start_is_told(void **state)
{
    struct world *w = begin();

    (void)state;
    for (int i = 0; i < 300; i++)
        add(w, "good");
    refuse = -ENOBUFS;
    run_all(w);
    for (size_t i = 0; i < 300; i++)
        assert_string_equal(w->asker.codes[i], "internal");
    end(w);
}

static void nothing_begins_without_room(void **state)
{
    struct world *w = begin();
    char first_time = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        add(w, "good");
    indexer_start(w->indexer, w->asker.files, w->asker.count);
    turn(w, &first_time);
    w->asker.full = true;
    const unsigned before = processes;

    for (int i = 0; i < 10; i++)
        turn(w, &first_time);
    assert_int_equal(processes, before);
    assert_false(w->asker.done);
    w->asker.full = false;
    indexer_kick(w->indexer);
    for (int i = 0; i < TURNS_MAX && !w->asker.done; i++)
        turn(w, &first_time);
    assert_true(w->asker.done);
    end(w);
}

static void no_files_are_done_at_once(void **state)
{
    struct world *w = begin();

    (void)state;
    run_all(w);
    assert_int_equal(processes, 0);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_files_take_few_processes),
        cmocka_unit_test(a_hostile_file_costs_only_itself),
        cmocka_unit_test(who_crashed_once_gets_another_chance),
        cmocka_unit_test(a_process_that_cannot_start_is_told),
        cmocka_unit_test(nothing_begins_without_room),
        cmocka_unit_test(no_files_are_done_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
