/* A store in a folder of its own, for the tests of lib/store. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/store/cameras.h"
#include "lib/store/db.h"
#include "lib/store/migrate.h"
#include "lib/store/pack.h"
#include "lib/store/queries.h"
#include "lib/store/recordings.h"
#include "lib/store/store.h"

#define T0 1760000000000LL

struct fixture {
    char folder[64];
    char path[96];
    struct nvr_store *store;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    memcpy(f->folder, "/tmp/nvr-store-XXXXXX", sizeof("/tmp/nvr-store-XXXXXX"));
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(nvr_path_join(f->path, sizeof(f->path), f->folder, "heron.db"), 0);
    assert_int_equal(nvr_store_open(f->path, &f->store), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[160];
    pid_t pid;

    nvr_store_close(f->store);
    (void)snprintf(command, sizeof(command), "%s", f->folder);
    pid = fork();
    if (pid == 0)
        execlp("rm", "rm", "-rf", command, (char *)NULL);
    waitpid(pid, NULL, 0);
    free(f);
    return 0;
}

static struct nvr_recording make(const char *camera, int64_t start_ms, int64_t length_ms)
{
    struct nvr_recording r = {.start_ms = start_ms,
                              .end_ms = start_ms + length_ms,
                              .file_size = 1000,
                              .stream = "main",
                              .tier = "hot",
                              .codec = "h264",
                              .audio_codec = "aac",
                              .codec_string = "avc1.64001f,mp4a.40.2",
                              .width = 1920,
                              .height = 1080,
                              .fps = 25,
                              .bitrate = 2000000,
                              .init_id = "00112233445566778899aabbccddeeff",
                              .init_size = 1200,
                              .keys_count = 3};

    (void)snprintf(r.camera_id, sizeof(r.camera_id), "%s", camera);
    (void)snprintf(r.file_path, sizeof(r.file_path), "%s/x/segment_%lld.mp4", camera,
                   (long long)start_ms);
    memset(r.checksum, 'a', 64);
    r.keys[1].ms = 2000;
    r.keys[1].offset = 300;
    r.keys[2].ms = 4000;
    r.keys[2].offset = 4000000000u;
    return r;
}

static int job_upsert(struct nvr_db *db, void *arg)
{
    return nvr_recordings_upsert(db, arg);
}

NVR_UNUSED static void add(struct fixture *f, const char *camera, int64_t start_ms,
                           int64_t length_ms)
{
    struct nvr_recording r = make(camera, start_ms, length_ms);

    assert_int_equal(nvr_store_write(f->store, job_upsert, NULL, &r), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

NVR_UNUSED static struct nvr_recordings_totals totals(struct fixture *f, const char *camera)
{
    struct nvr_recordings_totals t = {0};
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_true(nvr_recordings_totals(db, camera, &t) == 0 || t.segments == 0);
    nvr_store_read_end(f->store, db);
    return t;
}

#endif
