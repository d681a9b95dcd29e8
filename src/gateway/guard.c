#include "src/gateway/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"

/* Host without port and brackets. False: not well formed. */
static bool split_host(struct nvr_str header, char *dst, size_t dst_size)
{
    struct nvr_str host = nvr_str_trim(header);
    struct nvr_str port = {0};
    uint64_t number;

    if (host.n && host.p[0] == '[') {
        host = (struct nvr_str){host.p + 1, host.n - 1};
        port = host;
        host = nvr_str_cut(&port, ']');
        if (!port.p || (port.n && port.p[0] != ':'))
            return false;
        if (port.n)
            port = (struct nvr_str){port.p + 1, port.n - 1};
    } else {
        port = host;
        host = nvr_str_cut(&port, ':');
    }
    if (port.n && nvr_str_to_u64(port, 65535, &number) < 0)
        return false;
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    return host.n && nvr_str_copy(dst, dst_size, host) == 0;
}

static bool is_address(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool is_wildcard(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool nvr_guard_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    if (inet_pton(AF_INET6, address, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return false;
}

static bool is_localhost(const char *host)
{
    const struct nvr_str name = nvr_str_from(host);
    const struct nvr_str suffix = NVR_STR(".localhost");

    return nvr_str_ieq(name, NVR_STR("localhost")) ||
           (name.n > suffix.n &&
            nvr_str_ieq((struct nvr_str){name.p + name.n - suffix.n, suffix.n}, suffix));
}

static bool is_this_machine(const char *host)
{
    char name[256];
    char local[280];

    if (gethostname(name, sizeof(name)) < 0)
        return false;
    name[sizeof(name) - 1] = '\0';
    if (nvr_fmt(local, sizeof(local), "%s.local", name) < 0)
        return false;
    return nvr_str_ieq(nvr_str_from(host), nvr_str_from(name)) ||
           nvr_str_ieq(nvr_str_from(host), nvr_str_from(local));
}

bool nvr_guard_host(const char *host_header, const char *listen_host)
{
    char host[256];

    if (!split_host(nvr_str_from(host_header), host, sizeof(host)))
        return false;
    if (nvr_guard_is_loopback(host) || is_localhost(host))
        return true;
    if (nvr_guard_is_loopback(listen_host))
        return false;
    if (is_wildcard(listen_host))
        return is_address(host) || is_this_machine(host);
    return strcmp(host, listen_host) == 0 || is_this_machine(host);
}

bool nvr_guard_origin(const char *origin_header, const char *host_header)
{
    struct nvr_str origin = nvr_str_trim(nvr_str_from(origin_header));

    if (!origin.n)
        return true;
    if (nvr_str_istarts(origin, NVR_STR("http://")))
        origin = (struct nvr_str){origin.p + 7, origin.n - 7};
    else if (nvr_str_istarts(origin, NVR_STR("https://")))
        origin = (struct nvr_str){origin.p + 8, origin.n - 8};
    else
        return false;
    return nvr_str_ieq(origin, nvr_str_trim(nvr_str_from(host_header)));
}
