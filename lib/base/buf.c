#include "lib/base/buf.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUF_FIRST_CAP 256
#define NUMBER_TEXT_SIZE 64

void nvr_buf_init(struct nvr_buf *buf, size_t max)
{
    *buf = (struct nvr_buf){.max = max};
}

void nvr_buf_done(struct nvr_buf *buf)
{
    free(buf->data);
    *buf = (struct nvr_buf){0};
}

void nvr_buf_reset(struct nvr_buf *buf)
{
    buf->len = 0;
    buf->error = 0;
}

int nvr_buf_status(const struct nvr_buf *buf)
{
    return buf->error;
}

uint8_t *nvr_buf_reserve(struct nvr_buf *buf, size_t len)
{
    size_t cap;
    uint8_t *data;

    if (buf->error)
        return NULL;
    if (len > buf->max - buf->len) {
        buf->error = -EMSGSIZE;
        return NULL;
    }
    /* One byte more than the content, so that nvr_buf_cstr() never fails on memory. */
    if (buf->data && buf->len + len < buf->cap)
        return buf->data + buf->len;
    cap = NVR_MAX(buf->cap * 2, (size_t)BUF_FIRST_CAP);
    cap = NVR_MAX(cap, buf->len + len + 1);
    data = realloc(buf->data, cap);
    if (!data) {
        buf->error = -ENOMEM;
        return NULL;
    }
    buf->data = data;
    buf->cap = cap;
    return data + buf->len;
}

int nvr_buf_append(struct nvr_buf *buf, const void *data, size_t len)
{
    uint8_t *room = nvr_buf_reserve(buf, len);

    if (!room)
        return buf->error;
    if (len)
        memcpy(room, data, len);
    buf->len += len;
    return 0;
}

int nvr_buf_append_str(struct nvr_buf *buf, const char *s)
{
    return nvr_buf_append(buf, s, strlen(s));
}

int nvr_buf_append_char(struct nvr_buf *buf, char c)
{
    return nvr_buf_append(buf, &c, 1);
}

int nvr_buf_printf(struct nvr_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    uint8_t *room;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    room = n < 0 ? NULL : nvr_buf_reserve(buf, (size_t)n);
    if (room) {
        (void)vsnprintf((char *)room, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    } else if (n < 0) {
        buf->error = -EINVAL;
    }
    va_end(again);
    return buf->error;
}

void nvr_buf_consume(struct nvr_buf *buf, size_t len)
{
    len = NVR_MIN(len, buf->len);
    if (len && len < buf->len)
        memmove(buf->data, buf->data + len, buf->len - len);
    buf->len -= len;
}

const char *nvr_buf_cstr(struct nvr_buf *buf)
{
    if (!nvr_buf_reserve(buf, 0))
        return NULL;
    buf->data[buf->len] = 0;
    return (const char *)buf->data;
}

char *nvr_buf_take_cstr(struct nvr_buf *buf)
{
    char *text = NULL;

    if (nvr_buf_cstr(buf))
        text = (char *)NVR_TAKE(buf->data);
    nvr_buf_done(buf);
    return text;
}

struct nvr_str nvr_str_from(const char *s)
{
    return (struct nvr_str){s, s ? strlen(s) : 0};
}

bool nvr_str_eq(struct nvr_str a, struct nvr_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool nvr_str_ieq(struct nvr_str a, struct nvr_str b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool nvr_str_starts(struct nvr_str s, struct nvr_str prefix)
{
    return s.n >= prefix.n && nvr_str_eq((struct nvr_str){s.p, prefix.n}, prefix);
}

bool nvr_str_istarts(struct nvr_str s, struct nvr_str prefix)
{
    return s.n >= prefix.n && nvr_str_ieq((struct nvr_str){s.p, prefix.n}, prefix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct nvr_str nvr_str_trim(struct nvr_str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct nvr_str nvr_str_cut(struct nvr_str *s, char sep)
{
    const char *at = s->n ? memchr(s->p, sep, s->n) : NULL;
    struct nvr_str head = *s;

    if (!at) {
        *s = (struct nvr_str){0};
        return head;
    }
    head.n = (size_t)(at - s->p);
    s->n -= head.n + 1;
    s->p = at + 1;
    return head;
}

int nvr_str_to_u64(struct nvr_str s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (!s.n)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -EINVAL;
        const uint64_t digit = (uint64_t)(s.p[i] - '0');

        if (value > (max - NVR_MIN(digit, max)) / 10 || digit > max)
            return -ERANGE;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return 0;
}

int nvr_str_to_i64(struct nvr_str s, int64_t *ret_value)
{
    const bool negative = s.n && s.p[0] == '-';
    uint64_t magnitude;

    if (negative) {
        s.p++;
        s.n--;
    }
    const int r = nvr_str_to_u64(s, INT64_MAX, &magnitude);

    if (r < 0)
        return r;
    *ret_value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return 0;
}

int nvr_str_to_double(struct nvr_str s, double *ret_value)
{
    char text[NUMBER_TEXT_SIZE];
    char *end;
    int r;

    /* strtod() would take blanks, hex and "nan". */
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789+-.eE", s.p[i]))
            return -EINVAL;
    r = nvr_str_copy(text, sizeof(text), s);
    if (r < 0 || !s.n)
        return -EINVAL;
    const double value = strtod(text, &end);

    if (*end || !isfinite(value))
        return -EINVAL;
    *ret_value = value;
    return 0;
}

char *nvr_str_dup(struct nvr_str s)
{
    char *copy = malloc(s.n + 1);

    if (!copy)
        return NULL;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = 0;
    return copy;
}

int nvr_str_copy(char *dst, size_t dst_size, struct nvr_str s)
{
    if (dst_size)
        dst[0] = 0;
    if (s.n >= dst_size)
        return -EMSGSIZE;
    if (s.n)
        memcpy(dst, s.p, s.n);
    dst[s.n] = 0;
    return 0;
}

/* Length of the UTF-8 sequence at p (n bytes left), 0 when malformed. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return p[0] ? 1 : 0;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        const unsigned char low = p[0] == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = p[0] == 0xed ? 0x9f : 0xbf;

        return n >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        const unsigned char low = p[0] == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = p[0] == 0xf4 ? 0x8f : 0xbf;

        return n >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 &&
                       (p[3] & 0xc0) == 0x80
                   ? 4
                   : 0;
    }
    return 0;
}

bool nvr_str_is_utf8(struct nvr_str s)
{
    for (size_t i = 0; i < s.n;) {
        const size_t len = utf8_sequence((const unsigned char *)s.p + i, s.n - i);

        if (!len)
            return false;
        i += len;
    }
    return true;
}

int nvr_fmt(char *dst, size_t dst_size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(dst, dst_size, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= dst_size) {
        if (dst_size)
            dst[0] = 0;
        return -EMSGSIZE;
    }
    return n;
}
