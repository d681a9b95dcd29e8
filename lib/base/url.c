#include "lib/base/url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct nvr_str s, char *dst, size_t dst_size)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            if (s.n - i < 3)
                return -EINVAL;
            const int a = hex_value(s.p[i + 1]);
            const int b = hex_value(s.p[i + 2]);

            if (a < 0 || b < 0 || (a == 0 && b == 0))
                return -EINVAL;
            c = (char)(a * 16 + b);
            i += 2;
        }
        if (n + 1 >= dst_size)
            return -EMSGSIZE;
        dst[n++] = c;
    }
    dst[n] = 0;
    return 0;
}

static int parse_scheme(struct nvr_str *rest, struct nvr_url *url)
{
    const char *colon = memchr(rest->p, ':', rest->n);
    size_t n;

    if (!colon || rest->n < 4 || !isalpha((unsigned char)rest->p[0]))
        return -EINVAL;
    n = (size_t)(colon - rest->p);
    if (n >= sizeof(url->scheme))
        return -EMSGSIZE;
    for (size_t i = 0; i < n; i++) {
        const char c = (char)tolower((unsigned char)rest->p[i]);

        if (!isalnum((unsigned char)c) && !strchr("+-.", c))
            return -EINVAL;
        url->scheme[i] = c;
    }
    rest->p += n;
    rest->n -= n;
    if (!nvr_str_starts(*rest, NVR_STR("://")))
        return -EINVAL;
    rest->p += 3;
    rest->n -= 3;
    return 0;
}

static int parse_host_port(struct nvr_str host, struct nvr_url *url)
{
    struct nvr_str port = {0};
    uint64_t number;

    if (host.n && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);

        if (!end)
            return -EINVAL;
        port.p = end + 1;
        port.n = host.n - (size_t)(end + 1 - host.p);
        host = (struct nvr_str){host.p + 1, (size_t)(end - host.p) - 1};
        if (port.n && port.p[0] != ':')
            return -EINVAL;
        if (port.n) {
            port.p++;
            port.n--;
        } else {
            port.p = NULL;
        }
    } else {
        port = host;
        host = nvr_str_cut(&port, ':');
    }
    url->port = -1;
    if (port.p && port.n) {
        if (nvr_str_to_u64(port, 65535, &number) < 0 || number == 0)
            return -EINVAL;
        url->port = (int)number;
    }
    if (!host.n)
        return -EINVAL;
    return nvr_str_copy(url->host, sizeof(url->host), host);
}

static int parse_authority(struct nvr_str authority, struct nvr_url *url)
{
    struct nvr_str host = authority;
    int r;

    for (size_t i = authority.n; i > 0; i--) {
        if (authority.p[i - 1] != '@')
            continue;
        struct nvr_str password = {authority.p, i - 1};
        const struct nvr_str user = nvr_str_cut(&password, ':');

        host = (struct nvr_str){authority.p + i, authority.n - i};
        r = decode(user, url->user, sizeof(url->user));
        if (r == 0)
            r = decode(password, url->password, sizeof(url->password));
        if (r < 0)
            return r;
        break;
    }
    return parse_host_port(host, url);
}

int nvr_url_parse(const char *text, struct nvr_url *ret_url)
{
    struct nvr_url url = {.port = -1};
    struct nvr_str rest = nvr_str_from(text);
    size_t n = 0;
    int r;

    if (rest.n >= NVR_URL_MAX)
        return -EMSGSIZE;
    for (size_t i = 0; i < rest.n; i++)
        if ((unsigned char)rest.p[i] <= ' ' || rest.p[i] == 0x7f)
            return -EINVAL;
    r = parse_scheme(&rest, &url);
    if (r < 0)
        return r;
    while (n < rest.n && !strchr("/?#", rest.p[n]))
        n++;
    const struct nvr_str authority = {rest.p, n};
    const struct nvr_str path = {rest.p + n, rest.n - n};

    if (strcmp(url.scheme, "file") == 0) {
        if (authority.n || !path.n)
            return -EINVAL;
        r = decode(path, url.path, sizeof(url.path));
    } else {
        r = parse_authority(authority, &url);
        if (r == 0)
            r = nvr_str_copy(url.path, sizeof(url.path), path);
    }
    if (r == 0)
        *ret_url = url;
    return r;
}

int nvr_url_default_port(const char *scheme)
{
    static const struct {
        const char *scheme;
        int port;
    } known[] = {{"rtsp", 554},  {"rtsps", 322}, {"rtmp", 1935},
                 {"rtmps", 443}, {"http", 80},   {"https", 443}};

    for (size_t i = 0; i < NVR_ARRAY_SIZE(known); i++)
        if (strcmp(scheme, known[i].scheme) == 0)
            return known[i].port;
    return -1;
}

int nvr_url_format_public(const struct nvr_url *url, char *dst, size_t dst_size)
{
    const char *open = strchr(url->host, ':') ? "[" : "";
    const char *close = *open ? "]" : "";
    int r;

    if (url->port > 0)
        r = nvr_fmt(dst, dst_size, "%s://%s%s%s:%d%s", url->scheme, open, url->host, close,
                    url->port, url->path);
    else
        r = nvr_fmt(dst, dst_size, "%s://%s%s%s%s", url->scheme, open, url->host, close, url->path);
    return r < 0 ? r : 0;
}
