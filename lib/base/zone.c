#include "lib/base/zone.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"

#define FOLDER "/usr/share/zoneinfo"
#define HEADER_SIZE 44
#define DAY_S INT64_C(86400)
#define OFFSET_MAX_S (26 * 3600)     /* RFC 8536, 3.2 */
#define RULE_TIME_MAX_S (167 * 3600) /* RFC 8536, 3.3.1 */
#define TIME_MAX_S (INT64_MAX / 4000)

/* A day of the year as POSIX's TZ says it, and the time of that day. */
struct day_rule {
    enum { RULE_JULIAN, RULE_DAY, RULE_WEEKDAY } kind;
    int month, week, day; /* RULE_JULIAN 1–365 without 29 February, RULE_DAY 0–365: day only */
    int32_t time_s;
};

/* What holds behind the last transition of the table. */
struct rule {
    bool is_set, has_dst;
    int32_t std_s, dst_s;
    struct day_rule begin, end;
};

struct nvr_zone {
    int32_t first_s; /* before times[0] */
    size_t count;
    int64_t *times;   /* s since 1970, ascending */
    int32_t *offsets; /* from there on */
    struct rule rule;
};

struct counts {
    uint32_t isut, isstd, leap, time, type, chars;
};

/* ---- the file ---- */

static uint32_t get_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t get_time(const uint8_t *p, size_t size)
{
    if (size == 4)
        return (int32_t)get_32(p);
    return (int64_t)((uint64_t)get_32(p) << 32 | get_32(p + 4));
}

