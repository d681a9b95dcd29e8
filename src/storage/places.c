#include "src/storage/places.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("tiers");

#define TICK_MS 1000
#define GB 1e9
#define RENEW_MS 10000
#define AWAKE_MS 60000
#define LOW_BYTES INT64_C(1000000000)
#define FULL_BYTES INT64_C(50000000)

struct places {
    struct nvr_storage *storage;
    struct keeper *keeper;
    struct place items[PLACES_MAX];
    size_t count;
    char recordings[PATH_MAX]; /* absolute */
    struct nvr_bus_subscription *subscription;
    uv_timer_t *timer;
    int64_t renewed_ms;
    unsigned busy;    /* asks under way */
    int64_t woken_ms; /* monotonic; a question needed the keeper although there is no place */
    bool stopping;
};

/* One question about a place, from outside or by the clock. */
struct ask {
    struct places *places;
    char kind[8], address[NVR_LOCATION_ADDRESS_SIZE]; /* items may move meanwhile */
    struct nvr_location row;                          /* to be written */
    bool adopting, test;
    bool again; /* with a new keeper */
    places_answered fn;
    void *arg;
    int result;
    int64_t id;
};

static const char *const state_names[] = {"unknown", "ok",          "low",     "full",
                                          "missing", "unreachable", "readonly"};

struct keeper *places_get_keeper(const struct places *places)
{
    return places->keeper;
}

struct place *places_find(struct places *places, int64_t location)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].location.id == location)
            return &places->items[i];
    return NULL;
}

size_t places_list_removable(const struct places *places, int64_t *ids)
{
    size_t count = 0;

    for (size_t i = 0; i < places->count; i++)
        if (place_takes(&places->items[i]) || places->items[i].state == PLACE_FULL)
            ids[count++] = places->items[i].location.id;
    return count;
}

static struct place *find_address(struct places *places, const char *kind, const char *address)
{
    for (size_t i = 0; i < places->count; i++)
        if (strcmp(places->items[i].location.kind, kind) == 0 &&
            strcmp(places->items[i].location.address, address) == 0)
            return &places->items[i];
    return NULL;
}

struct place *places_of_tier(struct places *places, enum nvr_tier tier)
{
    for (size_t i = 0; i < places->count; i++)
        if (places->items[i].in_use && places->items[i].tier == tier)
            return &places->items[i];
    return NULL;
}

bool place_takes(const struct place *place)
{
    return place->location.id > 0 && (place->state == PLACE_OK || place->state == PLACE_LOW);
}

static bool is_s3(const struct place *place)
{
    return strcmp(place->location.kind, "s3") == 0;
}

static json_t *to_call(const struct place *place, const char *marker)
{
    if (is_s3(place))
        return json_pack("{s:b, s:b, s:s}", "s3", 1, "gone", !place->is_configured, "marker",
                         marker);
    return json_pack("{s:s, s:s}", "folder", place->location.address, "marker", marker);
}

json_t *place_to_call(const struct place *place)
{
    return to_call(place, place->location.marker);
}

json_t *places_hot_to_call(const struct places *places)
{
    return json_pack("{s:s, s:s}", "folder", places->recordings, "marker", "");
}

/* ---- what the keeper may touch ---- */

static int s3_address(const struct nvr_s3_config *s3, char address[NVR_LOCATION_ADDRESS_SIZE])
{
    const int r = nvr_fmt(address, NVR_LOCATION_ADDRESS_SIZE, "%s/%s%s%s", s3->endpoint, s3->bucket,
                          s3->prefix[0] ? "/" : "", s3->prefix);

    return r < 0 ? r : 0;
}

json_t *tiers_s3_to_call(const struct nvr_s3_config *s3)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "endpoint", s3->endpoint, "region",
                     s3->region, "bucket", s3->bucket, "prefix", s3->prefix, "access_key",
                     s3->access_key, "secret_key", s3->secret_key, "path_style", s3->path_style);
}

