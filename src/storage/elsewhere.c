/* Recordings that are not in the recordings folder: opened (fetched into the cache from an object
 * store, the next one ahead); and questions of people about places. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "src/storage/tiers.h"

NVR_LOG_TOPIC("tiers");

#define FETCH_TIMEOUT_MS 30000
#define FETCH_SLOWEST 200 /* bytes a millisecond */
#define AHEAD_GAP_MS 5000

static void done(struct nvr_storage *storage)
{
    storage->elsewhere--;
    storage_check_stopped(storage);
}

bool elsewhere_is_idle(const struct nvr_storage *storage)
{
    return storage->elsewhere == 0;
}

/* ---- open ---- */

struct fetching {
    struct nvr_storage *storage;
    char camera_id[NVR_SLUG_SIZE];
    int64_t end_ms, size;
    bool ahead; /* the one behind it is wanted soon */
    nvr_storage_opened fn;
    void *arg;
};

static json_t *fetch_params(const struct place *place, const struct nvr_recording *recording,
                            bool cache_only)
{
    json_t *at = place_to_call(place);

    return at ? json_pack("{s:o, s:s, s:I, s:s, s:b}", "at", at, "path", recording->file_path,
                          "size", (json_int_t)recording->file_size, "sha256", recording->checksum,
                          "cache_only", cache_only)
              : NULL;
}

static unsigned fetch_timeout(const struct nvr_recording *recording)
{
    return (unsigned)(FETCH_TIMEOUT_MS + recording->file_size / FETCH_SLOWEST);
}

struct ahead {
    uv_work_t work;
    struct nvr_storage *storage;
    char camera_id[NVR_SLUG_SIZE];
    int64_t from_ms;
    struct nvr_recording next;
    bool found;
};

static int take_next(const struct nvr_recording *recording, void *arg)
{
    struct ahead *ahead = arg;

    if (recording->start_ms < ahead->from_ms)
        return 0;
    ahead->next = *recording;
    ahead->found = true;
    return 1;
}

/* Pool thread. */
static void run_ahead(uv_work_t *work)
{
    struct ahead *ahead = work->data;
    struct nvr_db *db;

    if (nvr_store_read_begin(ahead->storage->store, &db) < 0)
        return;
    (void)!nvr_recordings_each(db, ahead->camera_id, ahead->from_ms, ahead->from_ms + AHEAD_GAP_MS,
                               false, take_next, ahead);
    nvr_store_read_end(ahead->storage->store, db);
}

static void on_ahead(const struct keeper_reply *reply, void *arg)
{
    struct nvr_storage *storage = arg;

    (void)reply; /* whoever wants it finds out */
    storage->aheads--;
    done(storage);
}

static void on_next(uv_work_t *work, int status)
{
    struct ahead *ahead = work->data;
    struct nvr_storage *storage = ahead->storage;
    struct places *places = tiers_get_places(storage);
    const struct place *place =
        status == 0 && ahead->found && places ? places_find(places, ahead->next.location) : NULL;

    if (place && strcmp(place->location.kind, "s3") == 0 && !storage->stopping) {
        keeper_call_take(places_get_keeper(places), "fetch",
                         fetch_params(place, &ahead->next, true), fetch_timeout(&ahead->next),
                         on_ahead, storage);
    } else {
        storage->aheads--;
        done(storage);
    }
    free(ahead);
}

static void fetch_next(struct nvr_storage *storage, const struct fetching *fetching)
{
    struct ahead *ahead;

    if (storage->aheads >= TIERS_AHEAD_MAX || storage->stopping)
        return;
    ahead = calloc(1, sizeof(*ahead));
    if (!ahead)
        return;
    ahead->storage = storage;
    ahead->from_ms = fetching->end_ms;
    memcpy(ahead->camera_id, fetching->camera_id, sizeof(ahead->camera_id));
    ahead->work.data = ahead;
    if (uv_queue_work(storage->loop, &ahead->work, run_ahead, on_next) < 0) {
        free(ahead);
        return;
    }
    storage->aheads++;
    storage->elsewhere++;
}

static void on_fetched(const struct keeper_reply *reply, void *arg)
{
    struct fetching *fetching = arg;
    struct nvr_storage *storage = fetching->storage;

    if (reply->error < 0)
        log_warn("camera %s: a recording cannot be opened: %s", fetching->camera_id, reply->words);
    if (reply->error == 0 && fetching->ahead)
        fetch_next(storage, fetching);
    fetching->fn(reply->error < 0 ? reply->error
                 : reply->fd < 0  ? -EIO
                                  : reply->fd,
                 fetching->size, fetching->arg);
    free(fetching);
    done(storage);
}

