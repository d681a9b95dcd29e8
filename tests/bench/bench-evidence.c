/* bench-evidence — what evidence costs: a link of the chain (canonical text, SHA-256, Ed25519) and
 * its rows, as a part of a core at 20 cameras with segments of ten seconds. Lines: name value unit
 * limit ok|FAIL. Processor time: others may be busy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/signing_key.h"
#include "lib/media/byte_check.h"
#include "lib/store/db.h"
#include "lib/store/evidence.h"

#define CAMERAS 20
#define SEGMENTS_PER_SECOND 2.0 /* of all cameras together */
#define LINKS 20000
#define SCRUB_BYTES (64 * 1024 * 1024)
#define SCRUB_PER_SECOND 4e6 /* the default */
#define T0 1760000000000LL

static int failures;

static void print(const char *name, double value, const char *unit, double limit)
{
    const bool ok = limit == 0 || value <= limit;

    printf("%-28s %12.4f %-4s %10.3f %s\n", name, value, unit, limit, ok ? "ok" : "FAIL");
    failures += !ok;
}

static double cpu_s(void)
{
    struct timespec cpu = {0};

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

static int extend(struct nvr_db *db, void *arg)
{
    struct nvr_evidence_link link = {.size = 2500000};
    int r = 0;

    (void)arg;
    for (int64_t i = 0; r == 0 && i < LINKS; i++) {
        link.start_ms = T0 + i / CAMERAS * 10000;
        link.end_ms = link.start_ms + 10000;
        memset(link.sha256, (int)(i & 0xff), sizeof(link.sha256));
        r = nvr_fmt(link.camera, sizeof(link.camera), "camera-%02d", (int)(i % CAMERAS)) < 0
                ? -EINVAL
                : nvr_evidence_extend(db, &link);
    }
    return r;
}

static int bench_chain(const char *folder)
{
    NVR_AUTO(nvr_signing_key) key = NULL;
    struct nvr_store *store = NULL;
    char path[128];
    double before;
    int r = nvr_path_join(path, sizeof(path), folder, "evidence.key");

    if (r == 0)
        r = nvr_signing_key_open(path, &key);
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), folder, "nvr.db");
    if (r == 0)
        r = nvr_store_open(path, &store);
    if (r == 0)
        r = nvr_store_set_key(store, key);
    if (r == 0)
        r = nvr_store_flush(store, 10000);
    before = cpu_s();
    if (r == 0)
        r = nvr_store_write(store, extend, NULL, NULL);
    if (r == 0)
        r = nvr_store_flush(store, 120000);
    const double each_us = (cpu_s() - before) * 1e6 / LINKS;

    nvr_store_close(store);
    print("evidence.link", each_us, "us", 0);
    print("evidence.chain_20_cameras", each_us * SEGMENTS_PER_SECOND / 1e4, "%", 1);
    return r;
}

/* What reading a stored file again costs, without the reading itself. */
static int bench_check(void)
{
    static uint8_t data[1024 * 1024];
    struct nvr_byte_check check;
    const uint8_t none[NVR_SHA256_SIZE] = {0};
    const double before = cpu_s();

    nvr_byte_check_init(&check, NULL, 0);
    for (size_t at = 0; at < SCRUB_BYTES; at += sizeof(data))
        nvr_byte_check_update(&check, data, sizeof(data));
    if (nvr_byte_check_finish(&check, none))
        return -EINVAL;
    print("evidence.scrub_default_rate", (cpu_s() - before) / SCRUB_BYTES * SCRUB_PER_SECOND * 100,
          "%", 5);
    return 0;
}

int main(void)
{
    static const char *const names[] = {"evidence.key", "nvr.db", "nvr.db-wal", "nvr.db-shm",
                                        "nvr.db.lock"};
    char folder[] = "/var/tmp/nvr-bench-evidence-XXXXXX";
    char path[128];
    int r;

    nvr_log_set_level(NVR_LOG_WARN);
    if (!mkdtemp(folder))
        return 1;
    r = bench_chain(folder);
    if (r == 0)
        r = bench_check();
    for (size_t i = 0; i < NVR_ARRAY_SIZE(names); i++)
        if (nvr_path_join(path, sizeof(path), folder, names[i]) == 0)
            (void)unlink(path);
    (void)rmdir(folder);
    if (r < 0)
        (void)fprintf(stderr, "bench-evidence: %s\n", nvr_strerror(r));
    return r < 0 || failures > 0;
}