static json_t *make_setup(struct places *places)
{
    struct nvr_supervisor *sv = places->storage->supervisor;
    const struct nvr_storage_config *config = nvr_config_get_storage(nvr_supervisor_get_config(sv));
    NVR_AUTO_FREE char *data = realpath(nvr_supervisor_get_data_dir(sv), NULL);
    char cache[PATH_MAX];
    json_t *folders, *setup;

    if ((places->count == 0 && !places->woken_ms) || !data ||
        nvr_fmt(cache, sizeof(cache), "%s/cache", data) < 0)
        return NULL;
    folders = json_array();
    for (size_t i = 0; i < places->count; i++)
        if (!is_s3(&places->items[i]))
            (void)json_array_append_new(folders, json_string(places->items[i].location.address));
    setup = json_pack("{s:s, s:s, s:I, s:I, s:o}", "recordings", places->recordings, "cache", cache,
                      "cache_bytes", (json_int_t)(config->cache_gb * GB), "bytes_per_second",
                      (json_int_t)(config->move_mb_per_second * 1e6), "folders", folders);
    if (setup && config->s3.enabled)
        (void)json_object_set_new(setup, "s3", tiers_s3_to_call(&config->s3));
    return setup;
}

/* ---- state ---- */

static const char *tier_code(const struct place *place)
{
    return place->tier == NVR_TIER_WARM ? "storage-warm" : "storage-cold";
}

static void set_state(struct places *places, struct place *place, enum place_state state,
                      const char *words)
{
    const bool bad = state != PLACE_OK && state != PLACE_UNKNOWN;

    if (place->state != state && (bad || place->state != PLACE_UNKNOWN))
        log_info("%s '%s': %s%s%s", nvr_tier_name(place->tier), place->location.address,
                 state_names[state], words[0] ? ": " : "", words);
    place->state = state;
    (void)nvr_fmt(place->words, sizeof(place->words), "%s", words);
    place->checked_ms = nvr_clock_mono_ms();
    if (!place->in_use && state != PLACE_MISSING && state != PLACE_UNREACHABLE)
        return;
    if (bad)
        nvr_supervisor_warning_set(places->storage->supervisor, tier_code(place),
                                   "Storage %s (%s): %s", nvr_tier_name(place->tier),
                                   place->location.address, words);
    else
        nvr_supervisor_warning_clear(places->storage->supervisor, tier_code(place));
}

static enum place_state state_of(int error)
{
    switch (error) {
    case -ENODEV:
        return PLACE_MISSING;
    case -EROFS:
        return PLACE_READONLY;
    case -ENOSPC:
        return PLACE_FULL;
    default:
        return PLACE_UNREACHABLE;
    }
}

void place_failed(struct places *places, struct place *place, const struct keeper_reply *reply)
{
    set_state(places, place, state_of(reply->error), reply->words);
}

/* ---- asking ---- */

static void finish_ask(struct ask *ask, const struct keeper_reply *reply)
{
    struct places *places = ask->places;
    struct place *place = find_address(places, ask->kind, ask->address);

    if (place)
        place->checking = false;
    places->busy--;
    if (ask->fn)
        ask->fn(reply, ask->arg);
    free(ask);
    storage_check_stopped(places->storage);
}

static void take_answer(struct places *places, struct place *place,
                        const struct keeper_reply *reply)
{
    const json_t *result = reply->result;
    int64_t total = 0, free_bytes = 0;

    if (reply->error < 0) {
        place_failed(places, place, reply);
        return;
    }
    (void)nvr_json_get_int(result, "total_bytes", 0, INT64_MAX, &total);
    (void)nvr_json_get_int(result, "free_bytes", 0, INT64_MAX, &free_bytes);
    place->total_bytes = total;
    place->free_bytes = free_bytes;
    if (!is_s3(place) && free_bytes < FULL_BYTES)
        set_state(places, place, PLACE_FULL, "The disk is full.");
    else if (!is_s3(place) && free_bytes < LOW_BYTES && free_bytes < total / 20)
        set_state(places, place, PLACE_LOW, "The disk is nearly full.");
    else
        set_state(places, place, PLACE_OK, "");
}

