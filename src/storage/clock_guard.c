#include "src/storage/clock_guard.h"

#include "lib/base/macros.h"

static void note(struct clock_guard *guard, int64_t wall_ms, int64_t mono_ms)
{
    const int64_t step_ms = (wall_ms - guard->wall_ms) - (mono_ms - guard->mono_ms);

    if (!guard->mono_ms) {
        guard->even_since_mono_ms = mono_ms;
    } else if (step_ms > CLOCK_GUARD_JUMP_MS || step_ms < -CLOCK_GUARD_JUMP_MS) {
        guard->jumped_to_ms = wall_ms;
        guard->even_since_mono_ms = mono_ms;
        guard->proven = false;
    }
    guard->wall_ms = wall_ms;
    guard->mono_ms = mono_ms;
}

bool clock_guard_look(struct clock_guard *guard, int64_t wall_ms, int64_t mono_ms,
                      int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    note(guard, wall_ms, mono_ms);
    *ret_from_ms =
        wall_ms - (guard->jumped_to_ms ? CLOCK_GUARD_JUMP_FROM_MS : CLOCK_GUARD_START_FROM_MS);
    *ret_to_ms = wall_ms - CLOCK_GUARD_JUMP_MS;
    if (guard->jumped_to_ms)
        *ret_to_ms = NVR_MIN(*ret_to_ms, guard->jumped_to_ms);
    return !guard->proven && mono_ms - guard->even_since_mono_ms < CLOCK_GUARD_EVEN_MS;
}

bool clock_guard_judge(struct clock_guard *guard, bool has_witness, bool has_older)
{
    /* Without anything old there is nothing to lose, but nothing proven either. */
    if (has_witness)
        guard->proven = true;
    return has_witness || !has_older;
}
