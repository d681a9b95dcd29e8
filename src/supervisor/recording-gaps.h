/* recording-gaps.h — from when to when a camera is not recorded, and why: kept in the table of
 * causes, told by topic and metrics. Loop thread. */
#ifndef NVR_SUPERVISOR_RECORDING_GAPS_H
#define NVR_SUPERVISOR_RECORDING_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/json.h"
#include "src/supervisor/recording-cause.h"

#define RECORDING_ANNOUNCE_MS 5000 /* a gap that lasts so long is told before it ends */
#define RECORDING_SILENT_MS 3000   /* without a picture (slow cameras: three of their pictures) */
#define RECORDING_DETAIL_MS 60000  /* better words for the same cause replace those before */
#define RECORDING_FILE_MS 60000    /* a file that no row tells of is forgotten */
#define RECORDING_KEEP_DAYS 400    /* causes; what is older is not asked for any more */

struct camera;
struct nvr_supervisor;

struct recording_watch {
    bool known; /* state is the table's */
    struct recording_state state;
    int64_t since_ms, counted_mono_ms;
    bool announced;
    /* the file being written, and the one before it until its row is there; 0: none */
    int64_t file_start_ms, file_end_ms, file_mono_ms;
    int64_t bytes; /* of the worker's last heartbeat */
};

/* After the rows of the last run were read: what happened since belongs to nobody but `system`. */
int recording_gaps_start(struct nvr_supervisor *sv);
void recording_gaps_stop(struct nvr_supervisor *sv);
/* Anything of the camera changed. Cheap when nothing that counts did. */
void recording_gaps_update(struct camera *camera);
/* The worker's heartbeat: which file is open (0: none), bytes it has written. */
void recording_gaps_heartbeat(struct camera *camera, const json_t *recording);
/* The row of a file is committed. */
void recording_gaps_stored(struct camera *camera, int64_t start_ms, int64_t end_ms);
/* Notification `gap {from_ms, to_ms, cause}` of the worker: a hole in what it recorded. */
void recording_gaps_report(struct camera *camera, const json_t *params);
/* Seconds of gaps up to now, for the metrics. */
void recording_gaps_count(struct camera *camera);

#endif
