#include "src/camera/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/ipc/post.h"
#include "lib/ring/ring.h"
#include "src/camera/gate.h"
#include "src/camera/segment_writer.h"
#include "src/camera/trouble.h"

NVR_LOG_TOPIC("recorder");

#define RINGS_MAX 4
#define IDLE_WAIT_MS 10000
#define FLUSH_BYTES (512 * 1024)
#define THREAD_STACK (512 * 1024)
#define SLOW_MS 1000 /* a call to the disk that took longer explains why the ring overran */

struct nvr_recorder {
    /* set before the thread starts, then constant */
    char camera[NVR_SLUG_SIZE];
    int root_fd;
    int64_t length_us;
    int64_t flush_ms; /* 0: only at the end of a file */
    int64_t retry_after_ms, hung_ms;
    const struct nvr_recorder_handlers *handlers;
    void *arg;
    struct nvr_post *post;
    pthread_t thread;

    /* shared, under lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool kicked, finish, stop, ended;
    bool ring_lost;       /* one went unread */
    int rings[RINGS_MAX]; /* descriptors to read next, owned */
    size_t rings_count;
    struct nvr_window window; /* newest wish of the core, when … */
    int64_t window_now_us;    /* … the stream was here */
    bool window_new;          /* the thread has not taken it yet */
    bool idle;                /* nothing is wanted: no reason to wake the thread */
    bool tidy, expired;       /* let old rings go; the window is over though no frame says so */
    struct nvr_recorder_state state;

    /* the loop's own, monotonic */
    int64_t ring_ms;               /* when the newest ring came */
    int64_t expire_ms;             /* when the window is over for sure */
    _Atomic int64_t busy_since_ms; /* monotonic: when the thread last moved; 0: it waits for work */
    bool told_hung;                /* the loop's own */

    /* the thread's own */
    struct nvr_gate gate;
    struct nvr_ring_reader *reader;
    struct nvr_segment_writer *writer;
    struct nvr_ring_init init; /* of the reader's epoch; size 0: unknown */
    struct nvr_segment_cut cut;
    int64_t retry_ms; /* monotonic; nothing is written before; 0: no trouble */
    int64_t sync_ms;  /* monotonic; what is not durable is made so then; 0: all is */
    int64_t last_us;  /* end of the newest fragment of this window that is kept; 0: none yet */
    int64_t seen_us;  /* end of the newest one that came, kept or not */
    int64_t shown_us; /* end of the newest one with a picture; 0: none yet */
    int64_t gap_us;   /* since then what comes is lost; 0: nothing is */
    enum nvr_recorder_cause gap_cause;
    bool slow; /* the disk was, since the last time that all was written */
    uint64_t closed_bytes;
};

/* What crosses to the loop. */
struct report {
    struct nvr_recorder *recorder;
    enum { REPORT_STATE, REPORT_SEGMENT, REPORT_GAP } kind;
    struct nvr_segment segment;
    bool recording;
    char error[200];
    int64_t from_us, to_us;
    enum nvr_recorder_cause cause;
};

static void copy_text(char *dst, size_t dst_size, const char *text)
{
    (void)snprintf(dst, dst_size, "%s", text);
}

/* ---- reports, from the thread to the loop ---- */

static void on_report(void *arg)
{
    struct report *report = arg;
    const struct nvr_recorder *r = report->recorder;

    if (report->kind == REPORT_SEGMENT)
        r->handlers->on_segment(&report->segment, r->arg);
    else if (report->kind == REPORT_GAP)
        r->handlers->on_gap(report->from_us, report->to_us, report->cause, r->arg);
    else
        r->handlers->on_state(report->recording, report->error[0] ? report->error : NULL, r->arg);
    nvr_segment_done(&report->segment);
    free(report);
}

