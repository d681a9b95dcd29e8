/* nvr-media — a zygote like nvr-camera, for the work on what is recorded already: pictures, index.
 * Its children never see the network, but for role keeper, which brings files to an object store.
 */
#include "lib/base/macros.h"
#include "src/media/program.h"
#include "src/media/roles.h"

int main(void)
{
    static const struct nvr_zygote_role roles[] = {
        {"still", nvr_still_run},     {"index", nvr_index_run},   {"check", nvr_check_run},
        {"preview", nvr_preview_run}, {"keeper", nvr_keeper_run}, {"export", nvr_export_run},
    };

    return nvr_program_run("nvr-media", roles, NVR_ARRAY_SIZE(roles));
}
