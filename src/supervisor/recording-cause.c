#include "src/supervisor/recording-cause.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/macros.h"

static const struct {
    const char *code;
    enum nvr_cause cause;
} codes[] = {
    {"unreachable", NVR_CAUSE_NETWORK},    {"refused", NVR_CAUSE_NETWORK},
    {"timeout", NVR_CAUSE_NETWORK},        {"ended", NVR_CAUSE_CAMERA},
    {"bad_credentials", NVR_CAUSE_CAMERA}, {"not_found", NVR_CAUSE_CAMERA},
    {"unsupported", NVR_CAUSE_CAMERA},     {"protocol", NVR_CAUSE_CAMERA},
    {"no_video", NVR_CAUSE_CAMERA},        {"disk", NVR_CAUSE_DISK},
};

static void set(struct recording_state *state, enum nvr_cause cause, const char *detail)
{
    state->cause = (int)cause;
    (void)snprintf(state->detail, sizeof(state->detail), "%s", detail);
    while (state->detail[0] && !nvr_str_is_utf8(nvr_str_from(state->detail)))
        state->detail[strlen(state->detail) - 1] = '\0';
}

/* Somebody wanted it so: whatever else is the matter does not count. */
static bool operator_wants(const struct recording_view *view, struct recording_state *state)
{
    const char *detail = view->removed    ? "The camera was removed."
                         : !view->enabled ? "The camera is switched off in the configuration."
                         : view->stopped  ? "The camera was stopped."
                         : !view->record  ? "Recording is switched off for this camera."
                         : view->stopping ? "Heron was stopped."
                                          : NULL;

    if (detail)
        set(state, NVR_CAUSE_OPERATOR, detail);
    return detail != NULL;
}

static void mode_wants(const struct recording_view *view, struct recording_state *state)
{
    char detail[NVR_CAUSE_DETAIL_SIZE];

    (void)snprintf(detail, sizeof(detail),
                   strcmp(view->mode, "motion") == 0   ? "Only motion is recorded."
                   : strcmp(view->mode, "events") == 0 ? "Only events are recorded."
                                                       : "The schedule says not to record.");
    set(state, NVR_CAUSE_SCHEDULE, detail);
}

/* "crashed" and "unhealthy" are the core's own: its process is to blame, not the camera. */
static void offline(const struct recording_view *view, struct recording_state *state)
{
    for (size_t i = 0; i < NVR_ARRAY_SIZE(codes); i++)
        if (strcmp(codes[i].code, view->error_code) == 0) {
            set(state, codes[i].cause, view->error);
            return;
        }
    set(state, NVR_CAUSE_SYSTEM,
        view->error[0] ? view->error : "The process of this camera is not running.");
}

/* It is on its way: what was the matter before still is. */
static void keep(const struct recording_state *before, const char *detail,
                 struct recording_state *state)
{
    if (before->cause == RECORDING || before->cause == NVR_CAUSE_SCHEDULE)
        set(state, NVR_CAUSE_SYSTEM, detail);
    else
        *state = *before;
}

void recording_cause(const struct recording_view *view, const struct recording_state *before,
                     struct recording_state *ret_state)
{
    *ret_state = (struct recording_state){.cause = RECORDING};
    if (operator_wants(view, ret_state))
        return;
    if (!view->wanted) {
        mode_wants(view, ret_state);
        return;
    }
    if (view->status == RECORDING_OFFLINE)
        offline(view, ret_state);
    else if (view->disk_error[0])
        set(ret_state, NVR_CAUSE_DISK, view->disk_error);
    else if (view->status == RECORDING_STARTING)
        keep(before, "The process of this camera is being started.", ret_state);
    else if (view->silent)
        set(ret_state, NVR_CAUSE_NETWORK, RECORDING_SILENT_WORDS);
    else if (!view->active)
        keep(before, "No picture that a file can begin with has come yet.", ret_state);
}