static void send_report(struct nvr_recorder *r, struct report *report)
{
    struct report *copy = malloc(sizeof(*copy));

    if (copy) {
        *copy = *report;
        copy->recorder = r;
        if (nvr_post_send(r->post, on_report, copy) == 0)
            return;
        free(copy);
    }
    nvr_segment_done(&report->segment); /* reconciliation finds the file */
    log_warn("out of memory: the core is not told what was recorded");
}

static void set_state(struct nvr_recorder *r, const char *error)
{
    struct report report = {.recording = r->writer != NULL};

    (void)pthread_mutex_lock(&r->lock);
    r->state.active = r->writer != NULL;
    r->state.start_ms = r->writer ? nvr_segment_writer_get(r->writer)->start_us / 1000 : 0;
    copy_text(r->state.file, sizeof(r->state.file),
              r->writer ? nvr_segment_writer_get(r->writer)->path : "");
    copy_text(r->state.error, sizeof(r->state.error), error ? error : "");
    (void)pthread_mutex_unlock(&r->lock);
    copy_text(report.error, sizeof(report.error), error ? error : "");
    send_report(r, &report);
}

/* ---- what is lost ---- */

static void begin_gap(struct nvr_recorder *r, enum nvr_recorder_cause cause)
{
    if (r->gap_us || !r->last_us) /* nothing was recorded yet: nothing broke off */
        return;
    r->gap_us = r->last_us;
    r->gap_cause = cause;
}

static void end_gap(struct nvr_recorder *r, int64_t to_us)
{
    struct report report = {
        .kind = REPORT_GAP, .from_us = r->gap_us, .to_us = to_us, .cause = r->gap_cause};

    if (!r->gap_us)
        return;
    r->gap_us = 0;
    r->last_us = NVR_MAX(r->last_us, to_us);
    if (report.to_us > report.from_us)
        send_report(r, &report);
}

/* ---- trouble with the disk ---- */

/* Before each call to the disk: the loop sees by it how long one takes. */
static void touch(struct nvr_recorder *r)
{
    const int64_t now_ms = nvr_clock_mono_ms();
    const int64_t before_ms = atomic_exchange(&r->busy_since_ms, now_ms);

    if (before_ms && now_ms - before_ms > SLOW_MS)
        r->slow = true;
}

static void close_file(struct nvr_recorder *r, int *ret_error)
{
    struct report report = {.kind = REPORT_SEGMENT};
    const char *path;
    int flushed;

    *ret_error = 0;
    if (!r->writer)
        return;
    path = nvr_segment_writer_get(r->writer)->path;
    r->closed_bytes += nvr_segment_writer_get_size(r->writer);
    log_debug("close %s", path);
    touch(r);
    flushed = nvr_segment_writer_flush(r->writer);
    if (flushed < 0)
        r->last_us = nvr_segment_writer_get_end_us(r->writer);
    if (nvr_segment_writer_close(r->writer, &report.segment, ret_error) == 1)
        send_report(r, &report);
    if (*ret_error == 0)
        *ret_error = flushed;
    touch(r);
    r->writer = NULL;
    r->sync_ms = 0;
    r->cut.open = false;
    r->cut.pending = false;
}

static void fail(struct nvr_recorder *r, int error)
{
    char words[200];
    int ignored;

    if (r->writer)
        r->last_us = nvr_segment_writer_get_end_us(r->writer);
    begin_gap(r, NVR_RECORDER_DISK);
    close_file(r, &ignored);
    nvr_trouble_disk_words(error, words, sizeof(words));
    if (r->retry_ms == 0)
        (void)log_err(error, "recording is interrupted");
    r->retry_ms = nvr_clock_mono_ms() + r->retry_after_ms;
    set_state(r, words);
}

/* ---- fragments ---- */

