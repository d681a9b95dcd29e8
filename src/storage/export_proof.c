/* The end of an exported file: the proof behind it, then its name. Pool thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/media/gaps.h"
#include "lib/media/timeline.h"
#include "lib/store/causes.h"
#include "lib/store/evidence.h"
#include "src/storage/exports_private.h"

NVR_LOG_TOPIC("export");

#define PERIODS_MAX 10000

struct item_gaps {
    const struct nvr_export_item *item;
    struct nvr_ranges ranges;
    struct nvr_cause_period *periods;
    size_t periods_count, periods_cap;
};

static int add_span(int64_t start_ms, int64_t end_ms, int64_t size, void *arg)
{
    struct item_gaps *gaps = arg;

    (void)size;
    return nvr_ranges_add(&gaps->ranges, NVR_MAX(start_ms, gaps->item->start_ms),
                          NVR_MIN(end_ms, gaps->item->end_ms), NVR_TIMELINE_JOIN_MS);
}

static int add_period(const struct nvr_cause_period *period, void *arg)
{
    struct item_gaps *gaps = arg;

    if (gaps->periods_count == gaps->periods_cap) {
        const size_t cap = NVR_MAX(2 * gaps->periods_cap, (size_t)64);
        struct nvr_cause_period *grown =
            cap > PERIODS_MAX ? NULL : realloc(gaps->periods, cap * sizeof(*grown));

        if (!grown)
            return cap > PERIODS_MAX ? 1 : -ENOMEM;
        gaps->periods = grown;
        gaps->periods_cap = cap;
    }
    gaps->periods[gaps->periods_count++] = *period;
    return 0;
}

static int add_gaps(struct nvr_proof *proof, struct nvr_db *db, const struct nvr_export_item *item)
{
    struct item_gaps gaps = {.item = item};
    struct nvr_gaps found = {0};
    int r = nvr_recordings_spans(db, item->camera, item->start_ms, item->end_ms, add_span, &gaps);

    if (r == 0)
        r = nvr_causes_each(db, item->camera, item->start_ms, item->end_ms, add_period, &gaps);
    if (r == 0)
        r = nvr_gaps_find(&gaps.ranges, gaps.periods, gaps.periods_count, item->start_ms,
                          item->end_ms, &found);
    for (size_t i = 0; r == 0 && i < found.count; i++)
        r = nvr_proof_add_gap(proof, item->camera, found.items[i].start_ms, found.items[i].end_ms,
                              nvr_cause_name(found.items[i].cause));
    nvr_gaps_done(&found);
    nvr_ranges_done(&gaps.ranges);
    free(gaps.periods);
    return r;
}

/* The first checkpoint behind the newest segment of each camera: it was known then already. */
static int add_checkpoints(struct nvr_proof *proof, struct nvr_db *db)
{
    const struct nvr_proof_segment *segments;
    const size_t count = nvr_proof_get_segments(proof, &segments);
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct nvr_evidence_checkpoint checkpoint;
        bool newest = true;

        /* Segments of a camera stand together; the last one of a run speaks for it. */
        if (i + 1 < count && strcmp(segments[i].link.camera, segments[i + 1].link.camera) == 0)
            newest = false;
        if (!newest)
            continue;
        r = nvr_evidence_checkpoint_from(db, segments[i].link.camera, segments[i].link.seq,
                                         &checkpoint);
        if (r == 0)
            r = nvr_proof_add_checkpoint(proof, &checkpoint);
        else if (r == -ENOENT)
            r = 0;
    }
    return r;
}

static int fill_proof(const struct export_finish *finish)
{
    uint8_t container[NVR_SHA256_SIZE];
    struct nvr_db *db;
    int r = nvr_hex_decode(finish->container, container, sizeof(container));

    if (r < 0)
        return r;
    r = nvr_store_read_begin(finish->store, &db);
    if (r < 0)
        return r;
    for (size_t i = finish->first_item; r == 0 && i <= finish->last_item; i++) {
        const struct nvr_export_item *item = &finish->spec->items[i];

        r = nvr_proof_add_item(finish->proof, item->camera, item->start_ms, item->end_ms);
        if (r == 0)
            r = add_gaps(finish->proof, db, item);
    }
    if (r == 0)
        r = add_checkpoints(finish->proof, db);
    nvr_store_read_end(finish->store, db);
    return r < 0 ? r : nvr_proof_set_container(finish->proof, container);
}

static int append_proof(const struct export_finish *finish, int fd)
{
    uint8_t signature[NVR_SIGNATURE_SIZE];
    struct nvr_buf buf;
    int r = fill_proof(finish);

    if (r < 0)
        return r;
    nvr_buf_init(&buf, NVR_PROOF_SIZE_MAX);
    r = nvr_proof_message(finish->proof, &buf);
    if (r >= 0)
        nvr_signing_key_sign(finish->key, buf.data, buf.len, signature);
    nvr_buf_reset(&buf);
    if (r >= 0)
        r = nvr_proof_finish(finish->proof, signature, &buf);
    if (r >= 0 && lseek(fd, 0, SEEK_END) < 0)
        r = -errno;
    if (r >= 0)
        r = nvr_fd_write_all(fd, buf.data, buf.len);
    nvr_buf_done(&buf);
    return NVR_MIN(r, 0);
}

int export_finish_file(struct export_finish *finish)
{
    NVR_AUTO_FD int fd = open(finish->temp, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    int r = 0;

    if (fd < 0)
        return -errno;
    if (finish->proof)
        r = append_proof(finish, fd);
    if (r < 0)
        return log_err(r, "the proof of '%s'", finish->path);
    if (fsync(fd) < 0 || fstat(fd, &st) < 0 || rename(finish->temp, finish->path) < 0)
        return -errno;
    finish->size = st.st_size;
    return nvr_fsync_parent(finish->path);
}
