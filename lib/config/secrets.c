/* "encrypted:<base64 of nonce and box>", XChaCha20-Poly1305. */
#include <assert.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

NVR_LOG_TOPIC("config");

#define PREFIX "encrypted:"
#define VARIABLE "NVR_SECRET_KEY"
#define KEY_SIZE crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_HEX_SIZE 64
#define PLAIN_MAX 1024
#define BOX_MAX (NONCE_SIZE + PLAIN_MAX + TAG_SIZE)
#define BASE64 sodium_base64_VARIANT_ORIGINAL

struct nvr_config_key {
    unsigned char bytes[KEY_SIZE];
};

/* 32 bytes as 64 hex digits or as base64 (padded or not). */
static bool decode_key(const char *text, unsigned char bytes[KEY_SIZE])
{
    size_t len = 0;
    const char *end = NULL;
    const size_t size = strcspn(text, " \t\r\n");

    if (text[size + strspn(text + size, " \t\r\n")] != '\0')
        return false;
    if (size == KEY_HEX_SIZE &&
        sodium_hex2bin(bytes, KEY_SIZE, text, size, NULL, &len, &end) == 0 && len == KEY_SIZE &&
        end == text + size)
        return true;
    if (sodium_base642bin(bytes, KEY_SIZE, text, size, NULL, &len, &end, BASE64) == 0 &&
        len == KEY_SIZE && end == text + size)
        return true;
    return sodium_base642bin(bytes, KEY_SIZE, text, size, NULL, &len, &end,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           len == KEY_SIZE && end == text + size;
}

static int read_key(const char *path, struct nvr_config_key *key)
{
    struct nvr_buf buf;
    const char *text;
    struct stat st;
    int r;

    nvr_buf_init(&buf, 4096);
    r = nvr_file_read(path, &buf);
    if (r == 0) {
        text = nvr_buf_cstr(&buf);
        if (!text)
            r = -ENOMEM;
        else if (!decode_key(text, key->bytes))
            r = -EBADMSG;
        sodium_memzero(buf.data, buf.len);
    }
    nvr_buf_done(&buf);
    if (r == -EBADMSG)
        log_error("the key file '%s' does not hold 32 bytes as base64 or hex", path);
    else if (r < 0 && r != -ENOENT)
        r = log_err(r, "read the key file '%s'", path);
    if (r == 0 && stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        log_warn("the key file '%s' can be read by other users: chmod 600 it", path);
    return r;
}

static int create_key(const char *path, struct nvr_config_key *key)
{
    char text[sodium_base64_ENCODED_LEN(KEY_SIZE, BASE64) + 1];
    size_t len;
    int r;

    randombytes_buf(key->bytes, KEY_SIZE);
    (void)sodium_bin2base64(text, sizeof(text), key->bytes, KEY_SIZE, BASE64);
    len = strlen(text);
    text[len++] = '\n';
    r = nvr_file_write_atomic(path, text, len, 0600);
    sodium_memzero(text, sizeof(text));
    return r < 0 ? log_err(r, "create the key file '%s'", path) : 0;
}

int nvr_config_key_open(const char *path, struct nvr_config_key **ret_key)
{
    NVR_AUTO(nvr_config_key) key = NULL;
    const char *text = getenv(VARIABLE); // NOLINT(concurrency-mt-unsafe): nobody sets it
    int r = 0;

    assert(path && ret_key);
    if (sodium_init() < 0)
        return -EIO;
    key = sodium_malloc(sizeof(*key));
    if (!key)
        return -ENOMEM;
    if (text && text[0] != '\0') {
        if (!decode_key(text, key->bytes)) {
            log_error("$" VARIABLE " does not hold 32 bytes as base64 or hex (make one: head -c 32 "
                      "/dev/urandom | base64)");
            return -EINVAL;
        }
    } else {
        r = read_key(path, key);
        if (r == -ENOENT)
            r = create_key(path, key);
    }
    if (r < 0)
        return r;
    (void)sodium_mprotect_readonly(key);
    *ret_key = NVR_TAKE(key);
    return 0;
}

void nvr_config_key_free(struct nvr_config_key *key)
{
    sodium_free(key); /* zeroes */
}

int nvr_config_encrypt(const struct nvr_config_key *key, const char *plain, char *dst,
                       size_t dst_size)
{
    unsigned char box[BOX_MAX];
    unsigned long long box_len = 0;
    const size_t len = strlen(plain), prefix = sizeof(PREFIX) - 1;

    if (!key)
        return -EINVAL;
    if (len > PLAIN_MAX ||
        dst_size < prefix + sodium_base64_ENCODED_LEN(NONCE_SIZE + len + TAG_SIZE, BASE64))
        return -EMSGSIZE;
    randombytes_buf(box, NONCE_SIZE);
    if (crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE_SIZE, &box_len,
                                                   (const unsigned char *)plain, len, NULL, 0, NULL,
                                                   box, key->bytes) != 0)
        return -EIO;
    memcpy(dst, PREFIX, prefix);
    (void)sodium_bin2base64(dst + prefix, dst_size - prefix, box, NONCE_SIZE + (size_t)box_len,
                            BASE64);
    return 0;
}

int nvr_config_decrypt(const struct nvr_config_key *key, const char *text, char *dst,
                       size_t dst_size)
{
    unsigned char box[BOX_MAX], plain[PLAIN_MAX + 1];
    unsigned long long plain_len = 0;
    size_t len = 0;
    int r;

    if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
        return nvr_str_copy(dst, dst_size, nvr_str_from(text));
    text += sizeof(PREFIX) - 1;
    if (!key ||
        sodium_base642bin(box, sizeof(box), text, strlen(text), NULL, &len, NULL, BASE64) != 0 ||
        len < NONCE_SIZE + TAG_SIZE)
        return -EBADMSG;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_len, NULL, box + NONCE_SIZE,
                                                   len - NONCE_SIZE, NULL, 0, box, key->bytes) != 0)
        return -EBADMSG;
    r = nvr_str_copy(dst, dst_size, (struct nvr_str){(const char *)plain, (size_t)plain_len});
    sodium_memzero(plain, sizeof(plain));
    return r;
}
