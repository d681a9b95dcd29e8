/* Bodies of POST cameras and POST cameras/probe: what is taken must be a camera. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/config.h"
#include "src/gateway/probe_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nvr_config_key *key;
static struct nvr_config *empty;

static void prepare(void)
{
    static const char text[] = "version: \"1.0\"\ncameras: []\n";
    struct nvr_config_errors errors;
    int r;

    (void)setenv("NVR_SECRET_KEY",
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    r = nvr_config_key_open("/nonexistent", &key);
    assert(r == 0);
    r = nvr_config_parse(text, strlen(text), key, &empty, &errors);
    assert(r == 0);
    (void)r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nvr_config_errors errors;
    static struct nvr_probe_request probe;
    NVR_AUTO(nvr_config) changed = NULL;
    NVR_AUTO_JSON body = NULL;
    char id[NVR_SLUG_SIZE];
    int r;

    if (!empty)
        prepare();
    if (nvr_json_parse((const char *)data, size, &body, NULL, 0) < 0 || !json_is_object(body))
        return 0;
    errors.count = 0;
    r = nvr_config_camera_add(empty, key, body, &changed, id, &errors);
    assert(r == 0 || errors.count > 0 || r == -ENOMEM);
    assert(r < 0 || nvr_config_find_camera(changed, id));
    r = nvr_probe_request_parse(body, NULL, &probe, &errors);
    assert(r == 0 ? probe.url[0] != '\0' : errors.count > 0);
    (void)r; /* NDEBUG */
    return 0;
}
