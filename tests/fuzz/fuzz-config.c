/* Any bytes as config.yaml; where they are one, its cameras are changed in every way: the result
 * must be a config again that says what was asked for. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nvr_config_key *open_key(void)
{
    struct nvr_config_key *key = NULL;
    int r;

    (void)setenv("NVR_SECRET_KEY",
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    r = nvr_config_key_open("/nonexistent", &key);
    assert(r == 0);
    (void)r;
    return key;
}

static json_t *body_of(const char *text)
{
    json_t *body = json_loads(text, 0, NULL);

    assert(body);
    return body;
}

/* -EINVAL is an honest answer (layout that cannot be changed in place), never a wrong text. */
static void check(int r, const struct nvr_config *after, const char *id, const char *name)
{
    const struct nvr_camera_config *camera;

    assert(r == 0 || r == -EINVAL);
    assert(r == 0 || !getenv("NVR_FUZZ_STRICT"));
    if (r < 0)
        return;
    camera = nvr_config_find_camera(after, id);
    assert(name ? camera && strcmp(camera->name, name) == 0 : !camera);
    (void)camera; /* NDEBUG */
    (void)name;
}

static void change(const struct nvr_config *config, const struct nvr_config_key *key,
                   const char *id)
{
    NVR_AUTO_JSON patch = body_of("{\"name\":\"n: #\",\"tags\":[\"a\",\"yes\"],\"enabled\":false,"
                                  "\"stream\":{\"password\":\"p\",\"sub_url\":\"rtsp://h/s\"},"
                                  "\"recording\":{\"retention\":{\"events_days\":9}}}");
    NVR_AUTO_JSON put = body_of("{\"name\":\"m\",\"stream\":{\"url\":\"rtsp://h/1\"}}");
    NVR_AUTO(nvr_config) patched = NULL;
    NVR_AUTO(nvr_config) replaced = NULL;
    NVR_AUTO(nvr_config) removed = NULL;
    struct nvr_config_errors errors;
    int r;

    r = nvr_config_camera_patch(config, key, id, patch, &patched, &errors);
    check(r, patched, id, "n: #");
    r = nvr_config_camera_put(config, key, id, put, &replaced, &errors);
    check(r, replaced, id, "m");
    r = nvr_config_camera_remove(config, key, id, &removed);
    check(r, removed, id, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nvr_config_key *key;
    NVR_AUTO(nvr_config) config = NULL;
    NVR_AUTO(nvr_config) added = NULL;
    struct nvr_config_errors errors;
    char id[NVR_SLUG_SIZE];

    nvr_log_set_level(NVR_LOG_ERROR);
    if (!key)
        key = open_key();
    if (nvr_config_parse((const char *)data, size, key, &config, &errors) < 0)
        return 0;
    NVR_AUTO_JSON body = body_of("{\"name\":\"new\",\"stream\":{\"url\":\"rtsp://u:p@h/2\"}}");

    if (nvr_config_camera_add(config, key, body, &added, id, &errors) == 0)
        check(0, added, id, "new");
    for (size_t i = 0; i < NVR_MIN(nvr_config_get_camera_count(config), 3); i++)
        change(config, key, nvr_config_get_camera(config, i)->id);
    return 0;
}
