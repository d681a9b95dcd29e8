/* Where things are: data, configuration, the other programs, the web files. */
#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "src/cli/cli.h"

#define CONFIG_DEFAULT "/etc/nvr/config.yaml"
#define DATA_DEFAULT "/var/lib/nvr"
#define CONFIG_READ_MAX (4 * 1024 * 1024)

static int set_path(char dst[PATH_MAX], const char *path)
{
    char cwd[PATH_MAX];

    if (path[0] == '/')
        return nvr_fmt(dst, PATH_MAX, "%s", path) < 0 ? -ENAMETOOLONG : 0;
    if (!getcwd(cwd, sizeof(cwd)))
        return -errno;
    return nvr_path_join(dst, PATH_MAX, cwd, path);
}

/* system.storage_path, before anything is loaded (the key that loading needs lies in there). A line
 * "  storage_path: VALUE" is looked for; what it means is checked when the file is loaded. */
static bool peek_storage_path(const char *config, char dst[PATH_MAX])
{
    struct nvr_buf text;
    bool found = false;

    nvr_buf_init(&text, CONFIG_READ_MAX);
    if (nvr_file_read(config, &text) == 0) {
        struct nvr_str rest = {(const char *)text.data, text.len};

        while (rest.p && !found) {
            struct nvr_str line = nvr_str_cut(&rest, '\n');

            line = nvr_str_trim(line);
            if (!nvr_str_starts(line, NVR_STR("storage_path:")))
                continue;
            (void)nvr_str_cut(&line, ':');
            line = nvr_str_trim(line);
            if (line.n >= 2 && (line.p[0] == '"' || line.p[0] == '\'') &&
                line.p[line.n - 1] == line.p[0])
                line = (struct nvr_str){line.p + 1, line.n - 2};
            found = line.n && line.p[0] == '/' && nvr_str_copy(dst, PATH_MAX, line) == 0;
        }
    }
    nvr_buf_done(&text);
    return found;
}

static int find_data(const struct cli_options *options, const char *config, char dst[PATH_MAX])
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    const char *home = getenv("HOME");
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    const char *data = options->data ? options->data : getenv("NVR_DATA");

    if (data && data[0])
        return set_path(dst, data);
    if (config[0] && peek_storage_path(config, dst))
        return 0;
    if (geteuid() == 0 || access(DATA_DEFAULT, W_OK) == 0 || !home || !home[0])
        return set_path(dst, DATA_DEFAULT);
    return nvr_path_join(dst, PATH_MAX, home, ".local/share/nvr");
}

static int find_programs(struct cli_paths *paths)
{
    static const char *const web[] = {"../web", "../share/nvr/web"};
    char path[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n < 0)
        return -errno;
    path[n] = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's dirname() only writes its argument
    int r = set_path(paths->bin, dirname(path));

    if (r == 0)
        r = nvr_path_join(paths->camera_program, PATH_MAX, paths->bin, "nvr-camera");
    if (r == 0)
        r = nvr_path_join(paths->media_program, PATH_MAX, paths->bin, "nvr-media");
    for (size_t i = 0; r == 0 && i < NVR_ARRAY_SIZE(web) && !paths->web[0]; i++) {
        r = nvr_fmt(paths->web, PATH_MAX, "%s/%s/index.html", paths->bin, web[i]) < 0
                ? -ENAMETOOLONG
                : 0;
        if (r == 0 && access(paths->web, R_OK) < 0)
            paths->web[0] = 0;
        else if (r == 0)
            *strrchr(paths->web, '/') = 0;
    }
    return r;
}

int cli_find_paths(const struct cli_options *options, struct cli_paths *ret_paths)
{
    struct cli_paths *paths = ret_paths;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    const char *config = options->config ? options->config : getenv("NVR_CONFIG");
    int r;

    *paths = (struct cli_paths){0};
    if ((!config || !config[0]) && access(CONFIG_DEFAULT, F_OK) == 0)
        config = CONFIG_DEFAULT;
    r = config && config[0] ? set_path(paths->config, config) : 0;
    if (r == 0)
        r = find_data(options, paths->config, paths->data);
    if (r == 0 && !paths->config[0])
        r = nvr_path_join(paths->config, PATH_MAX, paths->data, "config.yaml");
    if (r == 0)
        r = find_programs(paths);
    if (r < 0)
        (void)fprintf(stderr, "nvr: %s\n", nvr_strerror(r));
    return r;
}

int cli_parse_listen(const char *text, char *host, size_t host_size, int *ret_port)
{
    const char *colon = strrchr(text, ':');
    struct nvr_str address = NVR_STR(CLI_HOST_DEFAULT);
    uint64_t port = 0;
    struct in6_addr any;

    if (colon)
        address = (struct nvr_str){text, (size_t)(colon - text)};
    if (address.n >= 2 && address.p[0] == '[' && address.p[address.n - 1] == ']')
        address = (struct nvr_str){address.p + 1, address.n - 2};
    if (nvr_str_to_u64(nvr_str_from(colon ? colon + 1 : text), 65535, &port) < 0 ||
        nvr_str_copy(host, host_size, address) < 0)
        return -EINVAL;
    if (strcmp(host, "localhost") == 0 &&
        nvr_str_copy(host, host_size, NVR_STR(CLI_HOST_DEFAULT)) < 0)
        return -EINVAL;
    if (inet_pton(AF_INET, host, &any) != 1 && inet_pton(AF_INET6, host, &any) != 1)
        return -EINVAL;
    *ret_port = (int)port;
    return 0;
}

bool cli_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}
