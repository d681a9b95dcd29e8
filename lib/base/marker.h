/* marker.h — a small file that says which place a folder is: ".heron-location" with
 * {"heron_location": "<uuid>"}. A folder whose disk is not mounted has none, or another one, and is
 * then not taken for the disk. */
#ifndef NVR_BASE_MARKER_H
#define NVR_BASE_MARKER_H

#include "lib/base/id.h"
#include "lib/base/macros.h"

#define NVR_MARKER_NAME ".heron-location"

/* 0, -ENOENT (there is none), -EPROTO (not a marker: damaged, or somebody else's file), open()'s or
 * read()'s error. */
NVR_CHECK int nvr_marker_read(const char *folder, char ret_id[NVR_UUID_SIZE]);
/* Durable, in place of the one that is there. */
NVR_CHECK int nvr_marker_write(const char *folder, const char *id);

#endif
