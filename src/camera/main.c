/* nvr-camera — a zygote: links and relocates everything once, then forks a worker per camera and
 * per look at an address. Started by the core with its control socket as descriptor 3. */
#include "lib/base/macros.h"
#include "src/camera/worker.h"
#include "src/media/program.h"

int main(void)
{
    static const struct nvr_zygote_role roles[] = {
        {"camera", nvr_camera_run},
        {"probe", nvr_probe_run},
    };

    return nvr_program_run("nvr-camera", roles, NVR_ARRAY_SIZE(roles));
}
