/* What the supervisor knows, in numbers for Prometheus: set when somebody asks. */
#include "lib/base/metrics.h"
#include "lib/base/clock.h"
#include "src/supervisor/private.h"

#define GAUGE NVR_METRIC_GAUGE
#define COUNTER NVR_METRIC_COUNTER

static const struct nvr_metric build_info = {"heron_build_info",
                                             "Always 1; the version is a label.", GAUGE};
static const struct nvr_metric uptime = {"heron_uptime_seconds", "Since the core was started.",
                                         GAUGE};

static const struct nvr_metric cameras = {"heron_cameras",
                                          "Cameras of the configuration by status.", GAUGE};
static const struct nvr_metric online = {
    "heron_camera_online", "1 while the camera's main stream delivers pictures.", GAUGE};
static const struct nvr_metric active = {"heron_recording_active",
                                         "1 while a file of the camera is being written.", GAUGE};
static const struct nvr_metric frames = {
    "heron_camera_frames_total", "Pictures received since the worker was started.", COUNTER};
static const struct nvr_metric fps = {"heron_camera_frames_per_second",
                                      "Pictures a second, measured.", GAUGE};
static const struct nvr_metric bitrate = {"heron_camera_bitrate_bits_per_second",
                                          "What the stream delivers, measured.", GAUGE};
static const struct nvr_metric reconnects = {
    "heron_camera_reconnects_total", "Connections after the first one of this worker.", COUNTER};
static const struct nvr_metric dropped = {"heron_camera_dropped_packets_total",
                                          "Packets lost or refused since the worker was started.",
                                          COUNTER};
static const struct nvr_metric last_frame = {"heron_camera_last_frame_timestamp_seconds",
                                             "When the newest picture came, since 1970.", GAUGE};

static const struct nvr_metric workers = {"heron_workers", "Camera workers by state.", GAUGE};
static const struct nvr_metric restarts = {"heron_worker_restarts_total",
                                           "Unplanned ends of the camera's process.", COUNTER};
static const struct nvr_metric worker_cpu = {
    "heron_worker_cpu_seconds_total", "Processor time of the running camera process.", COUNTER};
static const struct nvr_metric zygote_starts = {
    "heron_zygote_starts_total", "Starts of the programs that sandboxed processes are forked from.",
    COUNTER};

static const struct nvr_metric commits = {"heron_database_commits_total", "Transactions.", COUNTER};
static const struct nvr_metric writes = {"heron_database_writes_total", "Write jobs.", COUNTER};
static const struct nvr_metric failed = {"heron_database_failed_writes_total",
                                         "Write jobs that failed.", COUNTER};
static const struct nvr_metric queue = {"heron_database_queue", "Write jobs waiting.", GAUGE};
static const struct nvr_metric commit_time = {"heron_database_last_commit_seconds",
                                              "What the newest transaction took.", GAUGE};

static const struct nvr_metric disk_total = {"heron_storage_total_bytes",
                                             "Size of the disk of the recordings folder.", GAUGE};
static const struct nvr_metric disk_free = {"heron_storage_free_bytes",
                                            "Free on the disk of the recordings folder.", GAUGE};
static const struct nvr_metric recordings = {"heron_storage_recordings_bytes",
                                             "Bytes of all recordings.", GAUGE};
static const struct nvr_metric warnings = {"heron_warnings", "Warnings that the page shows.",
                                           GAUGE};

/* Per camera: begun anew each time, so that removed ones go. */
static const struct nvr_metric *const per_camera[] = {
    &cameras, &online,     &active,  &frames,   &fps,        &bitrate,
    &dropped, &reconnects, &workers, &restarts, &worker_cpu, &last_frame,
};

static void label(char labels[NVR_METRIC_LABELS_SIZE], const char *name, const char *value)
{
    labels[0] = '\0';
    (void)nvr_metric_label(labels, name, value);
}