static int begin_file(struct nvr_recorder *r, const struct nvr_ring_entry *entry)
{
    const bool was_open = r->writer != NULL;
    int error;

    close_file(r, &error);
    if (error == 0)
        error = nvr_segment_writer_open(r->root_fd, r->camera, &r->init, entry->dts_us, &r->writer);
    if (error < 0) {
        if (!r->last_us)
            r->last_us = entry->dts_us;
        fail(r, error);
        return error;
    }
    end_gap(r, entry->dts_us);
    r->gate.has_file = true;
    r->cut.open = true;
    r->cut.new_init = false;
    r->cut.start_us = entry->dts_us;
    if (r->retry_ms)
        log_info("recording resumes");
    if (!was_open || r->retry_ms) {
        set_state(r, NULL);
    } else {
        (void)pthread_mutex_lock(&r->lock);
        copy_text(r->state.file, sizeof(r->state.file), nvr_segment_writer_get(r->writer)->path);
        r->state.start_ms = nvr_segment_writer_get(r->writer)->start_us / 1000;
        (void)pthread_mutex_unlock(&r->lock);
    }
    r->retry_ms = 0;
    return 0;
}

/* Learn the init segment of the entry's epoch. */
static int follow_epoch(struct nvr_recorder *r, uint32_t epoch)
{
    const struct nvr_ring_init *open;
    int e;

    if (r->init.size && r->init.epoch == epoch)
        return 0;
    e = nvr_ring_reader_get_init(r->reader, epoch, &r->init);
    if (e < 0) {
        r->init.size = 0;
        return e;
    }
    if (r->writer) {
        open = nvr_segment_writer_get_init(r->writer);
        r->cut.new_init =
            open->size != r->init.size || memcmp(open->data, r->init.data, open->size) != 0;
    }
    return 0;
}

static void append(struct nvr_recorder *r)
{
    struct nvr_ring_entry entry;
    int e = nvr_ring_reader_next(r->reader, &entry, nvr_segment_writer_get_buf(r->writer));

    if (e != 1) /* overtaken between peek and copy: the next round sees it */
        return;
    e = nvr_segment_writer_add(r->writer, &entry);
    if (e == 0 && nvr_segment_writer_get_buf(r->writer)->len >= FLUSH_BYTES) {
        touch(r);
        e = nvr_segment_writer_flush(r->writer);
    }
    if (e < 0)
        fail(r, e);
    else
        r->last_us = NVR_MAX(r->last_us, entry.dts_us + entry.duration_us);
}

static void skip(struct nvr_recorder *r)
{
    struct nvr_ring_entry entry;
    const uint8_t *data;
    const int e = nvr_ring_reader_next_borrow(r->reader, &entry, &data);

    (void)e; /* peek answers for it in the next round */
}

/* Nothing came for a while. A picture that needs those before it cannot begin a file: then the file
 * spans the hole, and only this report says that nothing was recorded in it. */
static void tell_hole(struct nvr_recorder *r, const struct nvr_ring_entry *entry,
                      enum nvr_segment_action action)
{
    struct report report = {.kind = REPORT_GAP,
                            .from_us = r->shown_us,
                            .to_us = entry->dts_us,
                            .cause = action == NVR_SEGMENT_APPEND ? NVR_RECORDER_FROZEN
                                                                  : NVR_RECORDER_SILENT};

    if (entry->flags & NVR_RING_HOLE && r->writer && !r->gap_us && r->shown_us &&
        report.from_us < report.to_us)
        send_report(r, &report);
}

static void handle_entry(struct nvr_recorder *r, const struct nvr_ring_entry *entry)
{
    enum nvr_segment_action action;

    r->seen_us = NVR_MAX(r->seen_us, entry->dts_us + entry->duration_us);
    if (follow_epoch(r, entry->epoch) < 0) {
        skip(r);
        return;
    }
    if (r->writer)
        r->cut.bytes = nvr_segment_writer_get_size(r->writer);
    action = nvr_segment_decide(&r->cut, entry);
    tell_hole(r, entry, action);
    if (!(entry->flags & NVR_RING_AUDIO_ONLY))
        r->shown_us = entry->dts_us + entry->duration_us;
    if (r->retry_ms && nvr_clock_mono_ms() < r->retry_ms)
        action = NVR_SEGMENT_SKIP;
    if (action == NVR_SEGMENT_BEGIN && begin_file(r, entry) < 0)
        action = NVR_SEGMENT_SKIP;
    if (action == NVR_SEGMENT_SKIP) {
        skip(r);
        return;
    }
    if (entry->flags & NVR_RING_DISCONTINUITY && !(entry->flags & NVR_RING_KEY))
        r->cut.pending = true;
    append(r);
}

