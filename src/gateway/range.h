/* range.h — the headers Range, If-Range, If-None-Match, Accept, Accept-Encoding, Content-Type
 * (RFC 9110). Pure. */
#ifndef NVR_GATEWAY_RANGE_H
#define NVR_GATEWAY_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/macros.h"

/* A Range header for a body of size bytes. 1: [*ret_first, *ret_last] is wanted; 0: send all (none
 * given, another unit, several ranges, not well formed: RFC 9110 §14.2 lets us ignore it);
 * -ERANGE: answer 416. header may be NULL. */
NVR_CHECK int nvr_range_parse(const char *header, int64_t size, int64_t *ret_first,
                              int64_t *ret_last);
/* A list of entity tags contains etag (weak comparison) or is "*". NULL: false. */
bool nvr_etag_matches(const char *header, const char *etag);
/* Accept allows type ("image/jpeg"). NULL or empty: everything. */
bool nvr_accept_allows(const char *header, const char *type);
/* Accept-Encoding allows coding by name. NULL: no. */
bool nvr_encoding_allows(const char *header, const char *coding);
/* Content-Type is type, maybe with charset=utf-8. */
bool nvr_content_type_is(const char *header, const char *type);

#endif
