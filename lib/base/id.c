#include "lib/base/id.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"

void nvr_uuid7(char dst[NVR_UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    const uint64_t ms = (uint64_t)nvr_clock_wall_ms();
    uint8_t b[16] = {0};
    size_t o = 0;

    /* At most 256 bytes from getrandom() never come short once the pool is ready. */
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
        memset(b, 0, sizeof(b));
    for (size_t i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            dst[o++] = '-';
        dst[o++] = hex[b[i] >> 4];
        dst[o++] = hex[b[i] & 15];
    }
    dst[o] = 0;
}

static bool is_slug_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool nvr_slug_is_valid(const char *id)
{
    const size_t len = strnlen(id, NVR_SLUG_MAX + 1);

    if (len == 0 || len > NVR_SLUG_MAX || id[0] == '-' || id[0] == '_')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_slug_char(id[i]))
            return false;
    return true;
}

void nvr_slug_from_name(const char *name, char dst[NVR_SLUG_SIZE])
{
    size_t n = 0;

    for (const char *p = name; *p && n < NVR_SLUG_MAX; p++) {
        const char c = (char)tolower((unsigned char)*p);

        if (is_slug_char(c) && (n || (c != '-' && c != '_')))
            dst[n++] = c;
        else if (n && dst[n - 1] != '-')
            dst[n++] = '-';
    }
    while (n && dst[n - 1] == '-')
        n--;
    dst[n] = 0;
    if (!n)
        memcpy(dst, "camera", sizeof("camera"));
}