static void overtaken(struct nvr_recorder *r)
{
    const uint64_t before = nvr_ring_reader_get_lost(r->reader);

    touch(r);
    /* Inside of the pre-roll: as much of it as there still is. */
    if (!r->gate.has_file && !r->retry_ms &&
        nvr_ring_reader_seek_before(r->reader, r->gate.window.from_us) == 0)
        return;

    begin_gap(r, r->slow ? NVR_RECORDER_DISK : NVR_RECORDER_OVERLOAD);
    r->cut.pending = true; /* the file has a hole: begin another one */
    if (nvr_ring_reader_seek_key(r->reader) < 0)
        nvr_ring_reader_seek_end(r->reader);
    log_warn("%s is too slow: %llu fragments were not recorded",
             r->gap_cause == NVR_RECORDER_DISK ? "the disk" : "the machine",
             (unsigned long long)(nvr_ring_reader_get_lost(r->reader) - before));
}

static bool next_ring(struct nvr_recorder *r)
{
    int fd = -1;
    bool lost;
    int e;

    (void)pthread_mutex_lock(&r->lock);
    if (r->reader)
        r->state.lost += nvr_ring_reader_get_lost(r->reader);
    if (r->rings_count) {
        fd = r->rings[0];
        r->rings_count--;
        memmove(r->rings, r->rings + 1, r->rings_count * sizeof(r->rings[0]));
    }
    lost = r->ring_lost;
    r->ring_lost = false;
    (void)pthread_mutex_unlock(&r->lock);
    if (lost && r->gate.is_open) /* they came while a call to the disk took its time */
        begin_gap(r, NVR_RECORDER_DISK);
    if (fd < 0)
        return false;
    nvr_ring_reader_free(r->reader);
    r->reader = NULL;
    r->init.size = 0;
    r->gate.recorded = 0;
    e = nvr_ring_reader_open_take(fd, &r->reader);
    if (e < 0) {
        r->reader = NULL;
        (void)log_err(e, "open the ring");
    } else {
        e = nvr_ring_reader_seek_before(r->reader, r->gate.window.from_us);
        if (e < 0 && e != -ENOENT)
            (void)log_err(e, "begin of the ring");
    }
    return true;
}

/* What waits goes to the disk, and every flush_ms it is made durable. */
static void write_rest(struct nvr_recorder *r)
{
    const int64_t now_ms = nvr_clock_mono_ms();
    int e;

    if (!r->writer)
        return;
    touch(r);
    if (r->sync_ms && now_ms >= r->sync_ms) {
        r->sync_ms = 0;
        e = nvr_segment_writer_sync(r->writer);
    } else {
        e = nvr_segment_writer_flush(r->writer);
    }
    if (e < 0)
        fail(r, e);
    else if (r->flush_ms && !r->sync_ms && nvr_segment_writer_is_dirty(r->writer))
        r->sync_ms = now_ms + r->flush_ms;
}

/* ---- the window ---- */

/* Does the ring that waits next hold the whole pre-roll? */
static bool next_ring_reaches(struct nvr_recorder *r, int64_t from_us)
{
    NVR_AUTO(nvr_ring_reader) reader = NULL;
    struct nvr_ring_entry entry;
    int fd = -1;

    (void)pthread_mutex_lock(&r->lock);
    if (r->rings_count)
        fd = fcntl(r->rings[0], F_DUPFD_CLOEXEC, 3);
    (void)pthread_mutex_unlock(&r->lock);
    return fd >= 0 && nvr_ring_reader_open_take(fd, &reader) == 0 &&
           nvr_ring_reader_seek_before(reader, from_us) == 0 &&
           nvr_ring_reader_peek(reader, &entry) == 1 && entry.dts_us <= from_us;
}

