/* Random changes of cameras: every line that was not the changed camera's stays byte for byte, as
 * do all lines that are only a comment; what is read back is what was asked for. Seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/config/config.h"

static struct nvr_config_errors errors;
static struct nvr_config_key *key;
static uint32_t state_;

static uint32_t below(uint32_t n)
{
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % n;
}

static const char *const samples[] = {
    "# Heron\nversion: \"1.0\" # format\n\nsystem:\n  name: Home # n\n\n# All cameras\ncameras:\n"
    "  # The first\n  - id: front # id\n    # its name\n    name: Front # n\n    stream: # where\n"
    "      # main\n      url: rtsp://h/1 # u\n      transport: tcp\n    recording:\n"
    "      # ten\n      segment_seconds: 10 # s\n    tags:\n      # one\n      - out # t\n"
    "      - door\n\n  # The second\n  - id: back\n    stream: {url: \"rtsp://h/2\", transport: "
    "udp}"
    " # flow\n    tags: [a, b] # list\n\n# The end\nusers: [] # later\n",
    "cameras:\r\n- # dash\r\n  id: a # i\r\n  stream:\r\n     url: 'rtsp://h/1' # q\r\n"
    "     # inner\r\n     sub_url: \"rtsp://h/s\"\r\n- id: b\r\n  name: |\r\n    Two\r\n  # "
    "after\r\n"
    "  stream:\r\n     url: rtsp://h/2\r\n# end",
    "# empty\n",
    "cameras: [] # none\n# end\n",
};

static bool is_comment(const char *line, size_t len)
{
    size_t i = 0;

    while (i < len && line[i] == ' ')
        i++;
    return i < len && line[i] == '#';
}

struct line {
    const char *p;
    size_t n;
};

static size_t split(const char *text, struct line *lines, size_t max)
{
    size_t count = 0;

    while (*text && count < max) {
        const char *end = strchr(text, '\n');
        size_t n = end ? (size_t)(end - text) : strlen(text);

        lines[count++] = (struct line){text, n > 0 && text[n - 1] == '\r' ? n - 1 : n};
        text += n + (end ? 1 : 0);
    }
    return count;
}

static size_t indent_of(const struct line *line)
{
    size_t i = 0;

    while (i < line->n && line->p[i] == ' ')
        i++;
    return i;
}

static bool says_id(const struct line *line, const char *id)
{
    size_t i = indent_of(line);
    const size_t n = strlen(id);

    if (i + 1 < line->n && line->p[i] == '-')
        i += 2;
    if (line->n < i + 4 || memcmp(line->p + i, "id: ", 4) != 0)
        return false;
    i += 4;
    if (line->p[i] == '"')
        i++;
    if (line->n < i + n || memcmp(line->p + i, id, n) != 0)
        return false;
    return line->n == i + n || line->p[i + n] == '"' || line->p[i + n] == ' ';
}

/* Lines [first, end) are the camera's: from its dash to the next line that is not deeper. */
static void camera_lines(const struct line *lines, size_t count, const char *id, size_t *ret_first,
                         size_t *ret_end)
{
    size_t at = 0, depth;

    while (at < count && !says_id(&lines[at], id))
        at++;
    assert_true(at < count);
    while (at > 0 && lines[at].p[indent_of(&lines[at])] != '-')
        at--;
    *ret_first = at;
    depth = indent_of(&lines[at]);
    for (at++; at < count; at++) {
        if (lines[at].n > 0 && indent_of(&lines[at]) <= depth &&
            !is_comment(lines[at].p, lines[at].n))
            break;
    }
    *ret_end = at;
}

/* Every line of before that must stay is in after, in order. */
static void check_lines(const char *before, const char *after, const char *id, bool removed)
{
    static struct line old[2000], new[2000];
    const size_t old_count = split(before, old, 2000), new_count = split(after, new, 2000);
    size_t first = 0, end = 0, at = 0;

    if (id)
        camera_lines(old, old_count, id, &first, &end);
    for (size_t i = 0; i < old_count; i++) {
        if (i >= first && i < end && (removed || !is_comment(old[i].p, old[i].n)))
            continue;
        /* The line that the list begins on may change with its first and last camera. */
        if (strncmp(old[i].p, "cameras:", 8) == 0)
            continue;
        while (at < new_count &&
               !(new[at].n == old[i].n &&memcmp(new[at].p, old[i].p, old[i].n) == 0))
            at++;
        if (at++ == new_count)
            fail_msg("lost \"%.*s\"\n--- before\n%s\n--- after\n%s", (int)old[i].n, old[i].p,
                     before, after);
    }
}

