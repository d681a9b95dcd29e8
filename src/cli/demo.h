/* demo.h — the demo camera: the bundled simulator as a child, kept running, and the camera `demo`
 * in a configuration that has none. */
#ifndef NVR_CLI_DEMO_H
#define NVR_CLI_DEMO_H

#include <stdbool.h>
#include <uv.h>

#include "lib/base/macros.h"
#include "src/supervisor/supervisor.h"

struct demo;

/* Is the simulator needed: asked for and no camera is there, or `demo` is in the config already. */
bool demo_is_wanted(struct nvr_supervisor *supervisor, bool asked);
/* bin: folder of the programs; the clips are in bin/../demo or bin/../share/nvr/demo. 0, -ENOENT
 * (not installed), -ENOMEM. */
NVR_CHECK int demo_start(uv_loop_t *loop, const char *bin, struct nvr_supervisor *supervisor,
                         struct demo **ret_demo);
/* The supervisor is not touched afterwards; memory goes with the loop. NULL: no-op. */
void demo_stop(struct demo *demo);

#endif
