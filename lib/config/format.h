/* format.h — the named formats of schema.json. Inside lib/config. */
#ifndef NVR_CONFIG_FORMAT_H
#define NVR_CONFIG_FORMAT_H

#include <stddef.h>

/* NULL: text is fine; else what was expected (static, or in room). Unknown formats are fine. */
const char *nvr_format_check(const char *format, const char *text, char *room, size_t room_size);

#endif
