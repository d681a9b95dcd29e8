#include "lib/rtsp/auth.h"

#include <nettle/base64.h>
#include <nettle/md5.h>
#include <nettle/sha2.h>
#include <string.h>

#define PARAMS_MAX 64u /* of one header */
#define BASIC_MAX 600u /* user:password */
#define HEX_MAX 65u    /* SHA-256 in hex and its NUL */

/* ---- challenges ---- */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static void skip_blanks(struct nvr_str *rest)
{
    while (rest->n > 0 && (rest->p[0] == ' ' || rest->p[0] == '\t' || rest->p[0] == ',')) {
        rest->p++;
        rest->n--;
    }
}

static struct nvr_str take_token(struct nvr_str *rest)
{
    struct nvr_str token = {rest->p, 0};

    while (token.n < rest->n && is_token_char(rest->p[token.n]))
        token.n++;
    rest->p += token.n;
    rest->n -= token.n;
    return token;
}

/* Behind '=': token or quoted string; unquoted into dst. */
static int take_value(struct nvr_str *rest, char *dst, size_t dst_size)
{
    size_t n = 0;

    dst[0] = '\0';
    if (rest->n == 0 || rest->p[0] != '"') {
        /* Some servers put characters here that a token must not have. */
        struct nvr_str token = {rest->p, 0};

        while (token.n < rest->n && !strchr(" \t,", rest->p[token.n])) {
            if (is_control(rest->p[token.n++]))
                return -EPROTO;
        }
        rest->p += token.n;
        rest->n -= token.n;
        return nvr_str_copy(dst, dst_size, token);
    }
    for (size_t i = 1; i < rest->n; i++) {
        char c = rest->p[i];

        if (c == '"') {
            rest->p += i + 1;
            rest->n -= i + 1;
            dst[n] = '\0';
            return 0;
        }
        if (c == '\\' && i + 1 < rest->n)
            c = rest->p[++i];
        if (is_control(c) || n + 1 >= dst_size)
            return -EPROTO;
        dst[n++] = c;
    }
    return -EPROTO;
}

static void set_algorithm(struct nvr_rtsp_challenge *challenge, const char *value)
{
    struct nvr_str name = nvr_str_from(value);

    challenge->session = false;
    if (name.n > 5 && nvr_str_ieq((struct nvr_str){name.p + name.n - 5, 5}, NVR_STR("-sess"))) {
        challenge->session = true;
        name.n -= 5;
    }
    if (nvr_str_ieq(name, NVR_STR("MD5")))
        challenge->scheme = NVR_RTSP_SCHEME_MD5;
    else if (nvr_str_ieq(name, NVR_STR("SHA-256")) || nvr_str_ieq(name, NVR_STR("SHA256")))
        challenge->scheme = NVR_RTSP_SCHEME_SHA256;
    else
        challenge->scheme = NVR_RTSP_SCHEME_NONE;
    if (nvr_str_copy(challenge->algorithm, sizeof(challenge->algorithm), nvr_str_from(value)) < 0)
        challenge->scheme = NVR_RTSP_SCHEME_NONE;
}

/* 0 (also for a parameter we do not know), or -EPROTO. */
static int set_param(struct nvr_rtsp_challenge *challenge, struct nvr_str name,
                     struct nvr_str *rest)
{
    char value[NVR_RTSP_AUTH_PARAM_MAX * 4];
    struct nvr_str list;
    int r = take_value(rest, value, sizeof(value));

    if (r < 0)
        return -EPROTO;
    if (nvr_str_ieq(name, NVR_STR("realm")))
        r = nvr_str_copy(challenge->realm, sizeof(challenge->realm), nvr_str_from(value));
    else if (nvr_str_ieq(name, NVR_STR("nonce")))
        r = nvr_str_copy(challenge->nonce, sizeof(challenge->nonce), nvr_str_from(value));
    else if (nvr_str_ieq(name, NVR_STR("opaque")))
        r = nvr_str_copy(challenge->opaque, sizeof(challenge->opaque), nvr_str_from(value));
    else if (nvr_str_ieq(name, NVR_STR("stale")))
        challenge->stale = nvr_str_ieq(nvr_str_from(value), NVR_STR("true"));
    else if (nvr_str_ieq(name, NVR_STR("algorithm")) && challenge->scheme != NVR_RTSP_SCHEME_BASIC)
        set_algorithm(challenge, value);
    if (nvr_str_ieq(name, NVR_STR("qop"))) {
        for (list = nvr_str_from(value); list.n > 0;)
            challenge->qop_auth |=
                nvr_str_ieq(nvr_str_trim(nvr_str_cut(&list, ',')), NVR_STR("auth"));
    }
    return r < 0 ? -EPROTO : 0;
}

