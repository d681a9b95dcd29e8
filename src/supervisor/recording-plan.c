#include "src/supervisor/recording-plan.h"

#include "lib/base/macros.h"

const char *recording_reason_name(enum recording_reason reason)
{
    static const char *const names[] = {"off", "continuous", "schedule", "trigger", "manual"};

    return names[reason];
}

static int64_t post_of(const struct recording_rules *rules, enum nvr_trigger_kind kind)
{
    return kind == NVR_TRIGGER_MANUAL ? 0 : rules->post_ms; /* who presses stop means it */
}

static int64_t pre_of(const struct recording_rules *rules, enum nvr_trigger_kind kind)
{
    return kind == NVR_TRIGGER_MANUAL ? 0 : rules->pre_ms;
}

void recording_plan_add(struct recording_plan *plan, const struct recording_rules *rules,
                        enum nvr_trigger_kind kind, int64_t start_ms, int64_t end_ms,
                        int64_t now_ms)
{
    if (plan->spans[kind].is_set && plan->spans[kind].end_ms + post_of(rules, kind) > now_ms) {
        start_ms = NVR_MIN(start_ms, plan->spans[kind].start_ms);
        end_ms = NVR_MAX(end_ms, plan->spans[kind].end_ms);
    }
    plan->spans[kind].is_set = true;
    plan->spans[kind].start_ms = start_ms;
    plan->spans[kind].end_ms = end_ms;
}

void recording_plan_end(struct recording_plan *plan, enum nvr_trigger_kind kind)
{
    plan->spans[kind].is_set = false;
}

void recording_plan_shift(struct recording_plan *plan, int64_t by_ms)
{
    for (int i = 0; i < NVR_TRIGGER_KINDS; i++) {
        plan->spans[i].start_ms += by_ms;
        plan->spans[i].end_ms += by_ms;
    }
    if (plan->mode_since_ms)
        plan->mode_since_ms = NVR_MAX(plan->mode_since_ms + by_ms, (int64_t)1);
}

static enum nvr_record_mode base_mode(const struct recording_rules *rules, int64_t now_ms,
                                      int64_t *ret_next_ms)
{
    static const enum nvr_record_mode modes[] = {NVR_RECORD_CONTINUOUS, NVR_RECORD_MOTION,
                                                 NVR_RECORD_EVENTS};

    *ret_next_ms = INT64_MAX;
    if (!rules->enabled)
        return NVR_RECORD_OFF;
    if (rules->mode == NVR_RECORDING_SCHEDULED)
        return nvr_schedule_at(rules->schedule, rules->zone, now_ms, ret_next_ms);
    return modes[rules->mode];
}

static bool counts(enum nvr_trigger_kind kind, enum nvr_record_mode mode)
{
    if (kind == NVR_TRIGGER_MANUAL)
        return true;
    return mode == NVR_RECORD_MOTION || (mode == NVR_RECORD_EVENTS && kind == NVR_TRIGGER_EVENT);
}

static void join(struct recording_now *now, int64_t from_ms, int64_t until_ms)
{
    now->from_ms = now->until_ms ? NVR_MIN(now->from_ms, from_ms) : from_ms;
    now->until_ms = NVR_MAX(now->until_ms, until_ms);
}

static void join_spans(const struct recording_plan *plan, const struct recording_rules *rules,
                       int64_t now_ms, struct recording_now *now)
{
    for (int i = 0; i < NVR_TRIGGER_KINDS; i++) {
        const enum nvr_trigger_kind kind = (enum nvr_trigger_kind)i;
        const int64_t until_ms = plan->spans[i].end_ms + post_of(rules, kind);

        if (!plan->spans[i].is_set || until_ms + RECORDING_LINGER_MS <= now_ms ||
            !counts(kind, now->mode))
            continue;
        join(now, NVR_MAX(plan->spans[i].start_ms - pre_of(rules, kind), (int64_t)1), until_ms);
        if (until_ms > now_ms && (now->reason == RECORDING_OFF || now->reason == RECORDING_TRIGGER))
            now->reason = kind == NVR_TRIGGER_MANUAL ? RECORDING_MANUAL : RECORDING_TRIGGER;
        now->next_look_ms = NVR_MIN(now->next_look_ms,
                                    until_ms > now_ms ? until_ms : until_ms + RECORDING_LINGER_MS);
    }
}

struct recording_now recording_plan_look(struct recording_plan *plan,
                                         const struct recording_rules *rules, int64_t now_ms)
{
    struct recording_now now = {.reason = RECORDING_OFF};

    now.mode = base_mode(rules, now_ms, &now.next_mode_ms);
    now.next_look_ms = now.next_mode_ms;
    if (!plan->has_mode || plan->mode != now.mode)
        plan->mode_since_ms = plan->has_mode ? now_ms : 0;
    plan->has_mode = true;
    plan->mode = now.mode;
    if (!rules->enabled)
        return now;
    if (now.mode == NVR_RECORD_CONTINUOUS) {
        now.reason =
            rules->mode == NVR_RECORDING_SCHEDULED ? RECORDING_SCHEDULE : RECORDING_CONTINUOUS;
        join(&now, plan->mode_since_ms, now.next_mode_ms);
    }
    join_spans(plan, rules, now_ms, &now);
    return now;
}
