/* policy.h — what goes next, and when: pure decisions of retention over what it is told.
 *
 * Order: first what is older than its camera's days allow; then, while space is needed, the oldest
 * of all cameras within a rank, rank by rank (nothing < motion < events). Protected segments and
 * those that are kept (read now, being written, being compared) are never chosen. */
#ifndef NVR_STORAGE_POLICY_H
#define NVR_STORAGE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"
#include "lib/store/retention.h"

#define POLICY_BATCH 32 /* segments of one step */
#define POLICY_DAY_MS INT64_C(86400000)
/* Rows a step looks at: a long lease of the oldest hours must not make a step long. */
#define POLICY_LOOKED_MAX 50000
/* Deleting begins when less than this long of recording fits, and goes on until twice as much
 * does. */
#define POLICY_AHEAD_S 120
/* Quiet systems: a file that comes suddenly has room, too. */
#define POLICY_AHEAD_MIN_BYTES INT64_C(256000000)

struct policy_days {
    unsigned default_days, events_days;
};

/* When days let a segment go; protected: INT64_MAX. */
int64_t policy_expires_ms(const struct policy_days *days, enum nvr_rank rank, int64_t end_ms);

/* ---- how much must go ---- */

struct policy_space {
    int64_t used_bytes;  /* all recordings of the disk */
    int64_t total_bytes; /* of the file system; 0: not known, free_bytes neither */
    int64_t free_bytes;
    int64_t max_bytes; /* 0: no cap */
    int64_t min_free_bytes;
    double bytes_per_second; /* that are being recorded */
};
/* Bytes that must go now; 0: there is room. going_on: deleting has begun, and goes on to the lower
 * mark. */
int64_t policy_need(const struct policy_space *space, bool going_on);
/* Until a limit is reached at this rate; INFINITY: never. */
double policy_seconds_left(const struct policy_space *space);
/* Less than the limits allow, without looking ahead. */
bool policy_is_over(const struct policy_space *space);

/* ---- what goes ---- */

enum policy_reason { POLICY_EXPIRED, POLICY_SPACE };
#define POLICY_REASONS 2
const char *policy_reason_name(enum policy_reason reason);

struct policy_choice {
    struct nvr_stored_segment segment;
    enum policy_reason reason;
};

struct policy_chooser {
    /* what is asked */
    int64_t now_ms;
    int64_t need_bytes;
    bool (*is_kept)(const struct nvr_stored_segment *segment, void *arg); /* NULL: none */
    void *arg;
    /* what was chosen */
    struct policy_choice items[POLICY_BATCH];
    size_t count;
    int64_t found_bytes; /* of the tier that needs space */
    /* what was met and must stay */
    int64_t kept_bytes, kept_segments;
    size_t looked;
};

/* One camera's segments of one rank, oldest first: 0 go on, 1 enough of these. */
int policy_offer_aged(struct policy_chooser *chooser, const struct policy_days *days,
                      const struct nvr_stored_segment *segment);
/* The disk's segments of one rank, oldest first, ranks ascending. */
int policy_offer_oldest(struct policy_chooser *chooser, const struct nvr_stored_segment *segment);
bool policy_needs_more(const struct policy_chooser *chooser);

/* ---- when there will be no room ---- */

struct policy_growth {
    double bytes_per_day;
    double days_to_go; /* until the days bring it to a standstill; ≤ 0: it stands already */
};
enum policy_limit { POLICY_LIMIT_NONE, POLICY_LIMIT_DAYS, POLICY_LIMIT_MAX, POLICY_LIMIT_FREE };
const char *policy_limit_name(enum policy_limit limit); /* NULL: none */

struct policy_forecast {
    double bytes_per_day;
    double days_left; /* < 0: space will do */
    enum policy_limit limit;
};
struct policy_forecast policy_forecast(const struct policy_space *space,
                                       const struct policy_growth *cameras, size_t count);

#endif
