/* options.c — the command line's and the configuration file's mounts and their faults. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/simcam/simcam.h"

enum kind {
    KIND_FLAG,
    KIND_NUMBERS, /* up to two, "A:B" */
    KIND_SPECIAL,
};

struct option {
    const char *name;
    enum kind kind;
    size_t first, second; /* offsets in struct sim_faults */
};

#define FLAG(name, field)                                                                          \
    {                                                                                              \
        name, KIND_FLAG, offsetof(struct sim_faults, field), 0                                     \
    }
#define NUMBER(name, field)                                                                        \
    {                                                                                              \
        name, KIND_NUMBERS, offsetof(struct sim_faults, field), offsetof(struct sim_faults, field) \
    }
#define NUMBERS(name, a, b)                                                                        \
    {                                                                                              \
        name, KIND_NUMBERS, offsetof(struct sim_faults, a), offsetof(struct sim_faults, b)         \
    }

static const struct option options[] = {
    FLAG("badsdp", bad_sdp),
    FLAG("noaudio", no_audio),
    FLAG("nosprop", no_parameter_sets),
    FLAG("notcp", no_tcp),
    FLAG("noudp", no_udp),
    FLAG("novideo", no_video),
    FLAG("refuse", refuse),
    FLAG("silent", silent),
    FLAG("zerosize", zero_size),
    FLAG("startany", start_anywhere),
    NUMBER("jitter", jitter_ms),
    NUMBER("loss", loss_percent),
    NUMBER("nokey", no_key_for),
    NUMBER("rawgarbage", raw_garbage_after),
    NUMBER("skew", skew_ppm),
    NUMBER("slow", slow_bytes),
    NUMBER("timeout", session_timeout),
    NUMBERS("drop", drop_after, drop_for),
    NUMBERS("garbage", garbage_after, garbage_for),
    NUMBERS("stall", stall_every, stall_for),
};

static double number(struct nvr_str s, int *error)
{
    double value = 0;

    if (nvr_str_to_double(s, &value) < 0)
        *error = -EINVAL;
    return value;
}

static int set_simple(struct sim_mount *mount, const struct option *option, struct nvr_str value)
{
    char *base = (char *)&mount->faults;
    struct nvr_str rest = value;
    double *first = (void *)(base + option->first);
    double *second = (void *)(base + option->second);
    int r = 0;

    if (option->kind == KIND_FLAG) {
        *(bool *)(base + option->first) = !nvr_str_eq(value, NVR_STR("0"));
        return 0;
    }
    *first = number(nvr_str_cut(&rest, ':'), &r);
    if (rest.n && second != first)
        *second = number(rest, &r);
    return r;
}

/* EVERY:BY[:TIMES] */
static int set_jump(struct sim_mount *mount, struct nvr_str value)
{
    int r = 0;

    mount->faults.jump_every = number(nvr_str_cut(&value, ':'), &r);
    mount->faults.jump_by = number(nvr_str_cut(&value, ':'), &r);
    mount->faults.jump_count = value.n ? (int)number(value, &r) : 0;
    mount->next_jump_us = 0;
    return r;
}

static int set_auth_type(struct sim_mount *mount, struct nvr_str value)
{
    if (nvr_str_eq(value, NVR_STR("basic")))
        mount->auth_types = SIM_AUTH_BASIC;
    else if (nvr_str_eq(value, NVR_STR("digest")))
        mount->auth_types = SIM_AUTH_DIGEST;
    else if (nvr_str_eq(value, NVR_STR("both")))
        mount->auth_types = SIM_AUTH_BASIC | SIM_AUTH_DIGEST;
    else
        return -EINVAL;
    return 0;
}

static int set_alternative(struct sim_mount *mount, const char *name)
{
    struct sim_file *file = sim_file_load(name);

    if (!file || file->track_count < mount->source[0]->track_count)
        return -EINVAL;
    mount->source[1] = file;
    return 0;
}