static const char *const words[] = {
    "yes",  "0123", ": #",  "a b",  "Höhle", "x\ny",  "- a",   "it's", "\"q\"",
    "null", "{x}",  "end:", "# no", "1e5",   "plain", "tab\t", "@",    "ünï: cödé"};

static json_t *random_body(bool whole)
{
    json_t *body = json_object(), *stream = json_object(), *tags = json_array();
    char url[64];

    for (uint32_t n = below(4); n > 0; n--)
        json_array_append_new(tags, json_string(words[below(NVR_ARRAY_SIZE(words))]));
    (void)snprintf(url, sizeof(url), "rtsp://host-%u/a?b=%u", below(9), below(9));
    if (whole || below(2))
        json_object_set_new(stream, "url", json_string(url));
    if (below(3) == 0)
        json_object_set_new(stream, "transport", json_string(below(2) ? "udp" : "http"));
    if (below(3) == 0)
        json_object_set_new(stream, "password", json_string(words[below(NVR_ARRAY_SIZE(words))]));
    if (whole || below(2))
        json_object_set_new(body, "name", json_string(words[below(NVR_ARRAY_SIZE(words))]));
    if (below(2))
        json_object_set_new(body, "tags", json_incref(tags));
    if (below(2))
        json_object_set_new(
            body, "recording",
            json_pack("{s:i,s:b}", "segment_seconds", 2 + below(58), "audio", below(2)));
    if (below(3) == 0)
        json_object_set_new(body, "location", json_pack("{s:f}", "lat", below(900) / 10.0));
    if (whole || json_object_size(stream) > 0)
        json_object_set_new(body, "stream", json_incref(stream));
    json_decref(stream);
    json_decref(tags);
    return body;
}

static void check_result(const struct nvr_config *after, const char *id, const json_t *body)
{
    NVR_AUTO_JSON shown = nvr_config_camera_to_json(after, id);
    static const char *const keys[] = {"name", "tags"};

    assert_non_null(shown);
    for (size_t i = 0; i < NVR_ARRAY_SIZE(keys); i++) {
        const json_t *wanted = json_object_get(body, keys[i]);

        if (wanted)
            assert_true(json_equal(wanted, json_object_get(shown, keys[i])));
    }
}

static struct nvr_config *step(const struct nvr_config *config)
{
    const size_t count = nvr_config_get_camera_count(config);
    const uint32_t op = count == 0 ? 0 : below(8);
    const char *id = count ? nvr_config_get_camera(config, below((uint32_t)count))->id : NULL;
    NVR_AUTO_JSON body = random_body(op < 2 || op == 7);
    struct nvr_config *after = NULL;
    char new_id[NVR_SLUG_SIZE];
    const char *before, *text;
    size_t len;
    int r;

    if (op < 2 && count < 8)
        r = nvr_config_camera_add(config, key, body, &after, new_id, &errors);
    else if (op == 2 && count > 2)
        r = nvr_config_camera_remove(config, key, id, &after);
    else if (op == 7)
        r = nvr_config_camera_put(config, key, id, body, &after, &errors);
    else
        r = nvr_config_camera_patch(config, key, id, body, &after, &errors);
    before = nvr_config_get_text(config, &len);
    if (r < 0)
        fail_msg("%d %s %s in\n%s", r, errors.items[0].field, errors.items[0].message, before);
    text = nvr_config_get_text(after, &len);
    if (op < 2 && count < 8)
        check_lines(before, text, NULL, false);
    else
        check_lines(before, text, id, op == 7 || nvr_config_get_camera_count(after) < count);
    if (nvr_config_get_camera_count(after) >= count)
        check_result(after, op < 2 && count < 8 ? new_id : id, body);
    return after;
}

static void test_random_changes(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 24; seed++) {
        struct nvr_config *config = NULL;
        const char *text = samples[seed % NVR_ARRAY_SIZE(samples)];

        state_ = seed * 2654435761u;
        assert_int_equal(nvr_config_parse(text, strlen(text), key, &config, &errors), 0);
        for (int i = 0; i < 25; i++) {
            struct nvr_config *after = step(config);

            nvr_config_free(config);
            config = after;
        }
        nvr_config_free(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_changes)};
    int failed;

    (void)setenv("NVR_SECRET_KEY",
                 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    if (nvr_config_key_open("/nonexistent", &key) < 0)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    nvr_config_key_free(key);
    return failed;
}
