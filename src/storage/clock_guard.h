/* clock_guard.h — may the wall clock be believed when it says that recordings are too old? Pure.
 *
 * A clock that is far ahead (an empty battery, a time server gone mad, the year 2036) would make
 * every recording look expired. Two witnesses: the monotonic clock, which nobody can set, and the
 * recordings themselves: who has been recording has recordings of about this time. A clock that has
 * run evenly for three days is believed in any case: nobody sets it right any more. Deleting for
 * want of space goes by order only and needs no clock. */
#ifndef NVR_STORAGE_CLOCK_GUARD_H
#define NVR_STORAGE_CLOCK_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* A step of more than this is a jump; smaller ones make nobody lose a day. */
#define CLOCK_GUARD_JUMP_MS (INT64_C(22) * 3600000)
#define CLOCK_GUARD_EVEN_MS (INT64_C(72) * 3600000)
/* How far back recordings speak for the clock. */
#define CLOCK_GUARD_START_FROM_MS                                                                  \
    (INT64_C(7) * 86400000)                              /* after a start: it may have been off    \
                                                          */
#define CLOCK_GUARD_JUMP_FROM_MS (INT64_C(26) * 3600000) /* after a jump: it was on */

struct clock_guard {
    int64_t wall_ms, mono_ms; /* of the last look; 0: never */
    int64_t even_since_mono_ms;
    int64_t jumped_to_ms; /* recordings from then on are no witnesses; 0: no jump yet */
    bool proven;          /* by recordings, until the next jump */
};

/* Note the clocks. true: it needs witnesses. Those are recordings that begin in [*ret_from_ms,
 * *ret_to_ms). */
bool clock_guard_look(struct clock_guard *guard, int64_t wall_ms, int64_t mono_ms,
                      int64_t *ret_from_ms, int64_t *ret_to_ms);
/* has_older: recordings from before that span. True: the days may be believed. */
bool clock_guard_judge(struct clock_guard *guard, bool has_witness, bool has_older);

#endif
