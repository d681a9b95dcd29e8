#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tests/simcam/simcam.h"

static int verbose;

void sim_set_verbose(int level)
{
    verbose = level;
}

void sim_log(int level, const char *fmt, ...)
{
    va_list args;

    if (level > verbose)
        return;
    va_start(args, fmt);
    (void)fputs("simcam: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

static void *or_die(void *p)
{
    if (!p) {
        sim_log(0, "out of memory");
        exit(1);
    }
    return p;
}

void *sim_calloc(size_t count, size_t size)
{
    return or_die(calloc(count, size));
}

void *sim_realloc(void *p, size_t size)
{
    return or_die(realloc(p, size));
}

char *sim_strdup(const char *s)
{
    return or_die(strdup(s));
}

uint32_t sim_random(void)
{
    uint32_t value;

    if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
        value = (uint32_t)random();
    return value;
}

int64_t sim_seconds_us(double seconds)
{
    return (int64_t)(seconds * 1e6);
}

void sim_put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

void sim_put32(uint8_t *p, uint32_t value)
{
    sim_put16(p, value >> 16);
    sim_put16(p + 2, value);
}

uint32_t sim_get16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}
