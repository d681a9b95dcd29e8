#include "src/camera/source.h"

#include <string.h>

bool nvr_source_is_rtsp(const struct nvr_source_address *address)
{
    return strncasecmp(address->url, "rtsp://", 7) == 0 && address->transport != NVR_SOURCE_HTTP;
}

int nvr_source_open(uv_loop_t *loop, const struct nvr_source_address *address, bool libav,
                    const struct nvr_source_handlers *handlers, void *arg,
                    struct nvr_source **ret_source)
{
    if (nvr_source_is_rtsp(address) && !libav)
        return nvr_source_rtsp_open(loop, address, handlers, arg, ret_source);
    return nvr_source_av_open(loop, address, handlers, arg, ret_source);
}

void nvr_source_close(struct nvr_source *source)
{
    if (source)
        source->ops->close(source);
}

uint64_t nvr_source_get_dropped(const struct nvr_source *source)
{
    return source ? source->ops->get_dropped(source) : 0;
}
