/* program.h — what the zygote programs nvr-camera and nvr-media have in common: the log,
 * libavformat's own words, and the control socket. */
#ifndef NVR_MEDIA_ROLE_PROGRAM_H
#define NVR_MEDIA_ROLE_PROGRAM_H

#include <stddef.h>

#include "lib/ipc/zygote.h"

/* The body of main(): serves until the core closes the control socket (descriptor 3). name: of the
 * program, for the log. The exit status. */
int nvr_program_run(const char *name, const struct nvr_zygote_role *roles, size_t roles_count);

#endif