/* The cursor goes back to the newest key frame before the window, but not behind what is recorded
 * already. Rings follow each other: the newest that reaches back that far, else all there are. */
static void begin_window(struct nvr_recorder *r)
{
    const int64_t from_us = r->gate.window.from_us;
    struct nvr_ring_entry entry;

    while ((!r->reader || next_ring_reaches(r, from_us)) && next_ring(r))
        continue;
    r->gate.is_open = true;
    r->last_us = r->seen_us = r->shown_us = 0;
    if (!r->reader)
        return;
    if (nvr_ring_reader_seek_before(r->reader, from_us) < 0)
        nvr_ring_reader_seek_end(r->reader);
    while (r->gate.recorded && nvr_ring_reader_peek(r->reader, &entry) == 1 &&
           entry.sequence <= r->gate.recorded)
        skip(r);
}

static void end_window(struct nvr_recorder *r, const struct nvr_ring_entry *next)
{
    int error = 0;

    r->gate.is_open = false;
    r->gate.has_file = false;
    if (next)
        r->gate.recorded = next->sequence - 1;
    else if (r->reader)
        r->gate.recorded = nvr_ring_reader_get_head(r->reader);
    if (r->writer) {
        close_file(r, &error);
        if (error < 0)
            fail(r, error);
        else
            set_state(r, NULL);
    } else if (r->state.error[0]) { /* nothing is wanted: no trouble either */
        set_state(r, NULL);
    }
    end_gap(r, next ? next->dts_us : r->seen_us); /* what comes is not wanted */
}

static void take_window(struct nvr_recorder *r, bool *ret_expired)
{
    struct nvr_window window;
    int64_t now_us;
    bool is_new;
    bool tidy;

    (void)pthread_mutex_lock(&r->lock);
    is_new = r->window_new;
    window = r->window;
    now_us = r->window_now_us;
    tidy = r->tidy;
    *ret_expired = r->expired && !is_new;
    r->window_new = r->tidy = r->expired = false;
    (void)pthread_mutex_unlock(&r->lock);
    if (is_new && nvr_gate_set(&r->gate, &window, now_us))
        begin_window(r);
    while (tidy && !r->gate.is_open && next_ring(r))
        continue;
}

/* Everything wanted that is there now. */
static void drain(struct nvr_recorder *r)
{
    struct nvr_ring_entry entry;
    bool expired;
    int e;

    take_window(r, &expired);
    while (r->gate.is_open) {
        e = r->reader ? nvr_ring_reader_peek(r->reader, &entry) : 0;
        if (e == 1 && nvr_gate_is_over(&r->gate, &entry, r->writer)) {
            end_window(r, &entry);
        } else if (e == 1) {
            handle_entry(r, &entry);
        } else if (e == -ESTALE) {
            overtaken(r);
        } else if (e < 0) {
            (void)log_err(e, "read the ring");
            nvr_ring_reader_free(r->reader);
            r->reader = NULL;
        } else if (!next_ring(r)) {
            break;
        }
    }
    if (r->gate.is_open && expired)
        end_window(r, NULL);
    write_rest(r);
    r->slow = false;
    (void)pthread_mutex_lock(&r->lock);
    r->idle = !r->gate.is_open && !r->window_new;
    r->state.bytes = r->closed_bytes + (r->writer ? nvr_segment_writer_get_size(r->writer) : 0);
    (void)pthread_mutex_unlock(&r->lock);
}

