/* clock.h — wall and monotonic time, RFC 3339. All stored times are ms UTC. */
#ifndef NVR_BASE_CLOCK_H
#define NVR_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_RFC3339_SIZE 32 /* "2026-01-02T03:04:05.678Z" and its NUL fit */

int64_t nvr_clock_wall_us(void);
int64_t nvr_clock_wall_ms(void);
int64_t nvr_clock_mono_us(void);
int64_t nvr_clock_mono_ms(void);

struct nvr_utc {
    int year, month, day, hour, minute, second, ms; /* month 1–12, day 1–31 */
};
struct nvr_utc nvr_utc_from_ms(int64_t time_ms);
/* Proleptic Gregorian; fields must be in range. */
int64_t nvr_utc_to_ms(const struct nvr_utc *utc);

/* "2026-01-02T03:04:05.678Z". dst has NVR_RFC3339_SIZE bytes. */
void nvr_rfc3339_format(int64_t time_ms, char *dst);
/* Date-time with Z or ±hh:mm, optional fraction. 0, or -EINVAL. */
NVR_CHECK int nvr_rfc3339_parse(const char *text, int64_t *ret_ms);
/* What the API accepts as a time: ms since 1970 or RFC 3339. 0, or -EINVAL. */
NVR_CHECK int nvr_time_parse(const char *text, int64_t *ret_ms);

/* The system's time zone by its name in the tz database ("Europe/Zurich"), from $TZ, the link
 * /etc/localtime or /etc/timezone; "UTC" when it cannot be told. */
void nvr_clock_zone_name(char *dst, size_t size);
/* The name in what $TZ (":Europe/Zurich") or the link ("/usr/share/zoneinfo/…") says. -EINVAL:
 * there is none in it. */
NVR_CHECK int nvr_clock_zone_parse(const char *text, char *dst, size_t size);

#endif
