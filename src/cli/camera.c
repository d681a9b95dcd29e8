/* nvr camera list|show */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "src/cli/cli.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = "";

    (void)nvr_json_get_str(object, key, &text);
    return text;
}

static void print_camera(const json_t *camera)
{
    const json_t *stream = json_object_get(camera, "main");
    int64_t width = 0;
    int64_t height = 0;
    double fps = 0;
    char size[24] = "-";
    char rate[16] = "-";

    if (json_is_object(stream)) {
        (void)nvr_json_get_int(stream, "width", 0, 65535, &width);
        (void)nvr_json_get_int(stream, "height", 0, 65535, &height);
        (void)nvr_json_get_double(stream, "fps", 0, 100000, &fps);
        (void)snprintf(size, sizeof(size), "%dx%d", (int)width, (int)height);
        (void)snprintf(rate, sizeof(rate), "%.1f", fps);
    }
    (void)printf("%-20s %-10s %-4s %-6s %-11s %6s  %-24s %s\n", text_of(camera, "id"),
                 text_of(camera, "status"),
                 json_is_true(json_object_get(camera, "recording_active")) ? "rec" : "-",
                 stream && text_of(stream, "codec")[0] ? text_of(stream, "codec") : "-", size, rate,
                 text_of(camera, "name"), text_of(camera, "error"));
}

static int list(const struct cli_options *options)
{
    NVR_AUTO_JSON body = cli_get(options, "/api/v1/cameras");
    const json_t *items = json_object_get(body, "items");
    const json_t *item;
    size_t i;

    if (!body)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(body);
    (void)printf("%-20s %-10s %-4s %-6s %-11s %6s  %-24s %s\n", "ID", "STATUS", "REC", "CODEC",
                 "SIZE", "FPS", "NAME", "ERROR");
    json_array_foreach(items, i, item) print_camera(item);
    return CLI_DONE;
}

static int show(const struct cli_options *options)
{
    char path[128];

    if (options->args_count != 2 || !nvr_slug_is_valid(options->args[1]))
        return cli_usage_error("nvr camera show ID");
    (void)snprintf(path, sizeof(path), "/api/v1/cameras/%s", options->args[1]);
    NVR_AUTO_JSON body = cli_get(options, path);

    return body ? cli_print_json(body) : CLI_FAILED;
}

int cmd_camera(const struct cli_options *options)
{
    const char *verb = options->args_count ? options->args[0] : "";

    if (strcmp(verb, "list") == 0)
        return list(options);
    if (strcmp(verb, "show") == 0)
        return show(options);
    return cli_usage_error("nvr camera list|show");
}