static bool wait_for_work(struct nvr_recorder *r, bool *ret_finish)
{
    struct timespec until;
    bool stop;
    int64_t wait_ms = IDLE_WAIT_MS;

    if (r->sync_ms)
        wait_ms = NVR_MIN(NVR_MAX(r->sync_ms - nvr_clock_mono_ms(), (int64_t)0), wait_ms);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (until.tv_nsec / 1000000 + wait_ms) / 1000;
    until.tv_nsec = (until.tv_nsec / 1000000 + wait_ms) % 1000 * 1000000;
    touch(r); /* was the last call a slow one? */
    atomic_store(&r->busy_since_ms, 0);
    (void)pthread_mutex_lock(&r->lock);
    while (!r->kicked && !r->finish && !r->stop)
        if (pthread_cond_timedwait(&r->wake, &r->lock, &until) == ETIMEDOUT)
            break;
    stop = r->stop;
    *ret_finish = r->finish || stop;
    r->kicked = r->finish = false;
    (void)pthread_mutex_unlock(&r->lock);
    return !stop;
}

static void *run(void *arg)
{
    struct nvr_recorder *r = arg;
    bool finish;
    bool more;
    int error;

    /* By itself: in the sandbox no thread can write another's name. */
    (void)pthread_setname_np(pthread_self(), "recorder");
    do {
        more = wait_for_work(r, &finish);
        drain(r);
        if (finish && r->writer) {
            close_file(r, &error);
            if (error < 0)
                fail(r, error);
            else
                set_state(r, NULL);
        }
        if (finish)
            end_gap(r, r->seen_us); /* from here on it is the camera's */
    } while (more);
    nvr_ring_reader_free(r->reader);
    atomic_store(&r->busy_since_ms, 0);
    (void)pthread_mutex_lock(&r->lock);
    r->ended = true;
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the loop's side ---- */

static void signal_thread(struct nvr_recorder *r, bool *flag)
{
    (void)pthread_mutex_lock(&r->lock);
    *flag = true;
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_cond_signal(&r->wake); /* behind the lock: the thread does not run into it */
}

static int start_thread(struct nvr_recorder *r)
{
    pthread_condattr_t cond;
    pthread_attr_t attr;
    int e;

    (void)pthread_condattr_init(&cond);
    (void)pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->wake, &cond);
    (void)pthread_condattr_destroy(&cond);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    e = -pthread_create(&r->thread, &attr, run, r);
    (void)pthread_attr_destroy(&attr);
    return e;
}

int nvr_recorder_new_take(uv_loop_t *loop, int root_fd, const struct nvr_recorder_options *options,
                          const struct nvr_recorder_handlers *handlers, void *arg,
                          struct nvr_recorder **ret_recorder)
{
    struct nvr_recorder *r = calloc(1, sizeof(*r));
    int e;

    if (!r) {
        (void)close(root_fd);
        return -ENOMEM;
    }
    r->root_fd = root_fd;
    r->length_us = (int64_t)options->segment_seconds * 1000000;
    r->flush_ms = options->flush_ms;
    r->retry_after_ms = options->retry_ms ? options->retry_ms : NVR_RECORDER_RETRY_MS;
    r->hung_ms = options->hung_ms ? options->hung_ms : NVR_RECORDER_HUNG_MS;
    r->cut.length_us = r->length_us;
    r->idle = true;
    r->handlers = handlers;
    r->arg = arg;
    e = nvr_str_copy(r->camera, sizeof(r->camera), nvr_str_from(options->camera));
    if (e == 0)
        e = nvr_post_new(loop, &r->post);
    if (e == 0) {
        e = start_thread(r);
        if (e < 0)
            nvr_post_free(r->post);
    }
    if (e < 0) {
        (void)close(root_fd);
        free(r);
        return e;
    }
    *ret_recorder = r;
    return 0;
}

