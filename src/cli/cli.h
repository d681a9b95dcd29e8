/* cli.h — the `nvr` command: what its files share. Exit codes: 0 done, 1 failed, 2 wrong usage. */
#ifndef NVR_CLI_CLI_H
#define NVR_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/json.h"

enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

#define CLI_PORT_DEFAULT 5000
#define CLI_HOST_DEFAULT "127.0.0.1"

/* Options that several commands know. Strings are borrowed from argv. */
struct cli_options {
    const char *config, *data, *listen, *server;
    const char *id, *name, *sub_url, *username, *transport; /* of a camera */
    const char *seconds;                                    /* of a recording by hand */
    const char *camera;
    const char *key;                /* public, for verify */
    const char *output, *timelapse; /* of an export */
    bool no_audio, timestamps;
    bool demo, json, delete_recordings, with_keys, deep;
    const char *args[64]; /* words after the command */
    size_t args_count;
};

struct cli_paths {
    char data[PATH_MAX];
    char config[PATH_MAX];
    char bin[PATH_MAX]; /* folder of this program */
    char camera_program[PATH_MAX];
    char media_program[PATH_MAX];
    char web[PATH_MAX]; /* "" : none */
};

/* 0, or -errno (told on stderr). */
NVR_CHECK int cli_find_paths(const struct cli_options *options, struct cli_paths *ret_paths);
/* "ADDR:PORT", "[ADDR6]:PORT" or "PORT". 0, or -EINVAL. */
NVR_CHECK int cli_parse_listen(const char *text, char *host, size_t host_size, int *ret_port);
bool cli_is_loopback(const char *host);

/* A request to the running server; request NULL: no body. The answer's body ({} when it has none),
 * or NULL: told on stderr, with --json the server's error on stdout, too. */
json_t *cli_call(const struct cli_options *options, const char *method, const char *path,
                 const json_t *request);
json_t *cli_get(const struct cli_options *options, const char *path);
/* The answer of a GET into target. CLI_DONE or CLI_FAILED, told on stderr. */
int cli_fetch(const struct cli_options *options, const char *path, int target);
/* Pretty JSON on stdout. */
int cli_print_json(const json_t *value);
void cli_format_bytes(double bytes, char *dst, size_t size);
int cli_usage_error(const char *fmt, ...) NVR_PRINTF(1, 2);

int cmd_serve(const struct cli_options *options);
int cmd_camera(const struct cli_options *options);
int cmd_recordings(const struct cli_options *options);
int cmd_export(const struct cli_options *options);
int cmd_config(const struct cli_options *options);
int cmd_backup(const struct cli_options *options);
int cmd_restore(const struct cli_options *options);
int cli_recordings_check(const struct cli_options *options);
int cmd_verify(const struct cli_options *options);
int cmd_doctor(const struct cli_options *options);
int cmd_storage(const struct cli_options *options);
/* storage.c: nvr recordings protect|unprotect|delete */
int cli_recordings_protect(const struct cli_options *options);
int cli_recordings_unprotect(const struct cli_options *options);
int cli_recordings_delete(const struct cli_options *options);
/* Becomes the simulator, and ends with its parent. argv: from the simulator's name on. */
int cmd_demo_camera(int argc, char **argv);

#endif
