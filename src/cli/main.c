/* nvr — the command. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/cli.h"

static const char help[] =
    "Heron, a network video recorder\n"
    "\n"
    "  nvr serve [--config FILE] [--data DIR] [--listen ADDR:PORT] [--demo]\n"
    "                                   run; without cameras --demo adds a simulated one\n"
    "  nvr camera list                  cameras of the running server\n"
    "  nvr camera show ID\n"
    "  nvr camera add URL [--name NAME] [--id ID] [--sub-url URL] [--username USER]\n"
    "                     [--transport tcp|udp|http]\n"
    "                                   password: in the URL, or $NVR_CAMERA_PASSWORD\n"
    "  nvr camera probe URL|ID          what does it send? (--username, --transport as above)\n"
    "  nvr camera start|stop|restart ID\n"
    "  nvr camera record ID start|stop [--seconds N]   by hand, whatever the mode says\n"
    "  nvr camera remove ID [--delete-recordings]\n"
    "  nvr recordings list [CAMERA]     newest first\n"
    "  nvr recordings protect ID [REASON] | CAMERA START END [REASON]\n"
    "                                   never deleted, for no reason\n"
    "  nvr recordings unprotect ID|RANGE\n"
    "  nvr recordings delete ID         row and file\n"
    "  nvr recordings reindex           rebuild the index from the files (server stopped)\n"
    "  nvr recordings adopt             the disk that is there now is the recordings' disk\n"
    "  nvr recordings check [--deep] [--camera ID]\n"
    "                                   files and index, also while Heron runs; --deep reads "
    "every\n"
    "                                   byte and compares it with what was recorded\n"
    "  nvr recordings repair            reindex, then check (server stopped)\n"
    "  nvr export CAMERA START END [-o FILE] [--timelapse N] [--no-audio] [--timestamps]\n"
    "                                   a range as an MP4 file, cut exactly; Ctrl-C cancels\n"
    "  nvr backup FILE [--with-keys]    database and configuration, also while Heron runs\n"
    "  nvr restore FILE                 all of it or nothing (server stopped)\n"
    "  nvr verify FILE… [--key KEY]     is an exported file what was recorded? Needs no server;\n"
    "                                   KEY: the recorder's public key, or a file with it\n"
    "  nvr config check [FILE]          is the configuration sound?\n"
    "  nvr storage                      what is stored, how fast it grows, how long it lasts\n"
    "  nvr doctor                       storage, database, sandbox, ports\n"
    "  nvr version\n"
    "\n"
    "  --json           machine-readable output\n"
    "  --server URL     the running server ($NVR_URL, http://127.0.0.1:5000)\n"
    "  --config FILE    $NVR_CONFIG, /etc/nvr/config.yaml when it exists, else DATA/config.yaml\n"
    "  --data DIR       $NVR_DATA, system.storage_path of the configuration, /var/lib/nvr for\n"
    "                   root, else ~/.local/share/nvr\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

struct command {
    const char *name;
    int (*run)(const struct cli_options *options);
};

static int cmd_help(const struct cli_options *options)
{
    (void)options;
    return fputs(help, stdout) < 0 ? CLI_FAILED : CLI_DONE;
}

static int cmd_version(const struct cli_options *options)
{
    if (options->json)
        return printf("{\"name\": \"heron\", \"version\": \"%s\"}\n", NVR_VERSION) < 0;
    return printf("Heron %s\n", NVR_VERSION) < 0;
}

static const struct command commands[] = {
    {"serve", cmd_serve},     {"camera", cmd_camera},   {"recordings", cmd_recordings},
    {"config", cmd_config},   {"doctor", cmd_doctor},   {"storage", cmd_storage},
    {"version", cmd_version}, {"help", cmd_help},       {"verify", cmd_verify},
    {"backup", cmd_backup},   {"restore", cmd_restore}, {"export", cmd_export},
};

int cli_usage_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)fputs("nvr: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputs("\nTry 'nvr help'.\n", stderr);
    va_end(ap);
    return CLI_USAGE;
}

/* Where the value of --name goes; NULL: no such option with a value. */
static const char **value_option(struct cli_options *options, const char *name, size_t len)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {
        {"--config", &options->config},
        {"--data", &options->data},
        {"--listen", &options->listen},
        {"--server", &options->server},
        {"--id", &options->id},
        {"--name", &options->name},
        {"--sub-url", &options->sub_url},
        {"--username", &options->username},
        {"--transport", &options->transport},
        {"--key", &options->key},
        {"--seconds", &options->seconds},
        {"--camera", &options->camera},
        {"-o", &options->output},
        {"--output", &options->output},
        {"--timelapse", &options->timelapse},
    };

    for (size_t i = 0; i < NVR_ARRAY_SIZE(known); i++)
        if (strlen(known[i].name) == len && strncmp(known[i].name, name, len) == 0)
            return known[i].value;
    return NULL;
}

static int parse_options(int argc, char **argv, struct cli_options *options)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        const char *equals = strchr(word, '=');
        const size_t len = equals ? (size_t)(equals - word) : strlen(word);
        const char **value = value_option(options, word, len);

        if (value && equals) {
            *value = equals + 1;
        } else if (value) {
            if (++i == argc)
                return cli_usage_error("%s needs a value", word);
            *value = argv[i];
        } else if (strcmp(word, "--json") == 0) {
            options->json = true;
        } else if (strcmp(word, "--demo") == 0) {
            options->demo = true;
        } else if (strcmp(word, "--with-keys") == 0) {
            options->with_keys = true;
        } else if (strcmp(word, "--no-audio") == 0) {
            options->no_audio = true;
        } else if (strcmp(word, "--timestamps") == 0) {
            options->timestamps = true;
        } else if (strcmp(word, "--deep") == 0) {
            options->deep = true;
        } else if (strcmp(word, "--delete-recordings") == 0) {
            options->delete_recordings = true;
        } else if (word[0] == '-') {
            return cli_usage_error("unknown option '%s'", word);
        } else if (options->args_count == NVR_ARRAY_SIZE(options->args)) {
            return cli_usage_error("too many words");
        } else {
            options->args[options->args_count++] = word;
        }
    }
    return CLI_DONE;
}

/* A missing stdin, stdout or stderr would be taken by the next file that is opened. */
static void fill_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    struct cli_options options = {0};
    const char *name = argc > 1 ? argv[1] : NULL;
    int r;

    fill_stdio();
    (void)signal(SIGPIPE, SIG_IGN);
    if (!name) {
        (void)fputs(help, stderr);
        return CLI_USAGE;
    }
    if (strcmp(name, "demo-camera") == 0)
        return cmd_demo_camera(argc - 2, argv + 2);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    r = parse_options(argc - 2, argv + 2, &options);
    if (r != CLI_DONE)
        return r;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            r = commands[i].run(&options);
            return fflush(stdout) == 0 ? r : CLI_FAILED;
        }
    }
    return cli_usage_error("unknown command '%s'", name);
}