void tiers_open(struct nvr_storage *storage, const struct nvr_recording *recording,
                nvr_storage_opened fn, void *arg)
{
    struct places *places = tiers_get_places(storage);
    const struct place *place = places ? places_find(places, recording->location) : NULL;
    struct fetching *fetching = place ? calloc(1, sizeof(*fetching)) : NULL;

    if (!fetching) {
        fn(place ? -ENOMEM : -ENODEV, 0, arg);
        return;
    }
    *fetching = (struct fetching){.storage = storage,
                                  .end_ms = recording->end_ms,
                                  .size = recording->file_size,
                                  .ahead = strcmp(place->location.kind, "s3") == 0,
                                  .fn = fn,
                                  .arg = arg};
    memcpy(fetching->camera_id, recording->camera_id, sizeof(fetching->camera_id));
    storage->elsewhere++;
    keeper_call_take(places_get_keeper(places), "fetch", fetch_params(place, recording, false),
                     fetch_timeout(recording), on_fetched, fetching);
}

void nvr_storage_stop_opening(struct nvr_storage *storage)
{
    places_stop(tiers_get_places(storage));
}

bool tiers_can_remove(const struct nvr_storage *storage, int64_t location)
{
    struct places *places = tiers_get_places(storage);
    int64_t list[PLACES_MAX];
    const size_t count = places ? places_list_removable(places, list) : 0;

    for (size_t i = 0; i < count; i++)
        if (list[i] == location)
            return true;
    return false;
}

/* ---- questions of people ---- */

struct question {
    struct nvr_storage *storage;
    nvr_storage_answered fn;
    void *arg;
    int64_t asked_ms;
};

static void on_answer(const struct keeper_reply *reply, void *arg)
{
    struct question *question = arg;
    struct nvr_storage *storage = question->storage;
    const json_t *result = reply->result;
    int64_t latency_ms = nvr_clock_mono_ms() - question->asked_ms;
    json_t *answer;

    (void)nvr_json_get_int(result, "latency_ms", 0, INT64_MAX, &latency_ms);
    answer = json_pack("{s:b, s:I, s:s?, s:b}", "ok", reply->error == 0, "latency_ms",
                       (json_int_t)latency_ms, "error", reply->error < 0 ? reply->words : NULL,
                       "same_disk", json_is_true(json_object_get(result, "same_disk")));
    question->fn(answer, question->arg);
    json_decref(answer);
    free(question);
    done(storage);
}

static struct question *new_question(struct nvr_storage *storage, nvr_storage_answered fn,
                                     void *arg)
{
    struct question *question = calloc(1, sizeof(*question));

    if (!question)
        return NULL;
    *question = (struct question){
        .storage = storage, .fn = fn, .arg = arg, .asked_ms = nvr_clock_mono_ms()};
    storage->elsewhere++;
    return question;
}

static void drop_question(struct question *question)
{
    question->storage->elsewhere--;
    free(question);
}

static int with_place(struct nvr_storage *storage, const char *tier, bool adopt,
                      nvr_storage_answered fn, void *arg)
{
    struct places *places = tiers_get_places(storage);
    struct place *place = !places                     ? NULL
                          : strcmp(tier, "warm") == 0 ? places_of_tier(places, NVR_TIER_WARM)
                          : strcmp(tier, "cold") == 0 ? places_of_tier(places, NVR_TIER_COLD)
                                                      : NULL;
    struct question *question;
    int r;

    if (!place)
        return -ENOENT;
    question = new_question(storage, fn, arg);
    if (!question)
        return -ENOMEM;
    r = adopt ? places_adopt(places, place, on_answer, question)
              : places_check(places, place, true, on_answer, question);
    if (r < 0)
        drop_question(question);
    return r;
}

int nvr_storage_adopt(struct nvr_storage *storage, const char *tier, nvr_storage_answered fn,
                      void *arg)
{
    return with_place(storage, tier, true, fn, arg);
}

int nvr_storage_test(struct nvr_storage *storage, const char *tier, nvr_storage_answered fn,
                     void *arg)
{
    return with_place(storage, tier, false, fn, arg);
}

int nvr_storage_test_s3(struct nvr_storage *storage, const struct nvr_s3_config *s3,
                        nvr_storage_answered fn, void *arg)
{
    struct places *places = tiers_get_places(storage);
    json_t *store = places ? tiers_s3_to_call(s3) : NULL;
    struct question *question = store ? new_question(storage, fn, arg) : NULL;
    json_t *params =
        question ? json_pack("{s:{s:b}, s:b, s:O}", "at", "s3", 1, "test", 1, "s3", store) : NULL;

    json_decref(store);
    if (!params) {
        if (question)
            drop_question(question);
        return -ENOMEM;
    }
    places_wake(places);
    keeper_call_take(places_get_keeper(places), "check", params, PLACES_CHECK_TIMEOUT_MS, on_answer,
                     question);
    return 0;
}
