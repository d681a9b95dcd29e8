/* auth.c — Basic and Digest (RFC 2617 without qop, as cameras do it). */
#include <libavutil/base64.h>
#include <libavutil/md5.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "tests/simcam/simcam.h"

static void md5_hex(char dst[33], const char *text)
{
    uint8_t digest[16];

    av_md5_sum(digest, (const uint8_t *)text, strlen(text));
    for (int i = 0; i < 16; i++)
        (void)nvr_fmt(dst + i * 2, 3, "%02x", digest[i]);
}

/* name="value" in an Authorization header. */
static void parameter(const char *header, const char *name, char *dst, size_t size)
{
    const char *p = strstr(header, name);

    *dst = '\0';
    if (p) {
        p += strlen(name);
        if (nvr_str_copy(dst, size, (struct nvr_str){p, strcspn(p, "\"")}) < 0)
            *dst = '\0';
    }
}

static bool check_basic(const struct sim_mount *mount, const char *value)
{
    uint8_t plain[512];
    const int len = av_base64_decode(plain, value, sizeof(plain));

    return len == (int)strlen(mount->auth) && memcmp(plain, mount->auth, (size_t)len) == 0;
}

static bool check_digest(const struct sim_client *client, const struct sim_mount *mount,
                         const char *header, const char *method)
{
    const char *colon = strchr(mount->auth, ':');
    char uri[512];
    char response[64];
    char user[33];
    char request[33];
    char wanted[33];
    char text[1024];

    parameter(header, "uri=\"", uri, sizeof(uri));
    parameter(header, "response=\"", response, sizeof(response));
    (void)nvr_fmt(text, sizeof(text), "%.*s:simcam:%s", (int)(colon - mount->auth), mount->auth,
                  colon + 1);
    md5_hex(user, text);
    (void)nvr_fmt(text, sizeof(text), "%s:%s", method, uri);
    md5_hex(request, text);
    (void)nvr_fmt(text, sizeof(text), "%s:%s:%s", user, client->nonce, request);
    md5_hex(wanted, text);
    return strcmp(wanted, response) == 0;
}

bool sim_auth_check(struct sim_client *client, struct sim_mount *mount, const char *request,
                    const char *method)
{
    char header[1024];
    bool ok = false;

    if (!mount->auth)
        return true;
    if (!sim_request_header(request, "Authorization", header, sizeof(header))) {
        mount->stats.challenges++;
        return false;
    }
    if ((mount->auth_types & SIM_AUTH_BASIC) && strncmp(header, "Basic ", 6) == 0)
        ok = check_basic(mount, header + 6);
    else if ((mount->auth_types & SIM_AUTH_DIGEST) && strncmp(header, "Digest ", 7) == 0)
        ok = check_digest(client, mount, header, method);
    if (!ok) {
        mount->stats.auth_failures++;
        sim_log(0, "%s: authentication failed (%lu)", mount->path, mount->stats.auth_failures);
    }
    return ok;
}

void sim_auth_challenge(const struct sim_client *client, const struct sim_mount *mount, char *dst,
                        size_t size)
{
    (void)nvr_fmt(
        dst, size, "%s%s%s%s",
        mount->auth_types & SIM_AUTH_DIGEST ? "WWW-Authenticate: Digest realm=\"simcam\", nonce=\""
                                            : "",
        mount->auth_types & SIM_AUTH_DIGEST ? client->nonce : "",
        mount->auth_types & SIM_AUTH_DIGEST ? "\"\r\n" : "",
        mount->auth_types & SIM_AUTH_BASIC ? "WWW-Authenticate: Basic realm=\"simcam\"\r\n" : "");
}
