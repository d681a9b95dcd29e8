/* recording-cause.h — why a camera is not recorded now. Pure: from what is known to one of the
 * causes of lib/media/gaps.h and a sentence for people. */
#ifndef NVR_SUPERVISOR_RECORDING_CAUSE_H
#define NVR_SUPERVISOR_RECORDING_CAUSE_H

#include <stdbool.h>

#include "lib/media/gaps.h"

#define RECORDING (-1) /* no cause: it is recorded */
#define RECORDING_SILENT_WORDS "No picture arrives from the camera."

enum recording_status { RECORDING_STARTING, RECORDING_ONLINE, RECORDING_OFFLINE };

struct recording_view {
    bool removed, enabled, stopped; /* the camera: by configuration, by the operator */
    bool record;                    /* recording.enabled */
    bool stopping;                  /* Heron ends */
    bool wanted;                    /* mode and calendar want a recording now */
    const char *mode;               /* then not: which one; "" unknown */
    enum recording_status status;   /* of the main stream */
    const char *error_code, *error; /* why it is offline; "" none */
    const char *disk_error;         /* why nothing can be written; "" none */
    bool active;                    /* a file is open */
    bool silent;                    /* no picture for longer than between two of them */
};

struct recording_state {
    int cause; /* enum nvr_cause, or RECORDING */
    char detail[NVR_CAUSE_DETAIL_SIZE];
};

/* before: what it answered last; while a camera comes back its cause stays what it was. */
void recording_cause(const struct recording_view *view, const struct recording_state *before,
                     struct recording_state *ret_state);

#endif