static int write_row(struct nvr_db *db, void *arg)
{
    struct ask *ask = arg;

    return nvr_locations_add(db, &ask->row, &ask->id);
}

/* Loop. */
static void on_row(void *arg)
{
    struct ask *ask = arg;
    struct place *place = find_address(ask->places, ask->kind, ask->address);
    const struct keeper_reply reply = {
        .error = ask->result, .words = ask->result < 0 ? nvr_strerror(ask->result) : "", .fd = -1};

    if (place && ask->result == 0) {
        place->location = ask->row;
        place->location.id = ask->id;
        log_info("%s '%s' is used from now on", nvr_tier_name(place->tier), ask->address);
        set_state(ask->places, place, PLACE_OK, "");
        place->checked_ms = 0; /* its room is not known yet */
    }
    finish_ask(ask, &reply);
}

/* Writer thread. */
static void on_written(int result, void *arg)
{
    struct ask *ask = arg;

    ask->result = result;
    /* Posting only fails without memory; then the end of the process is near anyway. */
    (void)!nvr_post_send(ask->places->storage->post, on_row, ask);
}

static void send_ask(struct ask *ask, struct place *place, bool test);

/* A place that has never been used: its marker is ours if nobody marked it before. */
static void first_use(struct ask *ask, struct place *place, const struct keeper_reply *reply)
{
    const char *found = json_string_value(json_object_get(reply->result, "marker"));
    const struct keeper_reply foreign = {
        .error = -ENODEV,
        .words = "It belongs to another installation (or to this one before its database was "
                 "lost). Adopt it to use it.",
        .fd = -1};

    if (found && found[0] != '\0') {
        place_failed(ask->places, place, &foreign);
        finish_ask(ask, &foreign);
        return;
    }
    nvr_uuid7(ask->row.marker);
    ask->adopting = true;
    send_ask(ask, place, false);
}

static bool renew(struct places *places)
{
    const int64_t now_ms = nvr_clock_mono_ms();

    if (places->stopping || !keeper_is_idle(places->keeper) ||
        (places->renewed_ms && now_ms - places->renewed_ms < RENEW_MS))
        return false;
    places->renewed_ms = now_ms;
    keeper_renew(places->keeper);
    return true;
}

static void on_checked(const struct keeper_reply *reply, void *arg)
{
    struct ask *ask = arg;
    struct places *places = ask->places;
    struct place *place = find_address(places, ask->kind, ask->address);

    if (!place) {
        finish_ask(ask, reply);
        return;
    }
    /* A disk that was mounted after the keeper began is closed to it. */
    if (reply->error == -EACCES && !is_s3(place) && !ask->again && renew(places)) {
        ask->again = true;
        send_ask(ask, place, ask->test);
        return;
    }
    take_answer(places, place, reply);
    const bool done = reply->error < 0 || places->stopping;

    if (!done && !ask->adopting && place->location.id < 0)
        first_use(ask, place, reply);
    else if (done || !ask->adopting ||
             nvr_store_write(places->storage->store, write_row, on_written, ask) < 0)
        finish_ask(ask, reply);
}

static void send_ask(struct ask *ask, struct place *place, bool test)
{
    json_t *params =
        json_pack("{s:o, s:b}", "at", to_call(place, ask->adopting ? "" : place->location.marker),
                  "test", test);

    if (params && ask->adopting)
        (void)json_object_set_new(params, "adopt", json_string(ask->row.marker));
    keeper_call_take(ask->places->keeper, "check", params, PLACES_CHECK_TIMEOUT_MS, on_checked,
                     ask);
}

static struct ask *new_ask(struct places *places, struct place *place, places_answered fn,
                           void *arg)
{
    struct ask *ask = calloc(1, sizeof(*ask));

    if (!ask)
        return NULL;
    *ask = (struct ask){.places = places, .fn = fn, .arg = arg, .row = place->location};
    memcpy(ask->kind, place->location.kind, sizeof(ask->kind));
    memcpy(ask->address, place->location.address, sizeof(ask->address));
    ask->row.created_ms = nvr_clock_wall_ms();
    places->busy++;
    place->checking = true;
    return ask;
}

