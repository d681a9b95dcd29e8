/* buf.h — growing byte buffer with a mandatory maximum, and slices to parse.
 *
 * Errors stick: after a failed append the buffer keeps its old content, every
 * later append fails too, and nvr_buf_status() tells (-ENOMEM, -EMSGSIZE). So a
 * writer may append freely and check once at the end. */
#ifndef NVR_BASE_BUF_H
#define NVR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

struct nvr_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;
    int error;
};

/* max: bytes this buffer may ever hold. */
void nvr_buf_init(struct nvr_buf *buf, size_t max);
void nvr_buf_done(struct nvr_buf *buf);  /* zeroed struct: no-op */
void nvr_buf_reset(struct nvr_buf *buf); /* keeps the memory, clears len and error */
int nvr_buf_status(const struct nvr_buf *buf);

int nvr_buf_append(struct nvr_buf *buf, const void *data, size_t len);
int nvr_buf_append_str(struct nvr_buf *buf, const char *s);
int nvr_buf_append_char(struct nvr_buf *buf, char c);
int nvr_buf_printf(struct nvr_buf *buf, const char *fmt, ...) NVR_PRINTF(2, 3);
/* Room for len more bytes behind ->len (not counted in), NULL on error. */
uint8_t *nvr_buf_reserve(struct nvr_buf *buf, size_t len);
/* Drop len bytes from the front. */
void nvr_buf_consume(struct nvr_buf *buf, size_t len);
/* NUL-terminated view (the NUL is not counted); NULL on error. Borrowed. */
const char *nvr_buf_cstr(struct nvr_buf *buf);
/* The content as malloc()ed, NUL-terminated string; the buffer is done. NULL on error. */
char *nvr_buf_take_cstr(struct nvr_buf *buf);

/* A slice of somebody else's bytes. */
struct nvr_str {
    const char *p;
    size_t n;
};

#define NVR_STR(literal) ((struct nvr_str){(literal), sizeof(literal) - 1})
struct nvr_str nvr_str_from(const char *s); /* NULL: empty */
bool nvr_str_eq(struct nvr_str a, struct nvr_str b);
bool nvr_str_ieq(struct nvr_str a, struct nvr_str b); /* ASCII case ignored */
bool nvr_str_starts(struct nvr_str s, struct nvr_str prefix);
bool nvr_str_istarts(struct nvr_str s, struct nvr_str prefix);
struct nvr_str nvr_str_trim(struct nvr_str s); /* blanks, tabs, CR, LF at both ends */
/* Cut at the first sep: returns what stands before, *s is what stands behind
 * (empty with p=NULL when sep was not found). */
struct nvr_str nvr_str_cut(struct nvr_str *s, char sep);
/* Whole slice as a number: 0, -EINVAL (not digits only), -ERANGE (above max). */
NVR_CHECK int nvr_str_to_u64(struct nvr_str s, uint64_t max, uint64_t *ret_value);
NVR_CHECK int nvr_str_to_i64(struct nvr_str s, int64_t *ret_value);
NVR_CHECK int nvr_str_to_double(struct nvr_str s, double *ret_value); /* finite only */
char *nvr_str_dup(struct nvr_str s);                                  /* NULL: out of memory */
/* Copy with NUL; -EMSGSIZE when it does not fit (dst is then empty). */
NVR_CHECK int nvr_str_copy(char *dst, size_t dst_size, struct nvr_str s);
/* Valid UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool nvr_str_is_utf8(struct nvr_str s);

/* snprintf() where truncation is an error: length, or -EMSGSIZE (dst is then empty). */
int nvr_fmt(char *dst, size_t dst_size, const char *fmt, ...) NVR_PRINTF(3, 4);

#endif
