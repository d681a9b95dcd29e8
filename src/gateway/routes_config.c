/* Sections of the configuration: what is in force, and changes in place. */
#include <errno.h>
#include <string.h>

#include "lib/base/log.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

static void reply_section(struct nvr_gateway *gateway, struct nvr_http_request *request,
                          const char *section)
{
    const struct nvr_config *config = nvr_supervisor_get_config(gateway->supervisor);

    nvr_http_reply_json_take(request, 200, nvr_config_section_to_json(config, section));
}

static bool is_section(struct nvr_http_request *request, const char *name)
{
    if (strcmp(name, "storage") == 0 || strcmp(name, "system") == 0 ||
        strcmp(name, "preferences") == 0)
        return true;
    nvr_http_reply_error(request, 404, "not_found",
                         "There is no section \"%.64s\": expected storage, system or preferences.",
                         name);
    return false;
}

static void handle_get(struct nvr_http_request *request, void *arg)
{
    const char *section = nvr_http_get_param(request, "section");

    if (is_section(request, section))
        reply_section(arg, request, section);
}

static void handle_patch(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    struct nvr_config_errors errors = {.count = 0};
    const char *section = nvr_http_get_param(request, "section");
    int r;

    if (!is_section(request, section))
        return;
    r = nvr_supervisor_config_patch(gateway->supervisor, section, nvr_http_get_body(request),
                                    &errors);
    if (r < 0 && errors.count) {
        nvr_http_reply_fields(request, &errors);
        return;
    }
    if (r < 0) {
        nvr_http_reply_errno(request, r, "configuration");
        return;
    }
    log_info("configuration: %s changed", section);
    reply_section(gateway, request, section);
}

const struct nvr_route nvr_config_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/config/{section}", handle_get, "config",
     "A section of the configuration", JSON},
    {NVR_HTTP_PATCH, NVR_ROUTE_BODY, "/api/v1/config/{section}", handle_patch, "config",
     "Change a section of the configuration", JSON},
};
const size_t nvr_config_routes_count = NVR_ARRAY_SIZE(nvr_config_routes);
