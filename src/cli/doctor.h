/* doctor.h — what the files of `nvr doctor` share. */
#ifndef NVR_CLI_DOCTOR_H
#define NVR_CLI_DOCTOR_H

#include <stdbool.h>

#include "src/cli/cli.h"

enum verdict { GOOD, DOUBTFUL, BAD };

struct doctor {
    bool json;
    json_t *items;
    enum verdict worst;
};

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *name, const char *fmt, ...)
    NVR_PRINTF(4, 5);

/* doctor-recording.c: the recordings' disk, the evidence key, the clock, limits of this machine.
 * Only where the data folder is there. */
void doctor_check_recordings(struct doctor *doctor, const struct cli_paths *paths);
void doctor_check_evidence_key(struct doctor *doctor, const struct cli_paths *paths);
void doctor_check_machine(struct doctor *doctor);

#endif