int places_check(struct places *places, struct place *place, bool test, places_answered fn,
                 void *arg)
{
    struct ask *ask = new_ask(places, place, fn, arg);

    if (!ask)
        return -ENOMEM;
    ask->test = test;
    send_ask(ask, place, test);
    return 0;
}

int places_adopt(struct places *places, struct place *place, places_answered fn, void *arg)
{
    struct ask *ask = new_ask(places, place, fn, arg);

    if (!ask)
        return -ENOMEM;
    ask->adopting = true;
    if (ask->row.marker[0] == '\0')
        nvr_uuid7(ask->row.marker);
    send_ask(ask, place, false);
    return 0;
}

static void on_tick(uv_timer_t *timer)
{
    struct places *places = timer->data;
    const int64_t now_ms = nvr_clock_mono_ms();

    if (places->stopping)
        return;
    if (places->woken_ms && now_ms - places->woken_ms > AWAKE_MS &&
        keeper_is_idle(places->keeper)) {
        places->woken_ms = 0;
        keeper_set_up_take(places->keeper, make_setup(places));
    }
    for (size_t i = 0; i < places->count; i++) {
        struct place *place = &places->items[i];
        const bool fine = place->state == PLACE_OK || place->state == PLACE_LOW;

        if (place->checking ||
            (place->checked_ms &&
             now_ms - place->checked_ms < (fine ? PLACES_CHECK_MS : PLACES_CHECK_BAD_MS)))
            continue;
        if (places_check(places, place, false, NULL, NULL) < 0)
            return;
    }
}

/* ---- configuration ---- */

static void use(struct places *places, enum nvr_tier tier, const char *kind, const char *address)
{
    struct place *place = find_address(places, kind, address);

    if (!place) {
        if (places->count == PLACES_MAX) {
            log_error("more than %d places of recordings", PLACES_MAX);
            return;
        }
        place = &places->items[places->count++];
        *place = (struct place){.location = {.id = -1}};
        (void)nvr_fmt(place->location.kind, sizeof(place->location.kind), "%s", kind);
        (void)nvr_fmt(place->location.address, sizeof(place->location.address), "%s", address);
    }
    place->in_use = true;
    place->tier = tier;
    place->checked_ms = 0;
    (void)nvr_fmt(place->location.tier, sizeof(place->location.tier), "%s", nvr_tier_name(tier));
}

static void use_configured(struct places *places, enum nvr_tier tier,
                           const struct nvr_tier_place *configured, const struct nvr_s3_config *s3)
{
    char address[NVR_LOCATION_ADDRESS_SIZE];

    if (configured->place == NVR_PLACE_FOLDER)
        use(places, tier, "folder", configured->folder);
    else if (configured->place == NVR_PLACE_S3 && s3_address(s3, address) == 0)
        use(places, tier, "s3", address);
}

static bool is_configured(const struct place *place, const struct nvr_s3_config *s3)
{
    char address[NVR_LOCATION_ADDRESS_SIZE];

    return is_s3(place) && s3->enabled && s3_address(s3, address) == 0 &&
           strcmp(address, place->location.address) == 0;
}

static void apply_config(struct places *places)
{
    const struct nvr_storage_config *config =
        nvr_config_get_storage(nvr_supervisor_get_config(places->storage->supervisor));
    size_t kept = 0;

    for (size_t i = 0; i < places->count; i++) {
        places->items[i].in_use = false;
        /* Named once and never used: nothing of ours is there. */
        if (places->items[i].location.id > 0 || places->items[i].checking)
            places->items[kept++] = places->items[i];
    }
    places->count = kept;
    nvr_supervisor_warning_clear(places->storage->supervisor, "storage-warm");
    nvr_supervisor_warning_clear(places->storage->supervisor, "storage-cold");
    use_configured(places, NVR_TIER_WARM, &config->warm, &config->s3);
    use_configured(places, NVR_TIER_COLD, &config->cold, &config->s3);
    /* The keys of one store say nothing about another one: what lies there waits for its own. */
    for (size_t i = 0; i < places->count; i++)
        places->items[i].is_configured = is_configured(&places->items[i], &config->s3);
    keeper_set_up_take(places->keeper, make_setup(places));
}