static bool is_allowed(const struct nvr_rtsp_challenge *challenge, enum nvr_rtsp_auth type)
{
    switch (type) {
    case NVR_RTSP_AUTH_BASIC:
        return challenge->scheme == NVR_RTSP_SCHEME_BASIC;
    case NVR_RTSP_AUTH_DIGEST:
        return challenge->scheme > NVR_RTSP_SCHEME_BASIC;
    case NVR_RTSP_AUTH_AUTO:
        return challenge->scheme != NVR_RTSP_SCHEME_NONE;
    case NVR_RTSP_AUTH_NONE:
    default:
        return false;
    }
}

static void keep_stronger(struct nvr_rtsp_challenge *best, const struct nvr_rtsp_challenge *other,
                          enum nvr_rtsp_auth type)
{
    if (other->scheme > NVR_RTSP_SCHEME_BASIC && other->nonce[0] == '\0')
        return;
    if (is_allowed(other, type) && other->scheme > best->scheme)
        *best = *other;
}

int nvr_rtsp_challenge_parse(struct nvr_str value, enum nvr_rtsp_auth type,
                             struct nvr_rtsp_challenge *ret_challenge)
{
    struct nvr_rtsp_challenge best = {.scheme = NVR_RTSP_SCHEME_NONE};
    struct nvr_rtsp_challenge current = best;

    for (unsigned i = 0; i < PARAMS_MAX; i++) {
        struct nvr_str token;

        skip_blanks(&value);
        if (value.n == 0)
            break;
        token = take_token(&value);
        if (token.n == 0)
            return -EPROTO;
        skip_blanks(&value);
        if (value.n > 0 && value.p[0] == '=') {
            value.p++;
            value.n--;
            while (value.n > 0 && value.p[0] == ' ') {
                value.p++;
                value.n--;
            }
            if (set_param(&current, token, &value) < 0)
                return -EPROTO;
            continue;
        }
        keep_stronger(&best, &current, type); /* a scheme's name begins the next challenge */
        current = (struct nvr_rtsp_challenge){.scheme = NVR_RTSP_SCHEME_NONE};
        if (nvr_str_ieq(token, NVR_STR("Basic")))
            current.scheme = NVR_RTSP_SCHEME_BASIC;
        else if (nvr_str_ieq(token, NVR_STR("Digest")))
            current.scheme = NVR_RTSP_SCHEME_MD5;
    }
    keep_stronger(&best, &current, type);
    if (best.scheme == NVR_RTSP_SCHEME_NONE)
        return -ENOENT;
    *ret_challenge = best;
    return 0;
}

/* ---- answers ---- */

static void to_hex(const uint8_t *digest, size_t size, char dst[HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        dst[2 * i] = digits[digest[i] >> 4];
        dst[2 * i + 1] = digits[digest[i] & 15];
    }
    dst[2 * size] = '\0';
}

/* H(parts joined by ':'), in hex. */
static void hash(enum nvr_rtsp_scheme scheme, const char *const *parts, char dst[HEX_MAX])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    struct md5_ctx md5;

    md5_init(&md5);
    sha256_init(&sha);
    for (size_t i = 0; parts[i]; i++) {
        if (i > 0) {
            md5_update(&md5, 1, (const uint8_t *)":");
            sha256_update(&sha, 1, (const uint8_t *)":");
        }
        md5_update(&md5, strlen(parts[i]), (const uint8_t *)parts[i]);
        sha256_update(&sha, strlen(parts[i]), (const uint8_t *)parts[i]);
    }
    if (scheme == NVR_RTSP_SCHEME_SHA256) {
        sha256_digest(&sha, SHA256_DIGEST_SIZE, digest);
        to_hex(digest, SHA256_DIGEST_SIZE, dst);
    } else {
        md5_digest(&md5, MD5_DIGEST_SIZE, digest);
        to_hex(digest, MD5_DIGEST_SIZE, dst);
    }
    explicit_bzero(&md5, sizeof(md5));
    explicit_bzero(&sha, sizeof(sha));
}