static int read_header(struct nvr_str in, struct counts *counts)
{
    const uint8_t *p = (const uint8_t *)in.p;

    if (in.n < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
        return -EPROTO;
    *counts = (struct counts){get_32(p + 20), get_32(p + 24), get_32(p + 28),
                              get_32(p + 32), get_32(p + 36), get_32(p + 40)};
    if (counts->time > NVR_ZONE_TIMES_MAX || counts->type == 0 ||
        counts->type > NVR_ZONE_TYPES_MAX || counts->leap > NVR_ZONE_TIMES_MAX ||
        counts->chars > NVR_ZONE_FILE_MAX || counts->isut > counts->type ||
        counts->isstd > counts->type)
        return -EPROTO;
    return 0;
}

/* Bytes behind the header: every count is small, nothing overflows. */
static size_t body_size(const struct counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

static int read_table(struct nvr_zone *zone, const uint8_t *p, const struct counts *c,
                      size_t time_size)
{
    const uint8_t *indices = p + c->time * time_size;
    const uint8_t *types = indices + c->time;
    int32_t offsets[NVR_ZONE_TYPES_MAX];

    for (size_t i = 0; i < c->type; i++) {
        offsets[i] = (int32_t)get_32(types + i * 6);
        if (offsets[i] < -OFFSET_MAX_S || offsets[i] > OFFSET_MAX_S)
            return -EPROTO;
    }
    zone->first_s = offsets[0];
    if (c->time == 0)
        return 0;
    zone->times = calloc(c->time, sizeof(*zone->times));
    zone->offsets = calloc(c->time, sizeof(*zone->offsets));
    if (!zone->times || !zone->offsets)
        return -ENOMEM;
    for (size_t i = 0; i < c->time; i++) {
        zone->times[i] = get_time(p + i * time_size, time_size);
        if (indices[i] >= c->type || zone->times[i] > TIME_MAX_S ||
            (i && zone->times[i] <= zone->times[i - 1]))
            return -EPROTO;
        zone->offsets[i] = offsets[indices[i]];
    }
    zone->count = c->time;
    return 0;
}

/* ---- the footer: POSIX's TZ, "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool take_char(struct nvr_str *in, char c)
{
    if (in->n == 0 || in->p[0] != c)
        return false;
    in->p++;
    in->n--;
    return true;
}

static bool take_number(struct nvr_str *in, int min, int max, int *ret_value)
{
    int value = 0;
    size_t n = 0;

    while (n < in->n && n < 4 && in->p[n] >= '0' && in->p[n] <= '9')
        value = value * 10 + (in->p[n++] - '0');
    in->p += n;
    in->n -= n;
    *ret_value = value;
    return n > 0 && value >= min && value <= max;
}

static bool take_time(struct nvr_str *in, int hours_max, int32_t *ret_s)
{
    const bool negative = take_char(in, '-');
    int hours, minutes = 0, seconds = 0;

    if (!negative)
        (void)take_char(in, '+');
    if (!take_number(in, 0, hours_max, &hours) ||
        (take_char(in, ':') && (!take_number(in, 0, 59, &minutes) ||
                                (take_char(in, ':') && !take_number(in, 0, 59, &seconds)))))
        return false;
    *ret_s = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

/* "CET", "<+0530>": only its length matters. */
static bool take_name(struct nvr_str *in)
{
    const bool quoted = take_char(in, '<');
    size_t n = 0;

    while (n < in->n &&
           (quoted ? in->p[n] != '>' : (in->p[n] | 0x20) >= 'a' && (in->p[n] | 0x20) <= 'z'))
        n++;
    in->p += n;
    in->n -= n;
    return n > 0 && (!quoted || take_char(in, '>'));
}

static bool take_day(struct nvr_str *in, struct day_rule *rule)
{
    rule->time_s = 2 * 3600;
    if (take_char(in, 'M')) {
        rule->kind = RULE_WEEKDAY;
        if (!take_number(in, 1, 12, &rule->month) || !take_char(in, '.') ||
            !take_number(in, 1, 5, &rule->week) || !take_char(in, '.') ||
            !take_number(in, 0, 6, &rule->day))
            return false;
    } else if (take_char(in, 'J')) {
        rule->kind = RULE_JULIAN;
        if (!take_number(in, 1, 365, &rule->day))
            return false;
    } else {
        rule->kind = RULE_DAY;
        if (!take_number(in, 0, 365, &rule->day))
            return false;
    }
    return !take_char(in, '/') || take_time(in, RULE_TIME_MAX_S / 3600, &rule->time_s);
}

static int read_footer(struct nvr_str in, struct rule *rule)
{
    if (in.n == 0)
        return 0;
    if (!take_name(&in) || !take_time(&in, 25, &rule->std_s))
        return -EPROTO;
    rule->std_s = -rule->std_s; /* POSIX counts westwards */
    rule->dst_s = rule->std_s + 3600;
    rule->is_set = true;
    if (in.n == 0)
        return 0;
    rule->has_dst = true;
    if (!take_name(&in))
        return -EPROTO;
    if (in.n && in.p[0] != ',') {
        if (!take_time(&in, 25, &rule->dst_s))
            return -EPROTO;
        rule->dst_s = -rule->dst_s;
    }
    if (!take_char(&in, ',') || !take_day(&in, &rule->begin) || !take_char(&in, ',') ||
        !take_day(&in, &rule->end) || in.n)
        return -EPROTO;
    return 0;
}

static int read_file(struct nvr_zone *zone, struct nvr_str in)
{
    struct counts counts;
    size_t size, time_size = 4;
    int r = read_header(in, &counts);

    if (r < 0)
        return r;
    size = body_size(&counts, time_size);
    if (in.n - HEADER_SIZE < size)
        return -EPROTO;
    if (in.p[4] >= '2') { /* the same again with 64 bits */
        in.p += HEADER_SIZE + size;
        in.n -= HEADER_SIZE + size;
        time_size = 8;
        r = read_header(in, &counts);
        if (r < 0)
            return r;
        size = body_size(&counts, time_size);
        if (in.n - HEADER_SIZE < size)
            return -EPROTO;
    }
    r = read_table(zone, (const uint8_t *)in.p + HEADER_SIZE, &counts, time_size);
    if (r < 0 || time_size == 4)
        return r;
    in.p += HEADER_SIZE + size;
    in.n -= HEADER_SIZE + size;
    if (!take_char(&in, '\n') || !memchr(in.p, '\n', in.n))
        return -EPROTO;
    return read_footer(nvr_str_cut(&in, '\n'), &zone->rule);
}

int nvr_zone_parse(const void *data, size_t size, struct nvr_zone **ret_zone)
{
    NVR_AUTO(nvr_zone) zone = calloc(1, sizeof(*zone));
    int r;

    if (!zone)
        return -ENOMEM;
    r = size > NVR_ZONE_FILE_MAX ? -EPROTO : read_file(zone, (struct nvr_str){data, size});
    if (r < 0)
        return r;
    *ret_zone = NVR_TAKE(zone);
    return 0;
}

int nvr_zone_open(const char *name, struct nvr_zone **ret_zone)
{
    char clean[NVR_ZONE_NAME_SIZE], path[sizeof(FOLDER) + NVR_ZONE_NAME_SIZE];
    struct nvr_buf data;
    int r = 0;

    if (strcmp(name, "local") == 0)
        nvr_clock_zone_name(clean, sizeof(clean));
    else
        r = nvr_clock_zone_parse(name, clean, sizeof(clean));
    if (r < 0)
        return r;
    if (strcmp(clean, "UTC") == 0) {
        *ret_zone = calloc(1, sizeof(**ret_zone));
        return *ret_zone ? 0 : -ENOMEM;
    }
    r = nvr_path_join(path, sizeof(path), FOLDER, clean);
    if (r < 0)
        return r;
    nvr_buf_init(&data, NVR_ZONE_FILE_MAX);
    r = nvr_file_read(path, &data);
    if (r == 0)
        r = nvr_zone_parse(data.data, data.len, ret_zone);
    else if (r == -EISDIR || r == -ENOTDIR)
        r = -ENOENT;
    nvr_buf_done(&data);
    return r;
}

void nvr_zone_free(struct nvr_zone *zone)
{
    if (!zone)
        return;
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

/* ---- questions ---- */

static int64_t day_s(int year, int month, int day)
{
    const struct nvr_utc utc = {.year = year, .month = month, .day = day};

    return nvr_utc_to_ms(&utc) / 1000;
}

/* Local time of the rule's moment in this year, as if local were UTC. */
static int64_t rule_moment(const struct day_rule *rule, int year)
{
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t at;

    if (rule->kind == RULE_WEEKDAY) {
        const int64_t first = day_s(year, rule->month, 1);
        const int64_t next =
            rule->month == 12 ? day_s(year + 1, 1, 1) : day_s(year, rule->month + 1, 1);
        const int weekday = (int)(((first / DAY_S + 4) % 7 + 7) % 7); /* 1970 began on a Thursday */

        at = first + ((rule->day - weekday + 7) % 7 + (rule->week - 1) * 7) * DAY_S;
        while (at >= next)
            at -= 7 * DAY_S;
    } else {
        at = day_s(year, 1, 1);
        at += (rule->kind == RULE_DAY ? rule->day : rule->day - 1 + (leap && rule->day >= 60)) *
              DAY_S;
    }
    return at + rule->time_s;
}

/* Daylight saving begins and ends in this year, s since 1970. */
static void rule_year(const struct rule *rule, int year, int64_t *ret_begin, int64_t *ret_end)
{
    *ret_begin = rule_moment(&rule->begin, year) - rule->std_s;
    *ret_end = rule_moment(&rule->end, year) - rule->dst_s;
}

static int year_of(int64_t at_s)
{
    return nvr_utc_from_ms(at_s * 1000).year;
}

static int32_t rule_offset(const struct rule *rule, int64_t at_s)
{
    int64_t begin, end;
    bool dst;

    if (!rule->has_dst)
        return rule->std_s;
    rule_year(rule, year_of(at_s + rule->std_s), &begin, &end);
    dst = begin < end ? at_s >= begin && at_s < end : at_s >= begin || at_s < end;
    return dst ? rule->dst_s : rule->std_s;
}

/* Transitions at or before at_s. */
static size_t count_before(const struct nvr_zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (zone->times[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t offset_s(const struct nvr_zone *zone, int64_t at_s)
{
    const size_t n = count_before(zone, at_s);

    if (n == zone->count && zone->rule.is_set)
        return rule_offset(&zone->rule, at_s);
    return n ? zone->offsets[n - 1] : zone->first_s;
}

static int64_t floor_s(int64_t ms)
{
    const int64_t s = ms / 1000 - (ms % 1000 < 0);

    return NVR_MAX(NVR_MIN(s, TIME_MAX_S), -TIME_MAX_S);
}

int64_t nvr_zone_offset_ms(const struct nvr_zone *zone, int64_t at_ms)
{
    return zone ? offset_s(zone, floor_s(at_ms)) * INT64_C(1000) : 0;
}

int64_t nvr_zone_next_change_ms(const struct nvr_zone *zone, int64_t at_ms)
{
    const int64_t at = floor_s(at_ms);
    int32_t now;

    if (!zone)
        return INT64_MAX;
    now = offset_s(zone, at);
    for (size_t i = count_before(zone, at); i < zone->count; i++) {
        if (offset_s(zone, zone->times[i]) != now)
            return zone->times[i] * 1000;
    }
    if (!zone->rule.has_dst)
        return INT64_MAX;
    const int64_t from = zone->count ? NVR_MAX(at, zone->times[zone->count - 1]) : at;
    const int year = year_of(from);

    for (int y = year - 1; y <= year + 2; y++) {
        int64_t moments[2];

        rule_year(&zone->rule, y, &moments[0], &moments[1]);
        if (moments[0] > moments[1]) {
            const int64_t swap = moments[0];

            moments[0] = moments[1];
            moments[1] = swap;
        }
        for (size_t i = 0; i < 2; i++)
            if (moments[i] > from && offset_s(zone, moments[i]) != now)
                return moments[i] * 1000;
    }
    return INT64_MAX;
}
