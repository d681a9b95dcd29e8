/* nvr camera list|show|add|probe|start|stop|restart|remove */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/base/url.h"
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

static bool format_path(const struct cli_options *options, const char *tail, char *path,
                        size_t size)
{
    return options->args_count == 2 && nvr_slug_is_valid(options->args[1]) &&
           nvr_fmt(path, size, "/api/v1/cameras/%s%s", options->args[1], tail) > 0;
}

static int show(const struct cli_options *options)
{
    char path[128];

    if (!format_path(options, "", path, sizeof(path)))
        return cli_usage_error("nvr camera show ID");
    NVR_AUTO_JSON body = cli_get(options, path);

    return body ? cli_print_json(body) : CLI_FAILED;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && text[0])
        (void)json_object_set_new(object, key, json_string(text));
}

/* Where the camera is and how to get in. The password is not an option: every user of this machine
 * can read command lines. */
static json_t *stream_from(const struct cli_options *options, const char *url)
{
    json_t *stream = json_object();

    set_text(stream, "url", url);
    set_text(stream, "username", options->username);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    set_text(stream, "password", getenv("NVR_CAMERA_PASSWORD"));
    set_text(stream, "transport", options->transport);
    return stream;
}

static int add(const struct cli_options *options)
{
    const char *name = options->name;
    struct nvr_url url;

    if (options->args_count != 2)
        return cli_usage_error("nvr camera add URL [--name NAME] [--id ID] [--sub-url URL] "
                               "[--username USER] [--transport tcp|udp|http]");
    if (!name)
        name = nvr_url_parse(options->args[1], &url) == 0 && url.host[0] ? url.host : "Camera";
    NVR_AUTO_JSON camera = json_object();
    json_t *stream = stream_from(options, options->args[1]);

    set_text(camera, "id", options->id);
    set_text(camera, "name", name);
    set_text(stream, "sub_url", options->sub_url);
    (void)json_object_set_new(camera, "stream", stream);
    NVR_AUTO_JSON body = cli_call(options, "POST", "/api/v1/cameras", camera);

    if (!body)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(body);
    return printf("camera %s added\n", text_of(body, "id")) < 0 ? CLI_FAILED : CLI_DONE;
}

static void print_streams(const json_t *body)
{
    const json_t *stream;
    size_t i;

    json_array_foreach(json_object_get(body, "streams"), i, stream)
    {
        const bool video = strcmp(text_of(stream, "kind"), "video") == 0;
        int64_t numbers[2] = {0};
        double fps = 0;

        (void)nvr_json_get_int(stream, video ? "width" : "sample_rate", 0, INT32_MAX, &numbers[0]);
        (void)nvr_json_get_int(stream, video ? "height" : "channels", 0, INT32_MAX, &numbers[1]);
        (void)nvr_json_get_double(stream, "fps", 0, 100000, &fps);
        if (video)
            (void)printf("video %s %dx%d", text_of(stream, "codec"), (int)numbers[0],
                         (int)numbers[1]);
        else
            (void)printf("audio %s %d Hz, %d channel%s", text_of(stream, "codec"), (int)numbers[0],
                         (int)numbers[1], numbers[1] == 1 ? "" : "s");
        if (fps > 0)
            (void)printf(" %.1f fps", fps);
        (void)printf("\n");
    }
}

static int probe(const struct cli_options *options)
{
    const char *what = options->args_count == 2 ? options->args[1] : "";
    const bool is_url = strchr(what, ':');

    if (!is_url && !nvr_slug_is_valid(what))
        return cli_usage_error("nvr camera probe URL|ID [--username USER] [--transport …]");
    NVR_AUTO_JSON request = is_url ? stream_from(options, what) : json_object();

    if (!is_url)
        set_text(request, "id", what);
    NVR_AUTO_JSON body = cli_call(options, "POST", "/api/v1/cameras/probe", request);

    if (!body)
        return CLI_FAILED;
    const bool ok = json_is_true(json_object_get(body, "ok"));

    if (options->json)
        return cli_print_json(body) == CLI_DONE && ok ? CLI_DONE : CLI_FAILED;
    if (ok)
        print_streams(body);
    else
        (void)fprintf(stderr, "nvr: %s\n", text_of(json_object_get(body, "error"), "message"));
    return ok ? CLI_DONE : CLI_FAILED;
}

/* start, stop, restart: the word is the end of the path. */
static int act(const struct cli_options *options, const char *verb)
{
    char tail[16];
    char path[128];

    (void)snprintf(tail, sizeof(tail), "/%s", verb);
    if (!format_path(options, tail, path, sizeof(path)))
        return cli_usage_error("nvr camera %s ID", verb);
    NVR_AUTO_JSON body = cli_call(options, "POST", path, NULL);

    if (!body)
        return CLI_FAILED;
    return options->json ? cli_print_json(body) : CLI_DONE;
}

static int record(const struct cli_options *options)
{
    const char *id = options->args_count == 3 ? options->args[1] : "";
    const char *verb = options->args_count == 3 ? options->args[2] : "";
    const bool start = strcmp(verb, "start") == 0;
    uint64_t seconds = 0;
    char path[128];

    if (!nvr_slug_is_valid(id) || (!start && strcmp(verb, "stop") != 0) ||
        (options->seconds &&
         (!start || nvr_str_to_u64(nvr_str_from(options->seconds), 86400, &seconds) < 0)) ||
        nvr_fmt(path, sizeof(path), "/api/v1/cameras/%s/record/%s", id, verb) < 0)
        return cli_usage_error("nvr camera record ID start|stop [--seconds 1..86400]");
    NVR_AUTO_JSON request = json_object();

    if (options->seconds)
        (void)json_object_set_new(request, "duration_seconds", json_integer((json_int_t)seconds));
    NVR_AUTO_JSON body = cli_call(options, "POST", path, start ? request : NULL);

    if (!body)
        return CLI_FAILED;
    return options->json ? cli_print_json(body) : CLI_DONE;
}

static int remove_camera(const struct cli_options *options)
{
    char path[128];

    if (!format_path(options, options->delete_recordings ? "?recordings=delete" : "", path,
                     sizeof(path)))
        return cli_usage_error("nvr camera remove ID [--delete-recordings]");
    NVR_AUTO_JSON body = cli_call(options, "DELETE", path, NULL);

    if (!body)
        return CLI_FAILED;
    return options->json ? cli_print_json(body) : CLI_DONE;
}

int cmd_camera(const struct cli_options *options)
{
    const char *verb = options->args_count ? options->args[0] : "";

    if (strcmp(verb, "list") == 0 && options->args_count == 1)
        return list(options);
    if (strcmp(verb, "show") == 0)
        return show(options);
    if (strcmp(verb, "add") == 0)
        return add(options);
    if (strcmp(verb, "probe") == 0)
        return probe(options);
    if (strcmp(verb, "start") == 0 || strcmp(verb, "stop") == 0 || strcmp(verb, "restart") == 0)
        return act(options, verb);
    if (strcmp(verb, "record") == 0)
        return record(options);
    if (strcmp(verb, "remove") == 0)
        return remove_camera(options);
    return cli_usage_error("nvr camera list|show|add|probe|start|stop|restart|record|remove");
}
