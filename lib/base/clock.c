#include "lib/base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"

#define MS_PER_DAY 86400000LL

static int64_t read_us(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t nvr_clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t nvr_clock_wall_ms(void)
{
    return nvr_clock_wall_us() / 1000;
}

int64_t nvr_clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t nvr_clock_mono_ms(void)
{
    return nvr_clock_mono_us() / 1000;
}

/* Days since 1970-01-01 ↔ civil date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static int64_t days_from_civil(int year, int month, int day)
{
    const int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t yoe = y - era * 400;
    const int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct nvr_utc nvr_utc_from_ms(int64_t time_ms)
{
    int64_t days = time_ms / MS_PER_DAY;
    int64_t rest = time_ms % MS_PER_DAY;

    if (rest < 0) {
        rest += MS_PER_DAY;
        days--;
    }
    const int64_t z = days + 719468;
    const int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    const int month = (int)(mp < 10 ? mp + 3 : mp - 9);

    return (struct nvr_utc){
        .year = (int)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600000),
        .minute = (int)(rest / 60000 % 60),
        .second = (int)(rest / 1000 % 60),
        .ms = (int)(rest % 1000),
    };
}

int64_t nvr_utc_to_ms(const struct nvr_utc *utc)
{
    return days_from_civil(utc->year, utc->month, utc->day) * MS_PER_DAY + utc->hour * 3600000LL +
           utc->minute * 60000LL + utc->second * 1000LL + utc->ms;
}

void nvr_rfc3339_format(int64_t time_ms, char *dst)
{
    const struct nvr_utc t = nvr_utc_from_ms(time_ms);

    if (nvr_fmt(dst, NVR_RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.year, t.month,
                t.day, t.hour, t.minute, t.second, t.ms) < 0)
        memcpy(dst, "invalid", sizeof("invalid"));
}

/* n digits at *p within [min, max]; moves *p. */
static bool take_number(const char **p, int n, int min, int max, int *ret_value)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (**p - '0');
    }
    *ret_value = value;
    return value >= min && value <= max;
}

static bool take_char(const char **p, const char *set)
{
    if (!**p || !strchr(set, **p))
        return false;
    (*p)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static bool take_offset(const char **p, int *ret_minutes)
{
    int hours;
    int minutes;

    *ret_minutes = 0;
    if (take_char(p, "Zz"))
        return true;
    const bool west = **p == '-';

    if (!take_char(p, "+-") || !take_number(p, 2, 0, 23, &hours) || !take_char(p, ":") ||
        !take_number(p, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

int nvr_rfc3339_parse(const char *text, int64_t *ret_ms)
{
    struct nvr_utc t = {0};
    const char *p = text;
    int offset;

    if (!take_number(&p, 4, 0, 9999, &t.year) || !take_char(&p, "-") ||
        !take_number(&p, 2, 1, 12, &t.month) || !take_char(&p, "-") ||
        !take_number(&p, 2, 1, days_in_month(t.year, t.month), &t.day) || !take_char(&p, "Tt ") ||
        !take_number(&p, 2, 0, 23, &t.hour) || !take_char(&p, ":") ||
        !take_number(&p, 2, 0, 59, &t.minute) || !take_char(&p, ":") ||
        !take_number(&p, 2, 0, 60, &t.second))
        return -EINVAL;
    if (take_char(&p, ".")) {
        int scale = 100;

        if (*p < '0' || *p > '9')
            return -EINVAL;
        for (; *p >= '0' && *p <= '9'; p++, scale /= 10)
            t.ms += (*p - '0') * scale;
    }
    if (!take_offset(&p, &offset) || *p)
        return -EINVAL;
    *ret_ms = nvr_utc_to_ms(&t) - offset * 60000LL;
    return 0;
}

int nvr_time_parse(const char *text, int64_t *ret_ms)
{
    if (nvr_str_to_i64(nvr_str_from(text), ret_ms) == 0)
        return 0;
    return nvr_rfc3339_parse(text, ret_ms);
}

/* ---- time zone ---- */

#define ZONE_MAX 64

static bool is_zone_name(const char *name)
{
    const size_t len = strlen(name);

    if (!len || len >= ZONE_MAX || name[0] < 'A' || name[0] > 'Z' || strstr(name, ".."))
        return false;
    /* "CET-1CEST" is a rule, not a name; only "Etc/GMT+5" has a sign. */
    if (strpbrk(name, "0123456789") && !strchr(name, '/'))
        return false;
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-") ==
           len;
}

int nvr_clock_zone_parse(const char *text, char *dst, size_t size)
{
    static const char folder[] = "zoneinfo/";
    const char *name = text[0] == ':' ? text + 1 : text;
    const char *below = strstr(name, folder);

    if (below)
        name = below + strlen(folder);
    for (size_t i = 0; i < 2; i++) { /* trees with and without leap seconds */
        static const char *const trees[] = {"posix/", "right/"};

        if (strncmp(name, trees[i], strlen(trees[i])) == 0)
            name += strlen(trees[i]);
    }
    if (!is_zone_name(name) || nvr_fmt(dst, size, "%s", name) < 0)
        return -EINVAL;
    return 0;
}

void nvr_clock_zone_name(char *dst, size_t size)
{
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
    const char *variable = getenv("TZ");
    char link[512];
    struct nvr_buf text;
    int r = -EINVAL;

    if (variable && variable[0])
        r = nvr_clock_zone_parse(variable, dst, size);
    if (r < 0) {
        const ssize_t n = readlink("/etc/localtime", link, sizeof(link) - 1);

        link[NVR_MAX(n, (ssize_t)0)] = 0;
        r = nvr_clock_zone_parse(link, dst, size);
    }
    if (r < 0) {
        nvr_buf_init(&text, 1024);
        if (nvr_file_read("/etc/timezone", &text) == 0 && nvr_buf_cstr(&text)) {
            link[0] = 0;
            (void)snprintf(link, sizeof(link), "%s", nvr_buf_cstr(&text));
            link[strcspn(link, " \t\r\n")] = 0;
            r = nvr_clock_zone_parse(link, dst, size);
        }
        nvr_buf_done(&text);
    }
    if (r < 0)
        (void)snprintf(dst, size, "UTC");
}