/* value is the tail of a NUL-terminated string. */
static int set_special(struct sim_mount *mount, struct nvr_str name, struct nvr_str value)
{
    int r = 0;

    if (nvr_str_eq(name, NVR_STR("alt")))
        return set_alternative(mount, value.p ? value.p : "");
    if (nvr_str_eq(name, NVR_STR("auth"))) {
        if (!value.p || !strchr(value.p, ':'))
            return -EINVAL;
        free(mount->auth);
        mount->auth = sim_strdup(value.p);
        return 0;
    }
    if (nvr_str_eq(name, NVR_STR("authtype")))
        return set_auth_type(mount, value);
    if (nvr_str_eq(name, NVR_STR("tsjump")))
        return set_jump(mount, value);
    if (nvr_str_eq(name, NVR_STR("redirect")))
        return nvr_str_copy(mount->faults.redirect, sizeof(mount->faults.redirect), value);
    if (nvr_str_eq(name, NVR_STR("sr"))) {
        mount->report_every = number(value, &r);
        return r;
    }
    if (nvr_str_eq(name, NVR_STR("phase"))) {
        mount->t0_us = nvr_clock_mono_us() - sim_seconds_us(number(value, &r));
        return r;
    }
    if (nvr_str_eq(name, NVR_STR("start"))) {
        mount->faults.start_anywhere = nvr_str_eq(value, NVR_STR("any"));
        return 0;
    }
    if (nvr_str_eq(name, NVR_STR("stamp"))) {
        mount->stamp = true;
        return 0;
    }
    return -EINVAL;
}

int sim_option_set(struct sim_mount *mount, const char *text)
{
    struct nvr_str value = nvr_str_from(text);
    const struct nvr_str name = nvr_str_cut(&value, '=');
    const struct option *option = NULL;
    int r;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(options); i++)
        if (nvr_str_eq(name, nvr_str_from(options[i].name)))
            option = &options[i];
    r = option ? set_simple(mount, option, value) : set_special(mount, name, value);
    if (r < 0)
        sim_log(0, "%s: bad option %s", mount->path, text);
    return r;
}

static int add_mount(struct sim_server *server, const char *path, const char *file_name,
                     struct nvr_str rest)
{
    struct sim_mount *mount = sim_calloc(1, sizeof(*mount));
    struct sim_file *file = sim_file_load(file_name);

    if (!file)
        return -EINVAL;
    mount->path = sim_strdup(path);
    mount->source[0] = mount->source[1] = file;
    mount->report_every = 5;
    mount->auth_types = SIM_AUTH_DIGEST;
    /* Cameras are not in step. */
    mount->t0_us = nvr_clock_mono_us() - (int64_t)(sim_random() % (uint64_t)file->period_us);
    for (int i = 0; i < SIM_TRACKS_MAX; i++)
        mount->ts_base[i] = sim_random();
    while (rest.n) {
        const struct nvr_str option = nvr_str_trim(nvr_str_cut(&rest, ' '));
        NVR_AUTO_FREE char *text = nvr_str_dup(option);

        if (!text)
            return -ENOMEM;
        if (*text == '#')
            break;
        if (*text && sim_option_set(mount, text) < 0)
            return -EINVAL;
    }
    server->mounts = sim_realloc(server->mounts, sizeof(mount) * (size_t)(server->mount_count + 1));
    server->mounts[server->mount_count++] = mount;
    return 0;
}

/* "{A-B}" at range.p; false: there is none. */
static bool parse_range(const char *path, struct nvr_str *ret_range, uint64_t *ret_from,
                        uint64_t *ret_to)
{
    const char *open = strchr(path, '{');
    const char *close = open ? strchr(open, '}') : NULL;
    struct nvr_str inner;
    struct nvr_str from;

    if (!close)
        return false;
    inner = (struct nvr_str){open + 1, (size_t)(close - open - 1)};
    *ret_range = (struct nvr_str){open, (size_t)(close - open + 1)};
    from = nvr_str_cut(&inner, '-');
    return nvr_str_to_u64(from, 9999, ret_from) == 0 && nvr_str_to_u64(inner, 9999, ret_to) == 0;
}

static struct nvr_str next_word(struct nvr_str *line)
{
    *line = nvr_str_trim(*line);
    return nvr_str_cut(line, ' ');
}

int sim_options_add_line(struct sim_server *server, const char *line)
{
    struct nvr_str rest = nvr_str_from(line);
    const struct nvr_str path_word = next_word(&rest);
    const struct nvr_str file_word = next_word(&rest);
    NVR_AUTO_FREE char *path = nvr_str_dup(path_word);
    NVR_AUTO_FREE char *file = nvr_str_dup(file_word);
    struct nvr_str range;
    uint64_t from;
    uint64_t to;
    int r = 0;

    if (!path || !file)
        return -ENOMEM;
    rest = nvr_str_trim(rest);
    if (!*path || *path == '#')
        return 0;
    if (!parse_range(path, &range, &from, &to))
        return add_mount(server, path, file, rest);
    for (uint64_t i = from; i <= to && r == 0; i++) {
        char one[300];

        r = nvr_fmt(one, sizeof(one), "%.*s%llu%s", (int)(range.p - path), path,
                    (unsigned long long)i, range.p + range.n);
        if (r > 0)
            r = add_mount(server, one, file, rest);
    }
    return r;
}
