#include "src/storage/tiers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/store/tiers.h"

NVR_LOG_TOPIC("tiers");

#define TICK_MS 1000
#define DAY_MS 86400000.0
#define COPY_TIMEOUT_MS 60000
#define COPY_SLOWEST 100 /* bytes a millisecond: what a slow line must manage */
#define REMOVE_TIMEOUT_MS 30000
#define STAGES 2 /* from hot, from warm */

static const struct nvr_metric metric_backlog = {
    "heron_tier_backlog_segments", "Recordings that shall move to this tier and did not yet",
    NVR_METRIC_GAUGE};
static const struct nvr_metric metric_moved = {
    "heron_tier_moved_bytes_total", "Bytes of recordings moved to this tier", NVR_METRIC_COUNTER};

/* One recording on its way. */
struct move {
    struct move *next;
    struct tiers *tiers;
    struct stage *stage;
    struct nvr_tier_segment segment;
    enum nvr_tier to_tier;
    int64_t to;    /* location */
    bool copied;   /* and verified; the row is next */
    bool holding;  /* no comparison begins */
    bool sweeping; /* not a move: only what is left over at the source goes */
    bool moved;    /* by the write job: the row says the new place */
    int result;
};

struct stage {
    enum nvr_tier from;
    struct nvr_tier_segment planned[TIERS_PLAN_MAX];
    size_t planned_count, planned_at;
    unsigned active;
    int64_t backlog, moved_bytes;
};

/* A file that cannot be moved itself: damaged, or gone. */
struct skipped {
    char camera_id[NVR_SLUG_SIZE];
    int64_t start_ms, until_ms;
};

/* Pool work: what is due. */
struct plan {
    uv_work_t work;
    struct tiers *tiers;
    struct nvr_store *store;
    struct {
        bool wanted;
        enum nvr_tier tier;
        int64_t before_ms;
        struct nvr_tier_segment found[NVR_RANKS * TIERS_PLAN_MAX];
        size_t count, skipped;
        int64_t backlog;
    } stages[STAGES];
    struct skipped skips[TIERS_SKIPPED_MAX];
    size_t skips_count;
    int64_t bytes[NVR_TIERS], segments[NVR_TIERS];
    bool sweep; /* the first one: newest rows of warm and cold, for left-overs */
    int result;
};

struct tiers {
    struct nvr_storage *storage;
    struct places *places;
    struct stage stages[STAGES];
    struct move *moves;
    struct skipped skips[TIERS_SKIPPED_MAX];
    size_t skips_count;
    uv_timer_t *timer;
    struct plan *plan; /* under way */
    int64_t planned_ms;
    bool more, swept, stopping;
    int64_t bytes[NVR_TIERS], segments[NVR_TIERS]; /* as last planned */
};

struct places *tiers_get_places(const struct nvr_storage *storage)
{
    return storage->tiers ? storage->tiers->places : NULL;
}

/* Where recordings of a tier go next; NULL: nowhere. */
static struct place *next_place(const struct tiers *tiers, enum nvr_tier from)
{
    struct place *warm = from == NVR_TIER_HOT ? places_of_tier(tiers->places, NVR_TIER_WARM) : NULL;

    return warm ? warm : places_of_tier(tiers->places, NVR_TIER_COLD);
}

static double days_of(const struct tiers *tiers, enum nvr_tier from)
{
    const struct nvr_storage_config *config =
        nvr_config_get_storage(nvr_supervisor_get_config(tiers->storage->supervisor));

    return from == NVR_TIER_HOT ? config->hot_days : config->warm.days;
}

static void pump(struct tiers *tiers);

/* ---- the end of a move ---- */

static void release(struct move *move)
{
    if (move->holding)
        nvr_supervisor_hold_compare(move->tiers->storage->supervisor, false);
    move->holding = false;
}

static void end_move(struct move *move)
{
    struct tiers *tiers = move->tiers;
    struct move **link = &tiers->moves;

    release(move);
    while (*link != move)
        link = &(*link)->next;
    *link = move->next;
    if (move->stage)
        move->stage->active--;
    free(move);
    pump(tiers);
    storage_check_stopped(tiers->storage);
}