static void collect_stream(const struct camera *camera, int index)
{
    char labels[NVR_METRIC_LABELS_SIZE];
    const json_t *stats = camera->stats[index];
    int64_t number = 0;
    double rate = 0;

    if (!stats)
        return;
    label(labels, "camera", camera->config.id);
    (void)nvr_metric_label(labels, "stream", stream_name(index));
    (void)nvr_json_get_int(stats, "frames", 0, INT64_MAX, &number);
    nvr_metric_set(&frames, labels, (double)number);
    (void)nvr_json_get_double(stats, "fps", 0, 100000, &rate);
    nvr_metric_set(&fps, labels, rate);
    number = 0;
    (void)nvr_json_get_int(stats, "bitrate", 0, INT64_MAX, &number);
    nvr_metric_set(&bitrate, labels, (double)number);
    number = 0;
    (void)nvr_json_get_int(stats, "last_frame_ms", 0, INT64_MAX, &number);
    if (number)
        nvr_metric_set(&last_frame, labels, (double)number / 1000);
}

static void collect_camera(struct camera *camera)
{
    char labels[NVR_METRIC_LABELS_SIZE];

    recording_gaps_count(camera);
    label(labels, "status", camera_status_name(camera->status));
    nvr_metric_add(&cameras, labels, 1);
    label(labels, "state", worker_state_name(camera->worker.state.id));
    nvr_metric_add(&workers, labels, 1);
    label(labels, "camera", camera->config.id);
    nvr_metric_set(&online, labels, camera->status == CAMERA_ONLINE);
    nvr_metric_set(&active, labels, camera->recording_active);
    nvr_metric_set(&reconnects, labels, (double)camera->reconnects);
    nvr_metric_set(&dropped, labels, (double)camera->dropped_packets);
    nvr_metric_set(&restarts, labels, camera->worker.state.restarts);
    nvr_metric_set(&worker_cpu, labels, (double)camera->worker.cpu_ms / 1000);
    for (int i = 0; i < STREAMS; i++)
        collect_stream(camera, i);
}

static void collect_cameras(struct nvr_supervisor *sv)
{
    char labels[NVR_METRIC_LABELS_SIZE];

    for (size_t i = 0; i < NVR_ARRAY_SIZE(per_camera); i++)
        nvr_metric_clear(per_camera[i]);
    for (int i = CAMERA_STARTING; i <= CAMERA_ERROR; i++) { /* a status of none is 0, not nothing */
        label(labels, "status", camera_status_name((enum camera_status)i));
        nvr_metric_set(&cameras, labels, 0);
    }
    for (int i = WORKER_STOPPED; i <= WORKER_STOPPING; i++) {
        label(labels, "state", worker_state_name((enum worker_state_id)i));
        nvr_metric_set(&workers, labels, 0);
    }
    for (struct camera *camera = sv->cameras; camera; camera = camera->next)
        if (!camera->removed)
            collect_camera(camera);
}

static void collect(void *arg)
{
    struct nvr_supervisor *sv = arg;
    struct nvr_store_stats stats = {0};
    char labels[NVR_METRIC_LABELS_SIZE];

    label(labels, "version", NVR_VERSION);
    nvr_metric_set(&build_info, labels, 1);
    nvr_metric_set(&uptime, "", (double)(nvr_clock_mono_ms() - sv->started_mono_ms) / 1000);
    collect_cameras(sv);
    for (size_t i = 0; i < PROGRAMS; i++) {
        label(labels, "program", sv->zygotes[i].name);
        nvr_metric_set(&zygote_starts, labels, (double)sv->zygotes[i].starts);
    }
    if (sv->store)
        nvr_store_get_stats(sv->store, &stats);
    nvr_metric_set(&commits, "", (double)stats.commits);
    nvr_metric_set(&writes, "", (double)stats.jobs);
    nvr_metric_set(&failed, "", (double)stats.failed);
    nvr_metric_set(&queue, "", (double)stats.queue_depth);
    nvr_metric_set(&commit_time, "", (double)stats.last_commit_us / 1e6);
    nvr_metric_set(&disk_total, "", (double)sv->storage.total_bytes);
    nvr_metric_set(&disk_free, "", (double)sv->storage.free_bytes);
    nvr_metric_set(&recordings, "", (double)sv->storage.recordings_bytes);
    nvr_metric_set(&warnings, "", (double)sv->warnings_count);
}

int metrics_start(struct nvr_supervisor *sv)
{
    return nvr_metrics_add_collector(collect, sv);
}

void metrics_stop(struct nvr_supervisor *sv)
{
    nvr_metrics_remove_collector(collect, sv);
}
