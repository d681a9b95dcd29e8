#include "lib/s3/sign.h"

#include <assert.h>
#include <errno.h>
#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hex.h"

#define HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

void nvr_s3_date(int64_t time_ms, char dst[NVR_S3_DATE_SIZE])
{
    const struct nvr_utc t = nvr_utc_from_ms(time_ms);

    (void)nvr_fmt(dst, NVR_S3_DATE_SIZE, "%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day,
                  t.hour, t.minute, t.second);
}

void nvr_s3_encode(struct nvr_buf *buf, const char *text, bool is_path)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

    for (; *text; text++) {
        if (strchr(plain, *text) || (is_path && *text == '/'))
            (void)nvr_buf_append_char(buf, *text);
        else
            (void)nvr_buf_printf(buf, "%%%02X", (unsigned char)*text);
    }
}

static void hash_hex(const void *data, size_t size, char hex[HEX_SIZE])
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;

    sha256_init(&sha);
    sha256_update(&sha, size, data);
    sha256_digest(&sha, sizeof(digest), digest);
    nvr_hex_encode(digest, sizeof(digest), hex);
}

static void hmac(const uint8_t *key, size_t key_size, const char *text,
                 uint8_t digest[SHA256_DIGEST_SIZE])
{
    struct hmac_sha256_ctx ctx;

    hmac_sha256_set_key(&ctx, key_size, key);
    hmac_sha256_update(&ctx, strlen(text), (const uint8_t *)text);
    hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, digest);
    explicit_bzero(&ctx, sizeof(ctx));
}

static void add_names(struct nvr_buf *buf, const struct nvr_s3_signing *signing)
{
    for (size_t i = 0; i < signing->headers_count; i++)
        (void)nvr_buf_printf(buf, "%s%s", i ? ";" : "", signing->headers[i].name);
}

/* SHA-256 of the canonical request. */
static int hash_request(const struct nvr_s3_signing *signing, char hex[HEX_SIZE])
{
    struct nvr_buf buf;
    int r;

    nvr_buf_init(&buf, NVR_S3_CANONICAL_MAX);
    (void)nvr_buf_printf(&buf, "%s\n%s\n%s\n", signing->method, signing->path, signing->query);
    for (size_t i = 0; i < signing->headers_count; i++)
        (void)nvr_buf_printf(&buf, "%s:%s\n", signing->headers[i].name, signing->headers[i].value);
    (void)nvr_buf_append_char(&buf, '\n');
    add_names(&buf, signing);
    (void)nvr_buf_printf(&buf, "\n%s", signing->payload_sha256);
    r = nvr_buf_status(&buf);
    if (r == 0)
        hash_hex(buf.data, buf.len, hex);
    nvr_buf_done(&buf);
    return r;
}

static int make_key(const struct nvr_s3_signing *signing, const char *day,
                    uint8_t key[SHA256_DIGEST_SIZE])
{
    char first[300];
    const int n = nvr_fmt(first, sizeof(first), "AWS4%s", signing->secret_key);

    if (n < 0)
        return n;
    hmac((const uint8_t *)first, (size_t)n, day, key);
    explicit_bzero(first, sizeof(first));
    hmac(key, SHA256_DIGEST_SIZE, signing->region, key);
    hmac(key, SHA256_DIGEST_SIZE, "s3", key);
    hmac(key, SHA256_DIGEST_SIZE, "aws4_request", key);
    return 0;
}

int nvr_s3_sign(const struct nvr_s3_signing *signing, char dst[NVR_S3_AUTHORIZATION_SIZE])
{
    uint8_t key[SHA256_DIGEST_SIZE], signature[SHA256_DIGEST_SIZE];
    char date[NVR_S3_DATE_SIZE], day[9], request[HEX_SIZE], hex[HEX_SIZE], text[400];
    struct nvr_buf buf;
    int r = hash_request(signing, request);

    assert(signing->headers_count > 0);
    nvr_s3_date(signing->time_ms, date);
    memcpy(day, date, 8);
    day[8] = '\0';
    if (r == 0)
        r = nvr_fmt(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", date,
                    day, signing->region, request);
    if (r >= 0)
        r = make_key(signing, day, key);
    if (r < 0)
        return r;
    hmac(key, sizeof(key), text, signature);
    explicit_bzero(key, sizeof(key));
    nvr_hex_encode(signature, sizeof(signature), hex);
    nvr_buf_init(&buf, NVR_S3_AUTHORIZATION_SIZE);
    (void)nvr_buf_printf(&buf,
                         "AWS4-HMAC-SHA256 Credential=%s/%s/%s/s3/aws4_request, SignedHeaders=",
                         signing->access_key, day, signing->region);
    add_names(&buf, signing);
    (void)nvr_buf_printf(&buf, ", Signature=%s", hex);
    r = nvr_buf_status(&buf);
    if (r == 0)
        r = nvr_str_copy(dst, NVR_S3_AUTHORIZATION_SIZE,
                         (struct nvr_str){(const char *)buf.data, buf.len});
    nvr_buf_done(&buf);
    return r;
}