static int authorize_basic(const struct nvr_rtsp_credentials *credentials, struct nvr_buf *buf)
{
    char text[BASIC_MAX], coded[BASE64_ENCODE_RAW_LENGTH(BASIC_MAX) + 1];
    const int n =
        nvr_fmt(text, sizeof(text), "%s:%s", credentials->username, credentials->password);

    if (n < 0)
        return n;
    base64_encode_raw(coded, (size_t)n, (const uint8_t *)text);
    coded[BASE64_ENCODE_RAW_LENGTH((size_t)n)] = '\0';
    explicit_bzero(text, sizeof(text));
    return nvr_buf_printf(buf, "Authorization: Basic %s\r\n", coded);
}

static void append_quoted(struct nvr_buf *buf, const char *name, const char *value)
{
    (void)nvr_buf_printf(buf, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            (void)nvr_buf_append_char(buf, '\\');
        (void)nvr_buf_append_char(buf, *value);
    }
    (void)nvr_buf_append_char(buf, '"');
}

static void compute_response(const struct nvr_rtsp_challenge *challenge,
                             const struct nvr_rtsp_credentials *credentials, const char *count,
                             char response[HEX_MAX])
{
    const enum nvr_rtsp_scheme scheme = challenge->scheme;
    char ha1[HEX_MAX], ha2[HEX_MAX];

    hash(
        scheme,
        (const char *const[]){credentials->username, challenge->realm, credentials->password, NULL},
        ha1);
    if (challenge->session)
        hash(scheme, (const char *const[]){ha1, challenge->nonce, credentials->cnonce, NULL}, ha1);
    hash(scheme, (const char *const[]){credentials->method, credentials->uri, NULL}, ha2);
    if (challenge->qop_auth)
        hash(scheme,
             (const char *const[]){ha1, challenge->nonce, count, credentials->cnonce, "auth", ha2,
                                   NULL},
             response);
    else
        hash(scheme, (const char *const[]){ha1, challenge->nonce, ha2, NULL}, response);
    explicit_bzero(ha1, sizeof(ha1));
}

int nvr_rtsp_authorize(const struct nvr_rtsp_challenge *challenge,
                       const struct nvr_rtsp_credentials *credentials, struct nvr_buf *buf)
{
    char response[HEX_MAX], count[9];
    const int r = nvr_fmt(count, sizeof(count), "%08x", (unsigned)credentials->count);

    if (challenge->scheme == NVR_RTSP_SCHEME_BASIC)
        return authorize_basic(credentials, buf);
    if (r < 0 || challenge->scheme == NVR_RTSP_SCHEME_NONE)
        return -EINVAL;
    compute_response(challenge, credentials, count, response);
    append_quoted(buf, "Authorization: Digest username", credentials->username);
    append_quoted(buf, ", realm", challenge->realm);
    append_quoted(buf, ", nonce", challenge->nonce);
    append_quoted(buf, ", uri", credentials->uri);
    append_quoted(buf, ", response", response);
    if (challenge->algorithm[0])
        (void)nvr_buf_printf(buf, ", algorithm=%s", challenge->algorithm);
    if (challenge->opaque[0])
        append_quoted(buf, ", opaque", challenge->opaque);
    if (challenge->qop_auth || challenge->session)
        append_quoted(buf, ", cnonce", credentials->cnonce);
    if (challenge->qop_auth)
        (void)nvr_buf_printf(buf, ", qop=auth, nc=%s", count);
    (void)nvr_buf_append_str(buf, "\r\n");
    return nvr_buf_status(buf);
}
