/* location.h — is the recordings folder the disk that we know? Its marker file says so. A disk that
 * is not mounted leaves an empty folder behind, on the root disk: nothing is recorded there. */
#ifndef NVR_SUPERVISOR_LOCATION_H
#define NVR_SUPERVISOR_LOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/id.h"
#include "lib/base/macros.h"

#define LOCATION_WORDS_SIZE 512

struct nvr_supervisor;

/* Reads which marker is known. A folder that is new (or that was used before there were markers)
 * is taken as it is and marked. After the store was opened, before any worker starts. */
NVR_CHECK int location_open(struct nvr_supervisor *sv);
/* For the pool as well: 0; -ENODEV (no marker, or another one); the error of reading it. */
NVR_CHECK int location_compare(const char *folder, const char marker[NVR_UUID_SIZE]);
/* What to do about -ENODEV. */
void location_words(const char *folder, char *dst, size_t dst_size);

#endif