static void skip(struct tiers *tiers, const struct nvr_tier_segment *segment)
{
    struct skipped *entry;

    /* When there are too many the oldest is tried again first. */
    if (tiers->skips_count == TIERS_SKIPPED_MAX)
        memmove(tiers->skips, tiers->skips + 1, --tiers->skips_count * sizeof(*tiers->skips));
    entry = &tiers->skips[tiers->skips_count++];
    *entry = (struct skipped){.start_ms = segment->start_ms,
                              .until_ms = nvr_clock_mono_ms() + TIERS_SKIP_MS};
    memcpy(entry->camera_id, segment->camera_id, sizeof(entry->camera_id));
}

static void on_removed(const struct keeper_reply *reply, void *arg)
{
    struct move *move = arg;

    if (reply->error < 0)
        log_warn("'%s' is left over where it was: %s", move->segment.file_path, reply->words);
    end_move(move);
}

static json_t *location_to_call(const struct tiers *tiers, int64_t location)
{
    const struct place *place;

    if (location == NVR_LOCATION_HOT)
        return places_hot_to_call(tiers->places);
    place = places_find(tiers->places, location);
    return place ? place_to_call(place) : NULL;
}

static void remove_at(struct move *move, int64_t location)
{
    json_t *at = location_to_call(move->tiers, location);

    if (!at) {
        end_move(move);
        return;
    }
    keeper_call_take(places_get_keeper(move->tiers->places), "remove",
                     json_pack("{s:o, s:s, s:I}", "at", at, "path", move->segment.file_path, "size",
                               (json_int_t)move->segment.size),
                     REMOVE_TIMEOUT_MS, on_removed, move);
}

/* ---- the row ---- */

static int write_move(struct nvr_db *db, void *arg)
{
    struct move *move = arg;
    const int r = nvr_tiers_move(db, &move->segment, move->to_tier, move->to);

    move->moved = r > 0;
    return NVR_MIN(r, 0);
}

/* Loop. */
static void on_row(void *arg)
{
    struct move *move = arg;
    struct tiers *tiers = move->tiers;

    if (move->result == -EEXIST) {
        end_move(move); /* a plan from before the last move: nothing to do */
    } else if (move->result < 0) {
        (void)log_err(move->result, "row of '%s'", move->segment.file_path);
        end_move(move); /* the copy stays, and is made again */
    } else if (!move->moved) {
        remove_at(move, move->to); /* the recording went meanwhile */
    } else {
        char labels[NVR_METRIC_LABELS_SIZE] = "";

        move->stage->moved_bytes += move->segment.size;
        tiers->bytes[move->stage->from] -= move->segment.size;
        tiers->segments[move->stage->from]--;
        tiers->bytes[move->to_tier] += move->segment.size;
        tiers->segments[move->to_tier]++;
        if (move->stage->backlog > 0)
            move->stage->backlog--;
        (void)nvr_metric_label(labels, "tier", nvr_tier_name(move->to_tier));
        nvr_metric_add(&metric_moved, labels, (double)move->segment.size);
        if (tiers->stopping)
            end_move(move); /* left over; the next start removes it */
        else
            remove_at(move, move->segment.location);
    }
}

/* Writer thread. */
static void on_written(int result, void *arg)
{
    struct move *move = arg;

    move->result = result;
    (void)!nvr_post_send(move->tiers->storage->post, on_row, move);
}

/* While files and rows of the camera are compared its file must not go. */
static void commit(struct move *move)
{
    struct nvr_supervisor *sv = move->tiers->storage->supervisor;

    if (nvr_supervisor_is_comparing(sv, move->segment.camera_id))
        return; /* the clock comes back to it */
    move->copied = false;
    move->holding = true;
    nvr_supervisor_hold_compare(sv, true);
    if (nvr_store_write(move->tiers->storage->store, write_move, on_written, move) < 0)
        end_move(move);
}

/* ---- the copy ---- */

static void on_copied(const struct keeper_reply *reply, void *arg)
{
    struct move *move = arg;
    struct tiers *tiers = move->tiers;
    struct place *place = places_find(tiers->places, move->to);

    if (reply->error == 0) {
        move->copied = true;
        commit(move);
        return;
    }
    if (reply->error == -EBADMSG || reply->error == -ENOENT) {
        log_warn("'%s' stays in tier %s: %s", move->segment.file_path,
                 nvr_tier_name(move->stage->from), reply->words);
        skip(tiers, &move->segment);
    } else if (reply->error != -ECANCELED && reply->error != -ECONNRESET &&
               reply->error != -EAGAIN && place) {
        place_failed(tiers->places, place, reply);
    }
    end_move(move);
}

