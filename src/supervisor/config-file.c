/* config.yaml: loaded, watched for hand edits, written for the API. A bad file changes nothing. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("config");

#define DEBOUNCE_MS 300 /* editors write in several steps */

static const char first_config[] = "# Heron. Everything here can be set in the web interface too.\n"
                                   "version: \"1.0\"\n"
                                   "system:\n"
                                   "  name: Heron\n"
                                   "cameras: []\n";

static void report_errors(struct nvr_supervisor *sv, const struct nvr_config_errors *errors)
{
    const char *path = sv->file.path;

    for (size_t i = 0; i < errors->count; i++) {
        const struct nvr_config_error *error = &errors->items[i];

        log_error("%s:%u:%u: %s%s%s", path, error->line, error->column, error->field,
                  error->field[0] ? ": " : "", error->message);
    }
    if (errors->count) {
        const struct nvr_config_error *first = &errors->items[0];

        nvr_supervisor_warning_set(
            sv, "config", "The configuration file is not used: line %u, column %u: %s%s%s%s",
            first->line, first->column, first->field, first->field[0] ? ": " : "", first->message,
            errors->count > 1 ? " (and more, see the log)" : "");
    }
}

static int read_config(struct nvr_supervisor *sv, struct nvr_config **ret_config)
{
    struct nvr_config_errors *errors = calloc(1, sizeof(*errors));
    struct nvr_buf text;
    int r;

    if (!errors)
        return -ENOMEM;
    nvr_buf_init(&text, NVR_CONFIG_SIZE_MAX);
    r = nvr_file_read(sv->file.path, &text);
    if (r < 0) {
        if (r != -ENOENT) {
            (void)log_err(r, "read '%s'", sv->file.path);
            nvr_supervisor_warning_set(sv, "config", "The configuration file cannot be read: %s",
                                       nvr_strerror(r));
        }
    } else {
        const char *content = nvr_buf_cstr(&text);

        r = content ? nvr_config_parse(content, text.len, sv->file.key, ret_config, errors)
                    : -ENOMEM;
        if (r == 0)
            r = nvr_config_check_places(*ret_config, sv->recordings_dir, sv->data_dir, errors);
        if (r == -EINVAL)
            report_errors(sv, errors);
        else if (r < 0)
            (void)log_err(r, "load '%s'", sv->file.path);
    }
    if (r < 0 && *ret_config) {
        nvr_config_free(*ret_config);
        *ret_config = NULL;
    }
    nvr_buf_done(&text);
    free(errors);
    return r;
}

static void apply_system(const struct nvr_config *config)
{
    const struct nvr_system_config *system = nvr_config_get_system(config);
    enum nvr_log_level level;

    if (nvr_log_level_parse(system->log_level, &level) == 0)
        nvr_log_set_level(level);
    if (strcmp(system->log_format, "json") == 0)
        nvr_log_set_format(NVR_LOG_JSON);
    else if (strcmp(system->log_format, "text") == 0)
        nvr_log_set_format(NVR_LOG_TEXT);
}

static int make_first(struct nvr_supervisor *sv)
{
    struct nvr_config_errors *errors = calloc(1, sizeof(*errors));
    int r = errors ? nvr_config_parse(first_config, sizeof(first_config) - 1, sv->file.key,
                                      &sv->file.config, errors)
                   : -ENOMEM;

    free(errors);
    if (r < 0)
        return log_err(r, "first configuration");
    r = nvr_file_write_atomic(sv->file.path, first_config, sizeof(first_config) - 1, 0640);
    if (r < 0) {
        (void)log_err(r, "write '%s'", sv->file.path);
        nvr_supervisor_warning_set(sv, "config", "The configuration file cannot be written: %s",
                                   nvr_strerror(r));
    } else {
        log_info("'%s' written", sv->file.path);
    }
    return 0;
}

static int make_folder(const char *path)
{
    NVR_AUTO_FREE char *copy = strdup(path);

    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's dirname() only writes its argument
    return copy ? nvr_mkdir_p(dirname(copy), 0750) : -ENOMEM;
}

