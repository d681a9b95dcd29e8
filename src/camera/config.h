/* config.h — what the core tells a worker about its camera (RPC "start", "probe"). */
#ifndef NVR_CAMERA_CONFIG_H
#define NVR_CAMERA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/base/url.h"
#include "lib/rtsp/rtsp.h"
#include "src/camera/gate.h"

#define NVR_CAMERA_URLS_MAX 9 /* the stream's own and its fall-backs */
#define NVR_CAMERA_TIMEOUT_MS 10000

enum nvr_source_transport {
    NVR_SOURCE_TCP,
    NVR_SOURCE_UDP,
    NVR_SOURCE_HTTP, /* RTSP tunnelled in HTTP */
};

/* How to reach one stream. Plain data; secrets inside, never logged. */
struct nvr_source_address {
    char url[NVR_URL_MAX];
    char username[256];
    char password[256];
    enum nvr_rtsp_auth auth_type;
    enum nvr_source_transport transport;
    uint32_t timeout_ms;
    bool want_audio;
};

struct nvr_worker_config {
    char id[NVR_SLUG_SIZE];
    struct nvr_source_address address; /* url is empty here */
    char urls[NVR_CAMERA_URLS_MAX][NVR_URL_MAX];
    size_t urls_count;
    char sub_url[NVR_URL_MAX]; /* "": none */
    bool record;
    unsigned segment_seconds;
    unsigned pre_buffer_seconds;
    unsigned flush_seconds;   /* what is older outlives a power cut; 0: only whole files */
    struct nvr_window window; /* what is recorded at first */
    char root[1024];          /* recordings folder of this camera */
};

/* 0, or -EINVAL (reason: a constant text). */
NVR_CHECK int nvr_worker_config_parse(const json_t *params, struct nvr_worker_config *ret_config,
                                      const char **ret_reason);
/* {from_us, until_us}. 0 or -EINVAL. */
NVR_CHECK int nvr_window_parse(const json_t *params, struct nvr_window *ret_window);
/* Members url, username, password, auth_type, transport, timeout_ms of a probe. */
NVR_CHECK int nvr_source_address_parse(const json_t *params, struct nvr_source_address *ret_address,
                                       const char **ret_reason);

#endif