static void start_move(struct tiers *tiers, struct stage *stage, const struct place *place,
                       const struct nvr_tier_segment *segment)
{
    struct move *move = calloc(1, sizeof(*move));
    json_t *from = location_to_call(tiers, segment->location), *params;

    if (!move || !from) {
        free(move);
        json_decref(from);
        return;
    }
    *move = (struct move){.next = tiers->moves,
                          .tiers = tiers,
                          .stage = stage,
                          .segment = *segment,
                          .to_tier = place->tier,
                          .to = place->location.id};
    tiers->moves = move;
    stage->active++;
    params = json_pack("{s:o, s:o, s:s, s:I, s:s}", "from", from, "to", place_to_call(place),
                       "path", segment->file_path, "size", (json_int_t)segment->size, "sha256",
                       segment->checksum);
    keeper_call_take(places_get_keeper(tiers->places), "copy", params,
                     (unsigned)(COPY_TIMEOUT_MS + segment->size / COPY_SLOWEST), on_copied, move);
}

static bool is_on_its_way(const struct tiers *tiers, const struct nvr_tier_segment *segment)
{
    for (const struct move *move = tiers->moves; move; move = move->next)
        if (move->segment.start_ms == segment->start_ms &&
            strcmp(move->segment.camera_id, segment->camera_id) == 0)
            return true;
    return false;
}

static void pump(struct tiers *tiers)
{
    for (size_t i = 0; i < STAGES && !tiers->stopping; i++) {
        struct stage *stage = &tiers->stages[i];
        const struct place *place = next_place(tiers, stage->from);

        while (stage->active < TIERS_MOVES_MAX && stage->planned_at < stage->planned_count) {
            const struct nvr_tier_segment *segment = &stage->planned[stage->planned_at];

            if (!place || place->tier <= stage->from || !place_takes(place))
                break;
            stage->planned_at++;
            /* Readers are no reason to wait: who has the file open keeps it, who opens it later
             * gets it from its new place. */
            if (!is_on_its_way(tiers, segment))
                start_move(tiers, stage, place, segment);
        }
    }
}

/* ---- planning: in the pool ---- */

struct collecting {
    struct plan *plan;
    size_t stage;
};

static int add_due(const struct nvr_tier_segment *segment, void *arg)
{
    const struct collecting *to = arg;
    struct plan *plan = to->plan;

    for (size_t i = 0; i < plan->skips_count; i++)
        if (plan->skips[i].start_ms == segment->start_ms &&
            strcmp(plan->skips[i].camera_id, segment->camera_id) == 0)
            return 0;
    if (plan->stages[to->stage].count == NVR_ARRAY_SIZE(plan->stages[0].found))
        return 1;
    plan->stages[to->stage].found[plan->stages[to->stage].count++] = *segment;
    return 0;
}