int config_file_open(struct nvr_supervisor *sv, const char *path)
{
    char key_path[PATH_MAX];
    int r;

    if (nvr_fmt(sv->file.path, sizeof(sv->file.path), "%s", path) < 0)
        return -ENAMETOOLONG;
    r = nvr_path_join(sv->file.versions_dir, sizeof(sv->file.versions_dir), sv->data_dir,
                      "config-versions");
    if (r == 0)
        r = nvr_path_join(key_path, sizeof(key_path), sv->data_dir, "secret.key");
    if (r == 0)
        r = make_folder(path);
    if (r < 0)
        return log_err(r, "folder of '%s'", path);
    r = nvr_config_key_open(key_path, &sv->file.key);
    if (r < 0)
        return log_err(r, "secret key '%s'", key_path);
    r = read_config(sv, &sv->file.config);
    if (r == -ENOENT)
        r = make_first(sv);
    if (r == 0)
        apply_system(sv->file.config);
    return r;
}

/* ---- changes ---- */

static void put_in_force(struct nvr_supervisor *sv, struct nvr_config *config)
{
    struct nvr_config *old = sv->file.config;

    sv->file.config = config;
    nvr_supervisor_warning_clear(sv, "config");
    apply_system(config);
    cameras_apply(sv, config);
    nvr_config_free(old);
    nvr_bus_publish_take(sv->bus, "config.changed", NULL);
}

int config_file_replace_take(struct nvr_supervisor *sv, struct nvr_config *new_config)
{
    const int r = nvr_config_save(new_config, sv->file.path, sv->file.versions_dir);

    if (r < 0) {
        nvr_config_free(new_config);
        return log_err(r, "write '%s'", sv->file.path);
    }
    put_in_force(sv, new_config);
    return 0;
}

static void on_debounced(uv_timer_t *timer)
{
    struct nvr_supervisor *sv = timer->data;
    NVR_AUTO(nvr_config) config = NULL;
    size_t old_len = 0;
    size_t new_len = 0;

    if (sv->stopping)
        return;
    const int r = read_config(sv, &config);

    if (r == -ENOENT) {
        log_warn("'%s' is gone; the configuration in force stays", sv->file.path);
        nvr_supervisor_warning_set(sv, "config",
                                   "The configuration file is gone; the last one stays in force");
        return;
    }
    if (r < 0)
        return;
    const char *old_text = nvr_config_get_text(sv->file.config, &old_len);
    const char *new_text = nvr_config_get_text(config, &new_len);

    if (old_len == new_len && memcmp(old_text, new_text, new_len) == 0) {
        nvr_supervisor_warning_clear(sv, "config"); /* our own write, or a mistake taken back */
        return;
    }
    log_info("'%s' was edited: loaded", sv->file.path);
    put_in_force(sv, NVR_TAKE(config));
}

static void on_fs_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct nvr_supervisor *sv = handle->data;
    const char *slash = strrchr(sv->file.path, '/');

    (void)events;
    if (status < 0 || (name && strcmp(name, slash ? slash + 1 : sv->file.path) != 0))
        return;
    (void)uv_timer_start(sv->file.debounce, on_debounced, DEBOUNCE_MS, 0);
}

