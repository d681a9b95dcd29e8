#include "lib/base/marker.h"

#include <limits.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/json.h"

#define SIZE_MAX_BYTES 1024
#define KEY "heron_location"

static bool is_uuid(const char *text)
{
    return strlen(text) == NVR_UUID_SIZE - 1 &&
           strspn(text, "0123456789abcdef-") == NVR_UUID_SIZE - 1;
}

int nvr_marker_read(const char *folder, char ret_id[NVR_UUID_SIZE])
{
    NVR_AUTO_JSON json = NULL;
    const char *id = "";
    char path[PATH_MAX];
    struct nvr_buf buf;
    int r = nvr_path_join(path, sizeof(path), folder, NVR_MARKER_NAME);

    nvr_buf_init(&buf, SIZE_MAX_BYTES);
    if (r == 0)
        r = nvr_file_read(path, &buf);
    if (r == -EFBIG)
        r = -EPROTO;
    if (r == 0 && (nvr_json_parse((const char *)buf.data, buf.len, &json, NULL, 0) < 0 ||
                   nvr_json_get_str(json, KEY, &id) != 1 || !is_uuid(id)))
        r = -EPROTO;
    if (r == 0)
        memcpy(ret_id, id, NVR_UUID_SIZE);
    nvr_buf_done(&buf);
    return r;
}

int nvr_marker_write(const char *folder, const char *id)
{
    char path[PATH_MAX];
    char text[128];
    int r = nvr_path_join(path, sizeof(path), folder, NVR_MARKER_NAME);

    if (!is_uuid(id))
        return -EINVAL;
    if (r == 0)
        r = nvr_fmt(text, sizeof(text), "{\"" KEY "\": \"%s\"}\n", id);
    return r < 0 ? r : nvr_file_write_atomic(path, text, (size_t)r, 0640);
}
