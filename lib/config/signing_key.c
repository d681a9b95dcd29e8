#include "lib/config/signing_key.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("evidence");

/* One line: the seed of the key as hex; readable by tools that know Ed25519. */
#define PREFIX "heron-ed25519-seed:"
#define SEED_HEX (2 * crypto_sign_SEEDBYTES)
#define FILE_MAX_SIZE 4096

static_assert(NVR_SIGNING_PUBLIC_SIZE == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(NVR_SIGNATURE_SIZE == crypto_sign_BYTES, "Ed25519");

struct nvr_signing_key {
    uint8_t seed[crypto_sign_SEEDBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
};

static int parse(struct nvr_buf *text, uint8_t seed[crypto_sign_SEEDBYTES])
{
    const size_t prefix = sizeof(PREFIX) - 1;
    const char *line = nvr_buf_cstr(text);
    const char *end = NULL;
    size_t len = 0;

    if (!line)
        return -ENOMEM;
    if (strncmp(line, PREFIX, prefix) != 0 || strlen(line) < prefix + SEED_HEX ||
        line[prefix + SEED_HEX + strspn(line + prefix + SEED_HEX, " \r\n")] != '\0' ||
        sodium_hex2bin(seed, crypto_sign_SEEDBYTES, line + prefix, SEED_HEX, NULL, &len, &end) !=
            0 ||
        len != crypto_sign_SEEDBYTES)
        return -EBADMSG;
    return 0;
}

static int read_key(const char *path, uint8_t seed[crypto_sign_SEEDBYTES])
{
    struct nvr_buf text;
    struct stat st;
    int r;

    nvr_buf_init(&text, FILE_MAX_SIZE);
    r = nvr_file_read(path, &text);
    if (r == 0)
        r = parse(&text, seed);
    if (text.data)
        sodium_memzero(text.data, text.len);
    nvr_buf_done(&text);
    if (r == -EBADMSG || r == -EFBIG)
        log_error("the evidence key '%s' does not hold a key: put the right file back, or move it "
                  "away (a new key is made; what was signed before is verified with the old one)",
                  path);
    else if (r < 0 && r != -ENOENT)
        (void)log_err(r, "read the evidence key '%s'", path);
    if (r == 0 && stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        log_warn("the evidence key '%s' can be read by other users: chmod 600 it", path);
    return r;
}

static int create_key(const char *path, uint8_t seed[crypto_sign_SEEDBYTES])
{
    char text[sizeof(PREFIX) + SEED_HEX + 2];
    size_t len = sizeof(PREFIX) - 1;
    int r;

    randombytes_buf(seed, crypto_sign_SEEDBYTES);
    memcpy(text, PREFIX, len);
    (void)sodium_bin2hex(text + len, sizeof(text) - len, seed, crypto_sign_SEEDBYTES);
    len += SEED_HEX;
    text[len++] = '\n';
    r = nvr_file_write_atomic(path, text, len, 0600);
    sodium_memzero(text, sizeof(text));
    if (r < 0)
        return log_err(r, "create the evidence key '%s'", path);
    log_info("a new evidence key was made: '%s'", path);
    return 0;
}

int nvr_signing_key_open(const char *path, struct nvr_signing_key **ret_key)
{
    NVR_AUTO(nvr_signing_key) key = NULL;
    int r;

    assert(path && ret_key);
    if (sodium_init() < 0)
        return -EIO;
    key = sodium_malloc(sizeof(*key));
    if (!key)
        return -ENOMEM;
    r = read_key(path, key->seed);
    if (r == -ENOENT)
        r = create_key(path, key->seed);
    if (r < 0)
        return r;
    (void)crypto_sign_seed_keypair(key->public, key->secret, key->seed);
    (void)sodium_mprotect_readonly(key);
    *ret_key = NVR_TAKE(key);
    return 0;
}

void nvr_signing_key_free(struct nvr_signing_key *key)
{
    sodium_free(key); /* zeroes */
}

const uint8_t *nvr_signing_key_get_public(const struct nvr_signing_key *key)
{
    return key->public;
}

void nvr_signing_key_sign(const struct nvr_signing_key *key, const void *message, size_t size,
                          uint8_t ret_signature[NVR_SIGNATURE_SIZE])
{
    (void)crypto_sign_detached(ret_signature, NULL, message, size, key->secret);
}