int config_file_watch(struct nvr_supervisor *sv)
{
    NVR_AUTO_FREE char *copy = strdup(sv->file.path);
    int r;

    sv->file.debounce = nvr_timer_new(sv->loop, sv);
    sv->file.watch = calloc(1, sizeof(*sv->file.watch));
    if (!copy || !sv->file.debounce || !sv->file.watch)
        return -ENOMEM;
    (void)uv_fs_event_init(sv->loop, sv->file.watch);
    sv->file.watch->data = sv;
    /* The folder, not the file: editors replace the file by a new one. */
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's dirname() only writes its argument
    r = uv_fs_event_start(sv->file.watch, on_fs_event, dirname(copy), 0);
    if (r < 0)
        (void)log_warn_err(r, "watch '%s': edits by hand need a restart", sv->file.path);
    return 0;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

void config_file_close(struct nvr_supervisor *sv)
{
    nvr_timer_free(NVR_TAKE(sv->file.debounce));
    if (sv->file.watch) {
        if (sv->file.watch->loop)
            uv_close((uv_handle_t *)NVR_TAKE(sv->file.watch), free_handle);
        else
            free(NVR_TAKE(sv->file.watch));
    }
}

/* ---- the API's changes ---- */

/* What is on disk counts: an edit by hand that was not seen yet is put in force before the change,
 * and one that cannot be used must not be written over. 0 or -ESTALE. */
static int catch_up(struct nvr_supervisor *sv)
{
    NVR_AUTO(nvr_config) config = NULL;
    size_t old_len = 0;
    size_t new_len = 0;
    const int r = read_config(sv, &config);

    if (r == -ENOENT)
        return 0; /* it will be written */
    if (r < 0)
        return -ESTALE;
    const char *old_text = nvr_config_get_text(sv->file.config, &old_len);
    const char *new_text = nvr_config_get_text(config, &new_len);

    if (old_len != new_len || memcmp(old_text, new_text, new_len) != 0)
        put_in_force(sv, NVR_TAKE(config));
    return 0;
}

int nvr_supervisor_camera_add(struct nvr_supervisor *sv, const json_t *body,
                              char ret_id[NVR_SLUG_SIZE], struct nvr_config_errors *errors)
{
    struct nvr_config *config = NULL;
    int r = catch_up(sv);

    if (r == 0)
        r = nvr_config_camera_add(sv->file.config, sv->file.key, body, &config, ret_id, errors);
    return r < 0 ? r : config_file_replace_take(sv, config);
}

int nvr_supervisor_camera_put(struct nvr_supervisor *sv, const char *id, const json_t *body,
                              bool merge, struct nvr_config_errors *errors)
{
    struct nvr_config *config = NULL;
    int r = catch_up(sv);

    if (r < 0)
        return r;
    r = merge ? nvr_config_camera_patch(sv->file.config, sv->file.key, id, body, &config, errors)
              : nvr_config_camera_put(sv->file.config, sv->file.key, id, body, &config, errors);
    return r < 0 ? r : config_file_replace_take(sv, config);
}

int nvr_supervisor_camera_remove(struct nvr_supervisor *sv, const char *id, bool delete_recordings)
{
    struct nvr_config *config = NULL;
    int r = catch_up(sv);

    if (r < 0)
        return r;
    struct camera *camera = cameras_find(sv, id);

    r = nvr_config_camera_remove(sv->file.config, sv->file.key, id, &config);
    if (r < 0)
        return r;
    if (camera)
        camera->delete_recordings = delete_recordings;
    r = config_file_replace_take(sv, config);
    if (r < 0 && camera)
        camera->delete_recordings = false;
    return r;
}

int nvr_supervisor_config_patch(struct nvr_supervisor *sv, const char *section, const json_t *patch,
                                struct nvr_config_errors *errors)
{
    struct nvr_config *config = NULL;
    int r = catch_up(sv);

    if (r == 0)
        r = nvr_config_section_patch(sv->file.config, sv->file.key, section, patch, &config,
                                     errors);
    if (r < 0)
        return r;
    r = nvr_config_check_places(config, sv->recordings_dir, sv->data_dir, errors);
    if (r < 0) {
        nvr_config_errors_relative(errors, section);
        nvr_config_free(config);
        return r;
    }
    return config_file_replace_take(sv, config);
}

int nvr_supervisor_config_try(struct nvr_supervisor *sv, const char *section, const json_t *patch,
                              struct nvr_config **ret_config, struct nvr_config_errors *errors)
{
    return nvr_config_section_patch(sv->file.config, sv->file.key, section, patch, ret_config,
                                    errors);
}
