/* nvr config check */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/config/config.h"
#include "src/cli/cli.h"

/* The installation's key when there is one; else one that nobody keeps. */
static int open_key(const struct cli_paths *paths, struct nvr_config_key **ret_key)
{
    char path[PATH_MAX];
    char temp[] = "/tmp/nvr-key-XXXXXX";
    int r = nvr_path_join(path, sizeof(path), paths->data, "secret.key");

    if (r == 0 && access(path, R_OK) == 0)
        return nvr_config_key_open(path, ret_key);
    if (r == 0 && !mkdtemp(temp))
        r = -errno;
    if (r == 0)
        r = nvr_path_join(path, sizeof(path), temp, "key");
    if (r == 0) {
        r = nvr_config_key_open(path, ret_key);
        (void)unlink(path);
        (void)rmdir(temp);
    }
    return r;
}

static json_t *error_to_json(const struct nvr_config_error *error)
{
    return json_pack("{s:s, s:s, s:i, s:i}", "field", error->field, "message", error->message,
                     "line", (int)error->line, "column", (int)error->column);
}

static void report(const struct cli_options *options, const char *path,
                   const struct nvr_config_errors *errors)
{
    NVR_AUTO_JSON list = json_array();

    for (size_t i = 0; i < errors->count; i++) {
        const struct nvr_config_error *error = &errors->items[i];

        if (options->json)
            (void)json_array_append_new(list, error_to_json(error));
        else
            (void)printf("%s:%u:%u: %s%s%s\n", path, error->line, error->column, error->field,
                         error->field[0] ? ": " : "", error->message);
    }
    if (options->json) {
        NVR_AUTO_JSON body =
            json_pack("{s:s, s:b, s:O}", "file", path, "ok", errors->count == 0, "errors", list);

        (void)cli_print_json(body);
    }
}

static int check(const struct cli_options *options)
{
    struct nvr_config_errors *errors = calloc(1, sizeof(*errors));
    struct nvr_config_key *key = NULL;
    NVR_AUTO(nvr_config) config = NULL;
    struct cli_paths paths;
    struct nvr_buf text;
    int r;

    if (!errors || cli_find_paths(options, &paths) < 0) {
        free(errors);
        return CLI_FAILED;
    }
    const char *path = options->args_count == 2 ? options->args[1] : paths.config;

    nvr_buf_init(&text, NVR_CONFIG_SIZE_MAX);
    r = nvr_file_read(path, &text);
    if (r == 0)
        r = open_key(&paths, &key);
    if (r == 0)
        r = nvr_config_parse(nvr_buf_cstr(&text), text.len, key, &config, errors);
    if (r == 0 || (r == -EINVAL && errors->count))
        report(options, path, errors);
    else
        (void)fprintf(stderr, "nvr: %s: %s\n", path, nvr_strerror(r));
    if (r == 0 && !options->json)
        (void)printf("%s: sound, %zu cameras\n", path, nvr_config_get_camera_count(config));
    nvr_config_key_free(key);
    nvr_buf_done(&text);
    free(errors);
    return r < 0 ? CLI_FAILED : CLI_DONE;
}

int cmd_config(const struct cli_options *options)
{
    if (options->args_count >= 1 && options->args_count <= 2 &&
        strcmp(options->args[0], "check") == 0)
        return check(options);
    return cli_usage_error("nvr config check [FILE]");
}
