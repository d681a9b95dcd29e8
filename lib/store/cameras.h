/* cameras.h — tables `cameras` (run-time state) and `camera_status_log` (history of CAM-5). */
#ifndef NVR_STORE_CAMERAS_H
#define NVR_STORE_CAMERAS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"
#include "lib/store/store.h"

struct nvr_camera_row {
    char id[NVR_SLUG_SIZE];
    char status[12];
    int64_t last_seen_ms; /* 0: never */
    double fps;
    int64_t bitrate;
    char resolution[24];
    char codec[16];
    const char *stats; /* JSON; NULL: "{}" */
    char error[256];
    bool stopped; /* by the operator; survives a restart of Heron */
    int64_t created_ms, updated_ms;
};

NVR_CHECK int nvr_cameras_upsert(struct nvr_db *db, const struct nvr_camera_row *row);
/* With its history. */
NVR_CHECK int nvr_cameras_delete(struct nvr_db *db, const char *id);
typedef int (*nvr_cameras_visit)(const struct nvr_camera_row *row, void *arg);
NVR_CHECK int nvr_cameras_each(struct nvr_db *db, nvr_cameras_visit visit, void *arg);

/* Status change: closes the open period and opens the next. */
NVR_CHECK int nvr_camera_log_status(struct nvr_db *db, const char *id, const char *status,
                                    const char *error, int64_t at_ms);
/* Forget periods that ended before before_ms. */
NVR_CHECK int nvr_camera_log_trim(struct nvr_db *db, const char *id, int64_t before_ms);
/* The same for every camera. */
NVR_CHECK int nvr_camera_log_trim_all(struct nvr_db *db, int64_t before_ms);
struct nvr_camera_period {
    char status[12];
    char error[256];
    int64_t start_ms, end_ms; /* end 0: still so */
};
typedef int (*nvr_camera_period_visit)(const struct nvr_camera_period *period, void *arg);
/* Newest first, at most limit. */
NVR_CHECK int nvr_camera_log_each(struct nvr_db *db, const char *id, int64_t start_ms,
                                  int64_t end_ms, unsigned limit, nvr_camera_period_visit visit,
                                  void *arg);

#endif
