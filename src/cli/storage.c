/* nvr storage; nvr recordings protect|unprotect|delete */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/store/recordings.h"
#include "src/cli/cli.h"

/* ---- nvr storage ---- */

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void format_days(const json_t *object, const char *key, char *dst, size_t size)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_number(value))
        (void)snprintf(dst, size, "%.1f", json_number_value(value));
    else
        (void)snprintf(dst, size, "-");
}

static void print_location(const json_t *item)
{
    const char *tier = "";
    const char *address = "";
    const char *state = "";
    const char *error = NULL;
    char used[24];
    char left[24];
    char total[24];

    (void)nvr_json_get_str(item, "tier", &tier);
    (void)nvr_json_get_str(item, "address", &address);
    (void)nvr_json_get_str(item, "state", &state);
    (void)nvr_json_get_str(item, "error", &error);
    cli_format_bytes(number_of(item, "recordings_bytes"), used, sizeof(used));
    cli_format_bytes(number_of(item, "free_bytes"), left, sizeof(left));
    cli_format_bytes(number_of(item, "total_bytes"), total, sizeof(total));
    (void)printf("%-5s %-11s %10s of recordings, %s of %s free  %s%s%s\n", tier, state, used, left,
                 total, address, error ? ": " : "", error ? error : "");
}

static void print_camera(const json_t *item)
{
    const char *camera = "";
    char bytes[24];
    char rate[24];
    char kept[24];
    char left[16];
    char first[NVR_RFC3339_SIZE];
    int64_t first_ms = 0;

    (void)nvr_json_get_str(item, "camera", &camera);
    (void)nvr_json_get_int(item, "first", 0, INT64_MAX, &first_ms);
    nvr_rfc3339_format(first_ms, first);
    cli_format_bytes(number_of(item, "bytes"), bytes, sizeof(bytes));
    cli_format_bytes(number_of(item, "bytes_per_day"), rate, sizeof(rate));
    cli_format_bytes(number_of(item, "protected_bytes"), kept, sizeof(kept));
    format_days(item, "days_left", left, sizeof(left));
    (void)printf("%-24s %10s %10s %10s %9s  %.16s\n", camera, bytes, rate, kept, left, first);
}

static void print_forecast(const json_t *report)
{
    const json_t *forecast = json_object_get(report, "forecast");
    const char *limit = NULL;
    char left[16];

    (void)nvr_json_get_str(forecast, "limited_by", &limit);
    format_days(forecast, "days_left", left, sizeof(left));
    if (!limit)
        (void)printf("Nothing is being recorded.\n");
    else if (strcmp(limit, "days") == 0)
        (void)printf("There is room for all days that are to be kept.\n");
    else
        (void)printf(
            "In %s days the oldest recordings begin to go for want of space (system.%s_gb).\n",
            left, limit);
}

int cmd_storage(const struct cli_options *options)
{
    const json_t *item;
    size_t i;

    if (options->args_count)
        return cli_usage_error("nvr storage [--json]");
    NVR_AUTO_JSON report = cli_get(options, "/api/v1/system/storage");

    if (!report)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(report);
    json_array_foreach(json_object_get(report, "locations"), i, item) print_location(item);
    (void)printf("\n%-24s %10s %10s %10s %9s  %s\n", "CAMERA", "STORED", "PER DAY", "PROTECTED",
                 "DAYS LEFT", "OLDEST");
    json_array_foreach(json_object_get(report, "cameras"), i, item) print_camera(item);
    (void)printf("\n");
    print_forecast(report);
    return CLI_DONE;
}

/* ---- protect, unprotect, delete ---- */

static bool is_number(const char *text)
{
    return text[0] && !text[strspn(text, "0123456789")];
}

static int protect_range(const struct cli_options *options)
{
    const char *const *args = options->args;
    const char *id = "";
    int64_t start_ms = 0;
    int64_t end_ms = 0;

    if (nvr_time_parse(args[2], &start_ms) < 0 || nvr_time_parse(args[3], &end_ms) < 0)
        return cli_usage_error("START and END: 2026-01-02T03:04:05Z or milliseconds since 1970");
    NVR_AUTO_JSON body =
        json_pack("{s:s, s:I, s:I, s:s}", "camera", args[1], "start", (json_int_t)start_ms, "end",
                  (json_int_t)end_ms, "reason", options->args_count > 4 ? args[4] : "");
    NVR_AUTO_JSON made = cli_call(options, "POST", "/api/v1/recordings/protect", body);

    if (!made)
        return CLI_FAILED;
    if (options->json)
        return cli_print_json(made);
    (void)nvr_json_get_str(made, "id", &id);
    (void)printf("Range %s is protected.\n", id);
    return CLI_DONE;
}

/* One recording by its id. */
static int change_recording(const struct cli_options *options, const char *method,
                            const char *ending, const json_t *body)
{
    char path[NVR_RECORDING_ID_SIZE + 64];
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms;

    if (nvr_recording_id_parse(options->args[1], camera, &start_ms) < 0)
        return cli_usage_error("'%s' is not a recording's id (see nvr recordings list)",
                               options->args[1]);
    (void)snprintf(path, sizeof(path), "/api/v1/recordings/%s%s", options->args[1], ending);
    NVR_AUTO_JSON answer = cli_call(options, method, path, body);

    return answer ? CLI_DONE : CLI_FAILED;
}

int cli_recordings_protect(const struct cli_options *options)
{
    NVR_AUTO_JSON body = json_pack("{s:b, s:s}", "protected", 1, "reason",
                                   options->args_count == 3 ? options->args[2] : "");

    if (options->args_count == 4 || options->args_count == 5)
        return protect_range(options);
    if (options->args_count != 2 && options->args_count != 3)
        return cli_usage_error("nvr recordings protect ID [REASON] | CAMERA START END [REASON]");
    return change_recording(options, "PUT", "/protect", body);
}

int cli_recordings_unprotect(const struct cli_options *options)
{
    NVR_AUTO_JSON body = json_pack("{s:b}", "protected", 0);
    char path[96];

    if (options->args_count != 2)
        return cli_usage_error("nvr recordings unprotect ID|RANGE");
    if (!is_number(options->args[1]))
        return change_recording(options, "PUT", "/protect", body);
    if (snprintf(path, sizeof(path), "/api/v1/recordings/protected/%s", options->args[1]) >=
        (int)sizeof(path))
        return cli_usage_error("'%.20s…' is not a range", options->args[1]);
    NVR_AUTO_JSON answer = cli_call(options, "DELETE", path, NULL);

    return answer ? CLI_DONE : CLI_FAILED;
}

int cli_recordings_delete(const struct cli_options *options)
{
    if (options->args_count != 2)
        return cli_usage_error("nvr recordings delete ID");
    return change_recording(options, "DELETE", "", NULL);
}