static int compare_start(const void *a, const void *b)
{
    const struct nvr_tier_segment *x = a, *y = b;

    return (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

static int plan_stage(struct plan *plan, struct nvr_db *db, size_t i)
{
    struct collecting to = {plan, i};
    int r = 0;

    for (int rank = 0; r == 0 && rank < NVR_RANKS; rank++)
        r = plan->sweep ? nvr_tiers_newest(db, plan->stages[i].tier, (enum nvr_rank)rank,
                                           TIERS_SWEEP_MAX / NVR_RANKS, add_due, &to)
                        : nvr_tiers_due(db, plan->stages[i].tier, (enum nvr_rank)rank,
                                        plan->stages[i].before_ms,
                                        TIERS_PLAN_MAX + (unsigned)plan->skips_count, add_due, &to);
    if (r == 0 && !plan->sweep)
        r = nvr_tiers_count(db, plan->stages[i].tier, plan->stages[i].before_ms,
                            &plan->stages[i].backlog);
    qsort(plan->stages[i].found, plan->stages[i].count, sizeof(plan->stages[i].found[0]),
          compare_start);
    return r;
}

static int add_usage(const struct nvr_usage *usage, void *arg)
{
    struct plan *plan = arg;

    for (int tier = 0; tier < NVR_TIERS; tier++) {
        for (int rank = 0; rank < NVR_RANKS; rank++) {
            plan->bytes[tier] += usage->bytes[tier][rank];
            plan->segments[tier] += usage->segments[tier][rank];
        }
    }
    return 0;
}

static void run_plan(uv_work_t *work)
{
    struct plan *plan = work->data;
    struct nvr_db *db;

    plan->result = nvr_store_read_begin(plan->store, &db);
    if (plan->result < 0)
        return;
    for (size_t i = 0; i < STAGES && plan->result == 0; i++)
        if (plan->stages[i].wanted)
            plan->result = plan_stage(plan, db, i);
    if (plan->result == 0)
        plan->result = nvr_usage_each(db, add_usage, plan);
    nvr_store_read_end(plan->store, db);
}

/* Rows that moved last: was there a crash before the source went? */
static void sweep(struct tiers *tiers, const struct plan *plan)
{
    for (size_t i = 0; i < STAGES; i++) {
        for (size_t k = 0; k < plan->stages[i].count; k++) {
            const struct nvr_tier_segment *segment = &plan->stages[i].found[k];
            struct place *warm = places_of_tier(tiers->places, NVR_TIER_WARM);
            int64_t at = NVR_LOCATION_HOT;
            struct move *move;

            if (plan->stages[i].tier == NVR_TIER_COLD && warm && warm->location.id > 0)
                at = warm->location.id;
            if (at == segment->location)
                continue;
            move = calloc(1, sizeof(*move));
            if (!move)
                return;
            *move = (struct move){
                .next = tiers->moves, .tiers = tiers, .segment = *segment, .sweeping = true};
            tiers->moves = move;
            remove_at(move, at);
        }
    }
}

static void take_plan(struct tiers *tiers, const struct plan *plan)
{
    char labels[NVR_METRIC_LABELS_SIZE];

    tiers->more = false;
    memcpy(tiers->bytes, plan->bytes, sizeof(tiers->bytes));
    memcpy(tiers->segments, plan->segments, sizeof(tiers->segments));
    for (size_t i = 0; i < STAGES; i++) {
        struct stage *stage = &tiers->stages[i];
        const struct place *place = next_place(tiers, stage->from);

        stage->planned_at = 0;
        stage->planned_count = NVR_MIN(plan->stages[i].count, (size_t)TIERS_PLAN_MAX);
        memcpy(stage->planned, plan->stages[i].found,
               stage->planned_count * sizeof(stage->planned[0]));
        stage->backlog = plan->stages[i].backlog;
        tiers->more = tiers->more || stage->planned_count == TIERS_PLAN_MAX;
        if (!place || place->tier <= stage->from)
            continue;
        labels[0] = '\0';
        (void)nvr_metric_label(labels, "tier", nvr_tier_name(place->tier));
        nvr_metric_set(&metric_backlog, labels, (double)stage->backlog);
    }
}

static void on_planned(uv_work_t *work, int status)
{
    struct plan *plan = work->data;
    struct tiers *tiers = plan->tiers;

    tiers->plan = NULL;
    if (!plan->sweep)
        tiers->planned_ms = nvr_clock_mono_ms();
    if (status == 0 && plan->result < 0)
        (void)log_err(plan->result, "look for recordings to move");
    if (status == 0 && plan->result == 0 && !tiers->stopping) {
        if (plan->sweep)
            sweep(tiers, plan);
        else
            take_plan(tiers, plan);
        pump(tiers);
    }
    free(plan);
    storage_check_stopped(tiers->storage);
}

static void start_plan(struct tiers *tiers, bool sweeping)
{
    const int64_t now_ms = nvr_clock_wall_ms();
    struct plan *plan = calloc(1, sizeof(*plan));
    bool wanted = false;

    if (!plan)
        return;
    plan->tiers = tiers;
    plan->store = tiers->storage->store;
    plan->work.data = plan;
    plan->sweep = sweeping;
    memcpy(plan->skips, tiers->skips, sizeof(plan->skips));
    plan->skips_count = tiers->skips_count;
    for (size_t i = 0; i < STAGES; i++) {
        const enum nvr_tier from = tiers->stages[i].from;
        const struct place *place = next_place(tiers, from);
        const double days = days_of(tiers, from);

        plan->stages[i].tier = sweeping ? from + 1 : from;
        plan->stages[i].before_ms = now_ms - (int64_t)(days * DAY_MS);
        plan->stages[i].wanted = sweeping || (place && place->tier > from && days >= 0);
        wanted = wanted || plan->stages[i].wanted;
    }
    if (!wanted || uv_queue_work(tiers->storage->loop, &plan->work, run_plan, on_planned) < 0)
        free(plan);
    else
        tiers->plan = plan;
}

static void forget_skipped(struct tiers *tiers, int64_t now_ms)
{
    size_t gone = 0;

    while (gone < tiers->skips_count && tiers->skips[gone].until_ms <= now_ms)
        gone++;
    tiers->skips_count -= gone;
    memmove(tiers->skips, tiers->skips + gone, tiers->skips_count * sizeof(*tiers->skips));
}

/* Everything planned was started: all of a full plan is under way or done. */
static bool is_hungry(const struct tiers *tiers)
{
    for (size_t i = 0; i < STAGES; i++)
        if (tiers->stages[i].planned_at < tiers->stages[i].planned_count)
            return false;
    return tiers->more && !tiers->moves;
}

static void on_tick(uv_timer_t *timer)
{
    struct tiers *tiers = timer->data;
    const int64_t now_ms = nvr_clock_mono_ms();

    if (tiers->stopping)
        return;
    for (struct move *move = tiers->moves, *next; move; move = next) {
        next = move->next;
        if (move->copied)
            commit(move);
    }
    forget_skipped(tiers, now_ms);
    pump(tiers);
    if (tiers->plan || (!places_of_tier(tiers->places, NVR_TIER_WARM) &&
                        !places_of_tier(tiers->places, NVR_TIER_COLD)))
        return;
    if (!tiers->swept) {
        tiers->swept = true;
        start_plan(tiers, true);
    } else if (is_hungry(tiers) || now_ms - tiers->planned_ms >= TIERS_EVERY_MS ||
               !tiers->planned_ms) {
        start_plan(tiers, false);
    }
}

/* ---- the part ---- */

int tiers_start(struct nvr_storage *storage)
{
    struct tiers *tiers = calloc(1, sizeof(*tiers));
    int r;

    if (!tiers)
        return -ENOMEM;
    storage->tiers = tiers;
    tiers->storage = storage;
    tiers->stages[0].from = NVR_TIER_HOT;
    tiers->stages[1].from = NVR_TIER_WARM;
    tiers->timer = nvr_timer_new(storage->loop, tiers);
    if (!tiers->timer)
        return -ENOMEM;
    r = places_new(storage, &tiers->places);
    return r < 0 ? r : uv_timer_start(tiers->timer, on_tick, TICK_MS, TICK_MS);
}

void tiers_stop(struct nvr_storage *storage)
{
    struct tiers *tiers = storage->tiers;

    if (!tiers || tiers->stopping)
        return;
    tiers->stopping = true;
    nvr_timer_free(NVR_TAKE(tiers->timer));
    for (struct move *move = tiers->moves, *next; move; move = next) {
        next = move->next;
        if (move->copied)
            end_move(move);
    }
    places_stop(tiers->places);
}

bool tiers_is_idle(const struct nvr_storage *storage)
{
    const struct tiers *tiers = storage->tiers;

    return !tiers || (!tiers->plan && !tiers->moves && places_is_idle(tiers->places));
}

void tiers_free(struct nvr_storage *storage)
{
    struct tiers *tiers = NVR_TAKE(storage->tiers);

    if (!tiers)
        return;
    places_free(tiers->places);
    nvr_timer_free(tiers->timer);
    free(tiers);
}

/* ---- GET system/storage ---- */

static const char *first_problem(const struct tiers *tiers)
{
    for (size_t i = 0; i < STAGES; i++) {
        const struct place *place = next_place(tiers, tiers->stages[i].from);

        if (place && place->words[0] != '\0')
            return place->words;
    }
    return NULL;
}

void tiers_to_json(struct nvr_storage *storage, json_t *object)
{
    const struct tiers *tiers = storage->tiers;
    json_t *list = json_object_get(object, "locations");
    int64_t waiting = 0, moved = 0;
    bool is_on = false;
    const char *problem;

    if (!tiers || !tiers->places)
        return;
    for (size_t i = 0; i < STAGES; i++) {
        const struct place *place = next_place(tiers, tiers->stages[i].from);

        is_on = is_on || (place && place->tier > tiers->stages[i].from);
        waiting += tiers->stages[i].backlog;
        moved += tiers->stages[i].moved_bytes;
    }
    problem = is_on ? first_problem(tiers) : NULL;
    (void)json_object_set_new(object, "mover",
                              json_pack("{s:s, s:I, s:I, s:s?}", "state",
                                        !is_on         ? "off"
                                        : tiers->moves ? "moving"
                                        : waiting > 0  ? "waiting"
                                                       : "idle",
                                        "moved_bytes", (json_int_t)moved, "waiting_segments",
                                        (json_int_t)waiting, "error", problem));
    if (!list) {
        list = json_array();
        (void)json_object_set_new(object, "locations", list);
    }
    places_to_json(tiers->places, list, tiers->bytes, tiers->segments);
}
