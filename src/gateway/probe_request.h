/* probe_request.h — body of POST cameras/probe → parameters of the worker's `probe`. Pure. */
#ifndef NVR_GATEWAY_PROBE_REQUEST_H
#define NVR_GATEWAY_PROBE_REQUEST_H

#include "lib/config/config.h"

struct nvr_probe_request {
    char url[NVR_URL_MAX]; /* without credentials */
    char username[256];
    char password[256];
    char auth_type[8];
    char transport[8];
};

/* camera: the stored camera that the body's "id" names, or NULL. 0, or -EINVAL with errors. */
NVR_CHECK int nvr_probe_request_parse(const json_t *body, const struct nvr_camera_config *camera,
                                      struct nvr_probe_request *ret_request,
                                      struct nvr_config_errors *errors);

#endif
