#include "src/storage/leases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

#define FIRST_CAP 32

void leases_done(struct leases *leases)
{
    free(leases->items);
    *leases = (struct leases){.items = NULL};
}

static bool is_alive(const struct lease *lease, int64_t now_mono_ms)
{
    return lease->until_mono_ms > now_mono_ms;
}

void leases_expire(struct leases *leases, int64_t now_mono_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < leases->count; i++)
        if (is_alive(&leases->items[i], now_mono_ms))
            leases->items[kept++] = leases->items[i];
    leases->count = kept;
}

/* A place for one more. NULL: out of memory. */
static struct lease *make_room(struct leases *leases, int64_t now_mono_ms)
{
    struct lease *first;

    if (leases->count == leases->cap)
        leases_expire(leases, now_mono_ms);
    if (leases->count < leases->cap)
        return &leases->items[leases->count++];
    if (leases->cap < LEASES_MAX) {
        const size_t cap = NVR_MIN(NVR_MAX(leases->cap * 2, FIRST_CAP), LEASES_MAX);
        struct lease *items = reallocarray(leases->items, cap, sizeof(*items));

        if (!items)
            return NULL;
        leases->items = items;
        leases->cap = cap;
        return &leases->items[leases->count++];
    }
    first = leases->items;
    for (size_t i = 1; i < leases->count; i++)
        if (leases->items[i].until_mono_ms < first->until_mono_ms)
            first = &leases->items[i];
    return first;
}

int leases_take(struct leases *leases, const char *camera_id, int64_t start_ms, int64_t end_ms,
                unsigned seconds, int64_t now_mono_ms)
{
    const int64_t until_ms = now_mono_ms + (int64_t)NVR_MIN(seconds, LEASE_SECONDS_MAX) * 1000;
    struct lease *lease;

    if (end_ms <= start_ms || until_ms <= now_mono_ms)
        return 0;
    for (size_t i = 0; i < leases->count; i++) {
        lease = &leases->items[i];
        if (lease->start_ms == start_ms && lease->end_ms == end_ms &&
            strcmp(lease->camera_id, camera_id) == 0) {
            lease->until_mono_ms = NVR_MAX(lease->until_mono_ms, until_ms);
            return 0;
        }
    }
    lease = make_room(leases, now_mono_ms);
    if (!lease)
        return -ENOMEM;
    *lease = (struct lease){.start_ms = start_ms, .end_ms = end_ms, .until_mono_ms = until_ms};
    return nvr_fmt(lease->camera_id, sizeof(lease->camera_id), "%s", camera_id) < 0 ? -EINVAL : 0;
}

bool leases_cover(const struct leases *leases, const char *camera_id, int64_t start_ms,
                  int64_t end_ms, int64_t now_mono_ms)
{
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease *lease = &leases->items[i];

        if (lease->start_ms < end_ms && lease->end_ms > start_ms && is_alive(lease, now_mono_ms) &&
            strcmp(lease->camera_id, camera_id) == 0)
            return true;
    }
    return false;
}

int leases_copy(const struct leases *leases, struct leases *ret_copy)
{
    struct leases copy = {.count = leases->count, .cap = leases->count};

    if (leases->count) {
        copy.items = calloc(leases->count, sizeof(*copy.items));
        if (!copy.items)
            return -ENOMEM;
        memcpy(copy.items, leases->items, leases->count * sizeof(*copy.items));
    }
    *ret_copy = copy;
    return 0;
}