void places_wake(struct places *places)
{
    places->woken_ms = nvr_clock_mono_ms();
    keeper_set_up_take(places->keeper, make_setup(places));
}

static void on_config(const struct nvr_bus_message *message, void *arg)
{
    (void)message;
    apply_config(arg);
}

static int add_row(const struct nvr_location *location, void *arg)
{
    struct places *places = arg;
    struct place *place;

    if (location->id == NVR_LOCATION_HOT || places->count == PLACES_MAX)
        return 0;
    place = &places->items[places->count++];
    *place =
        (struct place){.location = *location,
                       .tier = strcmp(location->tier, "warm") == 0 ? NVR_TIER_WARM : NVR_TIER_COLD};
    return 0;
}

static int load_rows(struct places *places)
{
    struct nvr_db *db;
    int r = nvr_store_read_begin(places->storage->store, &db);

    if (r < 0)
        return r;
    r = nvr_locations_each(db, add_row, places);
    nvr_store_read_end(places->storage->store, db);
    return r;
}

int places_new(struct nvr_storage *storage, struct places **ret_places)
{
    struct places *places = calloc(1, sizeof(*places));
    NVR_AUTO_FREE char *real =
        realpath(nvr_supervisor_get_recordings_dir(storage->supervisor), NULL);
    int r;

    if (!places)
        return -ENOMEM;
    *ret_places = places;
    places->storage = storage;
    r = nvr_fmt(places->recordings, sizeof(places->recordings), "%s",
                real ? real : nvr_supervisor_get_recordings_dir(storage->supervisor));
    places->timer = nvr_timer_new(storage->loop, places);
    if (!places->timer)
        return -ENOMEM;
    if (r >= 0)
        r = keeper_new(storage, &places->keeper);
    if (r >= 0)
        r = load_rows(places);
    if (r >= 0)
        r = nvr_bus_subscribe(storage->bus, "config.changed", on_config, places,
                              &places->subscription);
    if (r < 0)
        return r;
    apply_config(places);
    (void)uv_timer_start(places->timer, on_tick, TICK_MS, TICK_MS);
    return 0;
}

void places_stop(struct places *places)
{
    if (!places || places->stopping)
        return;
    places->stopping = true;
    nvr_bus_unsubscribe(NVR_TAKE(places->subscription));
    nvr_timer_free(NVR_TAKE(places->timer));
    keeper_stop(places->keeper);
}

bool places_is_idle(const struct places *places)
{
    return !places || (places->busy == 0 && keeper_is_idle(places->keeper));
}

void places_free(struct places *places)
{
    if (!places)
        return;
    nvr_bus_unsubscribe(places->subscription);
    nvr_timer_free(places->timer);
    keeper_free(places->keeper);
    free(places);
}

void places_to_json(const struct places *places, json_t *list, const int64_t bytes[NVR_TIERS],
                    const int64_t segments[NVR_TIERS])
{
    for (size_t i = 0; i < places->count; i++) {
        const struct place *place = &places->items[i];

        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:b}", "tier",
                      nvr_tier_name(place->tier), "kind", place->location.kind, "address",
                      place->location.address, "state", state_names[place->state], "error",
                      place->words[0] ? place->words : NULL, "total_bytes",
                      (json_int_t)place->total_bytes, "free_bytes", (json_int_t)place->free_bytes,
                      "recordings_bytes", (json_int_t)(place->in_use ? bytes[place->tier] : 0),
                      "segments", (json_int_t)(place->in_use ? segments[place->tier] : 0), "in_use",
                      place->in_use));
    }
}