int nvr_recorder_set_ring(struct nvr_recorder *r, int fd)
{
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int oldest = -1;

    if (copy < 0)
        return -errno;
    (void)pthread_mutex_lock(&r->lock);
    if (r->rings_count == RINGS_MAX) {
        oldest = r->rings[0];
        memmove(r->rings, r->rings + 1, --r->rings_count * sizeof(r->rings[0]));
        r->ring_lost = true;
    }
    r->rings[r->rings_count++] = copy;
    (void)pthread_mutex_unlock(&r->lock);
    r->ring_ms = nvr_clock_mono_ms();
    if (oldest >= 0)
        (void)close(oldest);
    return 0;
}

void nvr_recorder_set_window(struct nvr_recorder *r, const struct nvr_window *window,
                             int64_t now_us)
{
    const int64_t left_ms = window->until_us < INT64_MAX / 2
                                ? NVR_MAX((window->until_us - now_us) / 1000, (int64_t)0)
                                : INT64_MAX / 4;

    r->expire_ms = nvr_clock_mono_ms() + left_ms + NVR_GATE_GRACE_MS;
    (void)pthread_mutex_lock(&r->lock);
    r->window = *window;
    r->window_now_us = now_us;
    r->window_new = true;
    r->idle = false;
    (void)pthread_mutex_unlock(&r->lock);
    signal_thread(r, &r->kicked);
}

void nvr_recorder_kick(struct nvr_recorder *r)
{
    bool idle;

    (void)pthread_mutex_lock(&r->lock);
    idle = r->idle;
    (void)pthread_mutex_unlock(&r->lock);
    if (!idle)
        signal_thread(r, &r->kicked);
}

void nvr_recorder_check_window(struct nvr_recorder *r, int64_t keep_ms)
{
    const int64_t now_ms = nvr_clock_mono_ms();
    bool wake;

    (void)pthread_mutex_lock(&r->lock);
    /* Enough pre-roll is in the newest ring: the ones before are let go. */
    r->tidy = r->idle && r->rings_count && now_ms - r->ring_ms > keep_ms;
    r->expired = !r->idle && now_ms > r->expire_ms;
    wake = r->tidy || r->expired;
    (void)pthread_mutex_unlock(&r->lock);
    if (wake)
        signal_thread(r, &r->kicked);
}

void nvr_recorder_finish(struct nvr_recorder *r)
{
    signal_thread(r, &r->finish);
}

static bool is_hung(const struct nvr_recorder *r)
{
    const int64_t since_ms = atomic_load(&r->busy_since_ms);

    return since_ms && nvr_clock_mono_ms() - since_ms >= r->hung_ms;
}

void nvr_recorder_get_state(struct nvr_recorder *r, struct nvr_recorder_state *ret_state)
{
    (void)pthread_mutex_lock(&r->lock);
    *ret_state = r->state;
    (void)pthread_mutex_unlock(&r->lock);
    if (is_hung(r))
        nvr_trouble_disk_words(-ETIMEDOUT, ret_state->error, sizeof(ret_state->error));
}

void nvr_recorder_check(struct nvr_recorder *r)
{
    struct nvr_recorder_state state;
    const bool hung = is_hung(r);

    if (hung == r->told_hung)
        return;
    r->told_hung = hung;
    nvr_recorder_get_state(r, &state);
    if (hung)
        log_error("the disk does not answer");
    else
        log_info("the disk answers again");
    r->handlers->on_state(state.active, state.error[0] ? state.error : NULL, r->arg);
}

void nvr_recorder_stop(struct nvr_recorder *r)
{
    signal_thread(r, &r->stop);
}

bool nvr_recorder_is_stopped(struct nvr_recorder *r)
{
    bool ended;

    (void)pthread_mutex_lock(&r->lock);
    ended = r->ended;
    (void)pthread_mutex_unlock(&r->lock);
    return ended;
}

void nvr_recorder_free(struct nvr_recorder *r)
{
    if (!r)
        return;
    signal_thread(r, &r->stop);
    (void)pthread_join(r->thread, NULL);
    nvr_post_free(r->post);
    for (size_t i = 0; i < r->rings_count; i++)
        (void)close(r->rings[i]);
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
    (void)close(r->root_fd);
    free(r);
}
