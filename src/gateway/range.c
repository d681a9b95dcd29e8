#include "src/gateway/range.h"

#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"

int nvr_range_parse(const char *header, int64_t size, int64_t *ret_first, int64_t *ret_last)
{
    struct nvr_str spec = nvr_str_trim(nvr_str_from(header));
    struct nvr_str first_text;
    uint64_t first = 0;
    uint64_t last = 0;

    if (!nvr_str_istarts(spec, NVR_STR("bytes=")))
        return 0;
    spec = nvr_str_trim((struct nvr_str){spec.p + 6, spec.n - 6});
    if (!spec.n || memchr(spec.p, ',', spec.n) || !memchr(spec.p, '-', spec.n))
        return 0;
    first_text = nvr_str_trim(nvr_str_cut(&spec, '-'));
    spec = nvr_str_trim(spec);

    if (!first_text.n) { /* the last n bytes */
        if (nvr_str_to_u64(spec, INT64_MAX, &last) < 0)
            return 0;
        if (!last || !size)
            return -ERANGE;
        *ret_first = (int64_t)last >= size ? 0 : size - (int64_t)last;
        *ret_last = size - 1;
        return 1;
    }
    if (nvr_str_to_u64(first_text, INT64_MAX, &first) < 0)
        return 0;
    last = INT64_MAX;
    if (spec.n && (nvr_str_to_u64(spec, INT64_MAX, &last) < 0 || last < first))
        return 0;
    if ((int64_t)first >= size)
        return -ERANGE;
    *ret_first = (int64_t)first;
    *ret_last = (int64_t)last >= size ? size - 1 : (int64_t)last;
    return 1;
}

static struct nvr_str without_weak(struct nvr_str tag)
{
    if (nvr_str_starts(tag, NVR_STR("W/")))
        return (struct nvr_str){tag.p + 2, tag.n - 2};
    return tag;
}

bool nvr_etag_matches(const char *header, const char *etag)
{
    struct nvr_str rest = nvr_str_from(header);
    const struct nvr_str wanted = without_weak(nvr_str_from(etag));

    if (!wanted.n)
        return false;
    while (rest.n) {
        const struct nvr_str tag = nvr_str_trim(nvr_str_cut(&rest, ','));

        if (nvr_str_eq(tag, NVR_STR("*")) || nvr_str_eq(without_weak(tag), wanted))
            return true;
    }
    return false;
}

/* Parameters behind the first ';': true when q=0, q=0.0 … */
static bool is_refused(struct nvr_str params)
{
    while (params.n) {
        struct nvr_str value = nvr_str_trim(nvr_str_cut(&params, ';'));
        const struct nvr_str name = nvr_str_trim(nvr_str_cut(&value, '='));
        double q = 1;

        if (nvr_str_ieq(name, NVR_STR("q")) && nvr_str_to_double(nvr_str_trim(value), &q) == 0)
            return q <= 0;
    }
    return false;
}

/* How closely a media range fits: 0 not, 1 any, 2 the main type, 3 exactly. */
static unsigned media_range_fit(struct nvr_str range, struct nvr_str type)
{
    struct nvr_str main_type = type;

    main_type = nvr_str_cut(&main_type, '/');
    if (nvr_str_ieq(range, NVR_STR("*/*")) || nvr_str_eq(range, NVR_STR("*")))
        return 1;
    if (nvr_str_ieq(range, type))
        return 3;
    if (range.n == main_type.n + 2 && nvr_str_istarts(range, main_type) &&
        memcmp(range.p + main_type.n, "/*", 2) == 0)
        return 2;
    return 0;
}

bool nvr_accept_allows(const char *header, const char *type)
{
    struct nvr_str rest = nvr_str_trim(nvr_str_from(header));
    unsigned best = 0;
    bool allowed = false;

    if (!rest.n)
        return true;
    while (rest.n) {
        struct nvr_str item = nvr_str_cut(&rest, ',');
        const struct nvr_str range = nvr_str_trim(nvr_str_cut(&item, ';'));
        const unsigned fit = media_range_fit(range, nvr_str_from(type));

        if (fit > best) {
            best = fit;
            allowed = !is_refused(item);
        }
    }
    return allowed;
}

bool nvr_encoding_allows(const char *header, const char *coding)
{
    struct nvr_str rest = nvr_str_from(header);

    while (rest.n) {
        struct nvr_str item = nvr_str_cut(&rest, ',');

        if (nvr_str_ieq(nvr_str_trim(nvr_str_cut(&item, ';')), nvr_str_from(coding)))
            return !is_refused(item);
    }
    return false;
}

bool nvr_content_type_is(const char *header, const char *type)
{
    struct nvr_str rest = nvr_str_from(header);

    if (!nvr_str_ieq(nvr_str_trim(nvr_str_cut(&rest, ';')), nvr_str_from(type)))
        return false;
    while (rest.n) {
        struct nvr_str value = nvr_str_trim(nvr_str_cut(&rest, ';'));
        const struct nvr_str name = nvr_str_trim(nvr_str_cut(&value, '='));

        value = nvr_str_trim(value);
        if (nvr_str_ieq(name, NVR_STR("charset")) && !nvr_str_ieq(value, NVR_STR("utf-8")) &&
            !nvr_str_ieq(value, NVR_STR("\"utf-8\"")))
            return false;
    }
    return true;
}
