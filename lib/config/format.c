#include "lib/config/format.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/id.h"
#include "lib/base/url.h"
#include "lib/base/zone.h"

#define SCHEMES "rtsp, rtsps, rtmp, rtmps, http, https, file"
#define FILE_URL "an absolute path: file:///path/to/file"
#define ZONES "/usr/share/zoneinfo"

static const char *check_url(const char *text, char *room, size_t room_size)
{
    static const char *const schemes[] = {"rtsp", "rtsps", "rtmp", "rtmps",
                                          "http", "https", "file"};
    struct nvr_url url;
    size_t i;
    const int r = nvr_url_parse(text, &url);

    if (r == -EMSGSIZE)
        return "a shorter URL (a part of it is too long)";
    if (r < 0 && strncmp(text, "file:", 5) == 0)
        return FILE_URL;
    if (r < 0)
        return "a URL like rtsp://192.168.1.20/stream (" SCHEMES ")";
    for (i = 0; i < NVR_ARRAY_SIZE(schemes) && strcmp(schemes[i], url.scheme) != 0; i++)
        continue;
    if (i == NVR_ARRAY_SIZE(schemes)) {
        (void)nvr_fmt(room, room_size, "a URL of one of " SCHEMES "; %s:// is not supported",
                      url.scheme);
        return room;
    }
    if (!nvr_str_is_utf8(nvr_str_from(url.user)) || !nvr_str_is_utf8(nvr_str_from(url.password)))
        return "an account in the URL that is UTF-8";
    if (strcmp(url.scheme, "file") == 0)
        return url.path[0] == '/' && url.host[0] == '\0' ? NULL : FILE_URL;
    return url.host[0] != '\0' ? NULL : "a URL with a host";
}

static const char *check_zone(const char *text)
{
    NVR_AUTO(nvr_zone) zone = NULL;
    const int r = nvr_zone_open(text, &zone);

    if (r == 0)
        return NULL;
    if (r == -EINVAL)
        return "a time zone like Europe/Zurich";
    if (access(ZONES, R_OK) < 0)
        return "UTC: this system has no time zones (package tzdata)";
    return "a time zone that this system knows, like Europe/Zurich";
}

static const char *check_host(const char *text)
{
    const size_t len = strlen(text);

    if (len == 0 || len > 253 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") != len)
        return "a host name or address";
    return NULL;
}

static const char *check_endpoint(const char *text)
{
    static const char *const expected = "http[s]://host[:port], without an account and a path";
    struct nvr_url url;

    if (nvr_url_parse(text, &url) < 0 ||
        (strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0) ||
        url.user[0] != '\0' || url.password[0] != '\0' || check_host(url.host) ||
        (url.path[0] != '\0' && strcmp(url.path, "/") != 0))
        return expected;
    return NULL;
}

const char *nvr_format_check(const char *format, const char *text, char *room, size_t room_size)
{
    if (strcmp(format, "camera-url") == 0)
        return text[0] == '\0' ? NULL : check_url(text, room, room_size);
    if (strcmp(format, "slug") == 0)
        return nvr_slug_is_valid(text)
                   ? NULL
                   : "1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit";
    if (strcmp(format, "timezone") == 0)
        return check_zone(text);
    if (strcmp(format, "s3-endpoint") == 0)
        return text[0] == '\0' ? NULL : check_endpoint(text);
    if (strcmp(format, "host") == 0)
        return check_host(text);
    return NULL;
}
