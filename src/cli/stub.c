#include "src/cli/cli.h"
int cmd_camera(const struct cli_options *options)
{
    (void)options;
    return 1;
}
int cmd_recordings(const struct cli_options *options)
{
    (void)options;
    return 1;
}
int cmd_config(const struct cli_options *options)
{
    (void)options;
    return 1;
}
int cmd_doctor(const struct cli_options *options)
{
    (void)options;
    return 1;
}
#include "lib/config/config.h"
#include <errno.h>
#define W __attribute__((weak))
W int nvr_config_camera_add(const struct nvr_config *c, const struct nvr_config_key *k,
                            const json_t *b, struct nvr_config **r, char id[NVR_SLUG_SIZE],
                            struct nvr_config_errors *e)
{
    (void)c;
    (void)k;
    (void)b;
    (void)r;
    (void)id;
    (void)e;
    return -ENOSYS;
}
W int nvr_config_camera_put(const struct nvr_config *c, const struct nvr_config_key *k,
                            const char *id, const json_t *b, struct nvr_config **r,
                            struct nvr_config_errors *e)
{
    (void)c;
    (void)k;
    (void)b;
    (void)r;
    (void)id;
    (void)e;
    return -ENOSYS;
}
W int nvr_config_camera_patch(const struct nvr_config *c, const struct nvr_config_key *k,
                              const char *id, const json_t *b, struct nvr_config **r,
                              struct nvr_config_errors *e)
{
    (void)c;
    (void)k;
    (void)b;
    (void)r;
    (void)id;
    (void)e;
    return -ENOSYS;
}
W int nvr_config_camera_remove(const struct nvr_config *c, const struct nvr_config_key *k,
                               const char *id, struct nvr_config **r)
{
    (void)c;
    (void)k;
    (void)r;
    (void)id;
    return -ENOSYS;
}
