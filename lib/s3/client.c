#include "lib/s3/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/base/io.h"
#include "lib/base/url.h"
#include "lib/s3/sign.h"

#define URL_MAX ((size_t)8192)
#define HEADERS_MAX 8
#define BASE64_SIZE (BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1)
#define CHECKSUM_HEADER "x-amz-checksum-sha256"

struct nvr_s3 {
    CURL *curl;
    char base[600]; /* scheme://host[:port], with the bucket in the host or not */
    char host[400]; /* as the header says it */
    char region[64], bucket[64], prefix[201];
    char access_key[256], secret_key[256];
    bool path_style;
    unsigned timeout_ms;
    const atomic_bool *cancel;
    int64_t bytes_per_second;
};

/* One request and its answer. */
struct exchange {
    struct nvr_s3 *s3;
    const char *method;
    const char *key;   /* NULL: the bucket */
    const char *query; /* encoded, sorted; "" */
    const char *payload_sha256;
    const char *checksum;             /* base64, sent with a put; NULL: none */
    int64_t range_from, range_length; /* range_length -1: no range */
    /* in */
    int in_fd;
    int64_t in_size, in_at;
    /* out: into body, or (a good answer to a get) into out_fd */
    bool wants_bytes;
    int out_fd;
    int64_t out_size;
    struct sha256_ctx *sha;
    struct nvr_buf body;
    char echoed[BASE64_SIZE + 8];
    int64_t length; /* of the answer, -1: not said */
    int file_error;
    long status;
    char error[CURL_ERROR_SIZE];
};

int nvr_s3_init(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -EIO;
}

static int make_base(struct nvr_s3 *s3, const char *endpoint)
{
    struct nvr_url url;
    char port[16] = "", name[330];
    bool v6;
    int r = nvr_url_parse(endpoint, &url);

    if (r < 0 || (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0) ||
        url.host[0] == '\0')
        return -EINVAL;
    if (url.port > 0 && url.port != nvr_url_default_port(url.scheme))
        (void)nvr_fmt(port, sizeof(port), ":%d", url.port);
    v6 = strchr(url.host, ':') != NULL;
    r = nvr_fmt(name, sizeof(name), "%s%s%s%s%s%s", s3->path_style ? "" : s3->bucket,
                s3->path_style ? "" : ".", v6 ? "[" : "", url.host, v6 ? "]" : "", port);
    if (r >= 0)
        r = nvr_fmt(s3->host, sizeof(s3->host), "%s", name);
    if (r >= 0)
        r = nvr_fmt(s3->base, sizeof(s3->base), "%s://%s", url.scheme, name);
    return r < 0 ? r : 0;
}

int nvr_s3_new(const struct nvr_s3_options *options, struct nvr_s3 **ret_s3)
{
    NVR_AUTO(nvr_s3) s3 = calloc(1, sizeof(*s3));
    int r;

    if (!s3)
        return -ENOMEM;
    s3->path_style = options->path_style;
    s3->timeout_ms = 60000;
    r = nvr_fmt(s3->region, sizeof(s3->region), "%s", options->region);
    if (r >= 0)
        r = nvr_fmt(s3->bucket, sizeof(s3->bucket), "%s", options->bucket);
    if (r >= 0)
        r = nvr_fmt(s3->prefix, sizeof(s3->prefix), "%s", options->prefix);
    if (r >= 0)
        r = nvr_fmt(s3->access_key, sizeof(s3->access_key), "%s", options->access_key);
    if (r >= 0)
        r = nvr_fmt(s3->secret_key, sizeof(s3->secret_key), "%s", options->secret_key);
    if (r >= 0)
        r = make_base(s3, options->endpoint);
    if (r < 0)
        return r == -EMSGSIZE ? -EINVAL : r;
    s3->curl = curl_easy_init();
    if (!s3->curl)
        return -ENOMEM;
    *ret_s3 = NVR_TAKE(s3);
    return 0;
}

void nvr_s3_free(struct nvr_s3 *s3)
{
    if (!s3)
        return;
    if (s3->curl)
        curl_easy_cleanup(s3->curl);
    explicit_bzero(s3, sizeof(*s3));
    free(s3);
}

void nvr_s3_set_limits(struct nvr_s3 *s3, unsigned timeout_ms, const atomic_bool *cancel,
                       int64_t bytes_per_second)
{
    s3->timeout_ms = timeout_ms;
    s3->cancel = cancel;
    s3->bytes_per_second = bytes_per_second;
}

/* ---- libcurl's callbacks ---- */

static size_t on_read(char *dst, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    const size_t max = NVR_MIN(size * count, (size_t)(x->in_size - x->in_at));
    ssize_t n;

    if (max == 0)
        return 0;
    n = nvr_io_pread(x->in_fd, dst, max, (off_t)x->in_at);
    if (n <= 0) {
        x->file_error = n < 0 ? (int)n : -EBADMSG; /* it became shorter */
        return CURL_READFUNC_ABORT;
    }
    x->in_at += n;
    return (size_t)n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct exchange *x = arg;

    if (origin != SEEK_SET || offset < 0 || offset > x->in_size)
        return CURL_SEEKFUNC_CANTSEEK;
    x->in_at = offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    const size_t len = size * count;
    long status = 0;

    (void)curl_easy_getinfo(x->s3->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!x->wants_bytes || status < 200 || status >= 300)
        return nvr_buf_append(&x->body, data, len) < 0 ? 0 : len;
    if (x->out_fd >= 0) {
        const int r = nvr_io_write(x->out_fd, data, len);

        if (r < 0) {
            x->file_error = r;
            return 0;
        }
    }
    if (x->sha)
        sha256_update(x->sha, len, (const uint8_t *)data);
    x->out_size += (int64_t)len;
    return len;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the shape of CURLOPT_HEADERFUNCTION
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    struct nvr_str rest = {data, size * count};
    const struct nvr_str name = nvr_str_cut(&rest, ':');

    if (nvr_str_ieq(name, NVR_STR(CHECKSUM_HEADER)))
        (void)!nvr_str_copy(x->echoed, sizeof(x->echoed), nvr_str_trim(rest));
    return size * count;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *x = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return x->s3->cancel && atomic_load(x->s3->cancel);
}

/* ---- a request ---- */

static int make_path(const struct exchange *x, struct nvr_buf *path)
{
    const struct nvr_s3 *s3 = x->s3;

    (void)nvr_buf_append_char(path, '/');
    if (s3->path_style) {
        nvr_s3_encode(path, s3->bucket, true);
        if (x->key)
            (void)nvr_buf_append_char(path, '/');
    }
    if (x->key) {
        nvr_s3_encode(path, s3->prefix, true);
        if (s3->prefix[0] != '\0')
            (void)nvr_buf_append_char(path, '/');
        nvr_s3_encode(path, x->key, true);
    }
    return nvr_buf_cstr(path) ? 0 : nvr_buf_status(path);
}

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
    char line[1100];
    struct curl_slist *longer;

    if (nvr_fmt(line, sizeof(line), "%s: %s", name, value) < 0)
        return -EMSGSIZE;
    longer = curl_slist_append(*list, line);
    if (!longer)
        return -ENOMEM;
    *list = longer;
    return 0;
}

/* Signed headers, sorted by name; libcurl adds Host by itself. */
static int make_headers(const struct exchange *x, const char *path, struct curl_slist **ret_list)
{
    struct nvr_s3_pair headers[HEADERS_MAX];
    struct nvr_s3_signing signing = {.method = x->method,
                                     .path = path,
                                     .query = x->query,
                                     .headers = headers,
                                     .payload_sha256 = x->payload_sha256,
                                     .region = x->s3->region,
                                     .access_key = x->s3->access_key,
                                     .secret_key = x->s3->secret_key,
                                     .time_ms = nvr_clock_wall_ms()};
    char date[NVR_S3_DATE_SIZE], range[64], authorization[NVR_S3_AUTHORIZATION_SIZE];
    size_t n = 0;
    int r;

    nvr_s3_date(signing.time_ms, date);
    headers[n++] = (struct nvr_s3_pair){"host", x->s3->host};
    if (x->range_length >= 0) {
        if (x->range_length > 0)
            (void)nvr_fmt(range, sizeof(range), "bytes=%lld-%lld", (long long)x->range_from,
                          (long long)(x->range_from + x->range_length - 1));
        else
            (void)nvr_fmt(range, sizeof(range), "bytes=%lld-", (long long)x->range_from);
        headers[n++] = (struct nvr_s3_pair){"range", range};
    }
    if (x->checksum)
        headers[n++] = (struct nvr_s3_pair){CHECKSUM_HEADER, x->checksum};
    headers[n++] = (struct nvr_s3_pair){"x-amz-content-sha256", x->payload_sha256};
    headers[n++] = (struct nvr_s3_pair){"x-amz-date", date};
    signing.headers_count = n;
    r = nvr_s3_sign(&signing, authorization);
    for (size_t i = 1; r == 0 && i < n; i++)
        r = add_header(ret_list, headers[i].name, headers[i].value);
    if (r == 0)
        r = add_header(ret_list, "Authorization", authorization);
    /* Not asked for before every body, and no type that libcurl thinks of. */
    if (r == 0)
        r = add_header(ret_list, "Expect", "");
    return r;
}

static void set_options(struct exchange *x, const char *url, const struct curl_slist *headers)
{
    CURL *curl = x->s3->curl;

    curl_easy_reset(curl); /* connections stay */
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)NVR_S3_CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)x->s3->timeout_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)NVR_S3_SLOW_BYTES);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)NVR_S3_SLOW_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, x->error);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    if (x->s3->bytes_per_second > 0)
        (void)curl_easy_setopt(curl, CURLOPT_MAX_SEND_SPEED_LARGE,
                               (curl_off_t)x->s3->bytes_per_second);
    if (strcmp(x->method, "PUT") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, x);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->in_size);
    } else if (strcmp(x->method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(x->method, "DELETE") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "DELETE");
    }
}

static int explain_curl(const struct exchange *x, CURLcode code, struct nvr_s3_problem *problem)
{
    const char *detail = x->error[0] ? x->error : curl_easy_strerror(code);

    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        (void)nvr_fmt(problem->words, sizeof(problem->words), "Cancelled.");
        return -ECANCELED;
    case CURLE_OPERATION_TIMEDOUT:
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "The store is too slow or does not answer: %.160s.", detail);
        return -ETIMEDOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "The store's TLS certificate is not accepted: %.160s.", detail);
        return -EPROTO;
    default:
        (void)nvr_fmt(problem->words, sizeof(problem->words), "The store is not reached: %.160s.",
                      detail);
        return -EIO;
    }
}

static int judge(struct exchange *x, CURLcode code, struct nvr_s3_problem *problem)
{
    struct nvr_s3_fault fault = {.code = ""};
    curl_off_t length = -1;

    (void)curl_easy_getinfo(x->s3->curl, CURLINFO_RESPONSE_CODE, &x->status);
    (void)curl_easy_getinfo(x->s3->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    x->length = length;
    if (x->file_error < 0) {
        (void)nvr_fmt(problem->words, sizeof(problem->words), "A file here: %s.",
                      nvr_strerror(x->file_error));
        return x->file_error;
    }
    /* A store that refuses early breaks the connection under the body: its words count. */
    if (code != CURLE_OK && x->status < 300)
        return explain_curl(x, code, problem);
    if (x->status < 200 || x->status >= 300)
        nvr_s3_parse_fault(x->body.data, x->body.len, &fault);
    return nvr_s3_explain(x->status, &fault, problem);
}

static int perform(struct exchange *x, struct nvr_s3_problem *problem)
{
    struct curl_slist *headers = NULL;
    struct nvr_buf path, url;
    int r;

    *problem = (struct nvr_s3_problem){.words = ""};
    nvr_buf_init(&path, URL_MAX);
    nvr_buf_init(&url, URL_MAX);
    r = make_path(x, &path);
    if (r == 0)
        r = make_headers(x, (const char *)path.data, &headers);
    if (r == 0) {
        (void)nvr_buf_printf(&url, "%s%s%s%s", x->s3->base, (const char *)path.data,
                             x->query[0] ? "?" : "", x->query);
        r = nvr_buf_cstr(&url) ? 0 : nvr_buf_status(&url);
    }
    if (r == 0) {
        set_options(x, (const char *)url.data, headers);
        r = judge(x, curl_easy_perform(x->s3->curl), problem);
    } else {
        (void)nvr_fmt(problem->words, sizeof(problem->words), "The request could not be made: %s.",
                      nvr_strerror(r));
    }
    curl_slist_free_all(headers);
    nvr_buf_done(&path);
    nvr_buf_done(&url);
    return r;
}

static void init_exchange(struct exchange *x, struct nvr_s3 *s3, const char *method,
                          const char *key)
{
    *x = (struct exchange){.s3 = s3,
                           .method = method,
                           .key = key,
                           .query = "",
                           .payload_sha256 = NVR_S3_EMPTY_SHA256,
                           .range_length = -1,
                           .in_fd = -1,
                           .out_fd = -1,
                           .length = -1};
    nvr_buf_init(&x->body, NVR_S3_BODY_MAX);
}

static int refuse_key(struct nvr_s3_problem *problem)
{
    (void)nvr_fmt(problem->words, sizeof(problem->words), "This name cannot be stored.");
    return -EINVAL;
}

/* ---- what can be done ---- */

int nvr_s3_put(struct nvr_s3 *s3, const char *key, int fd, int64_t size,
               const char sha256[NVR_S3_SHA256_HEX_SIZE], bool *ret_checked,
               struct nvr_s3_problem *problem)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char checksum[BASE64_SIZE];
    struct exchange x;
    int r;

    if (!nvr_path_is_safe(key) || nvr_hex_decode(sha256, digest, sizeof(digest)) < 0)
        return refuse_key(problem);
    base64_encode_raw(checksum, sizeof(digest), digest);
    checksum[BASE64_SIZE - 1] = '\0';
    init_exchange(&x, s3, "PUT", key);
    x.payload_sha256 = sha256;
    x.checksum = checksum;
    x.in_fd = fd;
    x.in_size = size;
    r = perform(&x, problem);
    if (r == 0 && x.echoed[0] != '\0' && strcmp(x.echoed, checksum) != 0) {
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "The store received other bytes than were sent.");
        r = -EBADMSG;
    }
    *ret_checked = r == 0 && x.echoed[0] != '\0';
    nvr_buf_done(&x.body);
    return r;
}

int nvr_s3_get(struct nvr_s3 *s3, const char *key, int64_t offset, int64_t length, int fd,
               int64_t *ret_size, char sha256[NVR_S3_SHA256_HEX_SIZE],
               struct nvr_s3_problem *problem)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx sha;
    struct exchange x;
    int r;

    if (!nvr_path_is_safe(key))
        return refuse_key(problem);
    sha256_init(&sha);
    init_exchange(&x, s3, "GET", key);
    x.wants_bytes = true;
    x.out_fd = fd;
    x.sha = &sha;
    if (offset > 0 || length > 0) {
        x.range_from = offset;
        x.range_length = length;
    }
    r = perform(&x, problem);
    /* 200 would be the whole of it. */
    if (r == 0 && x.range_length >= 0 && x.status != 206) {
        (void)nvr_fmt(problem->words, sizeof(problem->words), "The store knows no ranges.");
        r = -EPROTO;
    }
    if (r == 0 && ret_size)
        *ret_size = x.out_size;
    if (r == 0 && sha256) {
        sha256_digest(&sha, sizeof(digest), digest);
        nvr_hex_encode(digest, sizeof(digest), sha256);
    }
    nvr_buf_done(&x.body);
    return r;
}

int nvr_s3_head(struct nvr_s3 *s3, const char *key, int64_t *ret_size,
                struct nvr_s3_problem *problem)
{
    struct exchange x;
    int r;

    if (!nvr_path_is_safe(key))
        return refuse_key(problem);
    init_exchange(&x, s3, "HEAD", key);
    r = perform(&x, problem);
    if (r == 0)
        *ret_size = x.length;
    nvr_buf_done(&x.body);
    return r;
}

int nvr_s3_delete(struct nvr_s3 *s3, const char *key, struct nvr_s3_problem *problem)
{
    struct exchange x;
    int r;

    if (!nvr_path_is_safe(key))
        return refuse_key(problem);
    init_exchange(&x, s3, "DELETE", key);
    r = perform(&x, problem);
    nvr_buf_done(&x.body);
    return r == -ENOENT ? 0 : r;
}

int nvr_s3_list(struct nvr_s3 *s3, const char *folder, unsigned limit, nvr_s3_visit visit,
                void *arg, char token[NVR_S3_KEY_SIZE], struct nvr_s3_problem *problem)
{
    struct nvr_buf query;
    struct exchange x;
    int r;

    nvr_buf_init(&query, URL_MAX);
    if (token[0] != '\0') {
        (void)nvr_buf_append_str(&query, "continuation-token=");
        nvr_s3_encode(&query, token, false);
        (void)nvr_buf_append_char(&query, '&');
    }
    (void)nvr_buf_printf(&query, "list-type=2&max-keys=%u&prefix=", limit);
    nvr_s3_encode(&query, s3->prefix, false);
    if (s3->prefix[0] != '\0')
        (void)nvr_buf_append_str(&query, "%2F");
    nvr_s3_encode(&query, folder, false);
    init_exchange(&x, s3, "GET", NULL);
    x.query = nvr_buf_cstr(&query);
    if (x.query)
        r = perform(&x, problem);
    else
        r = refuse_key(problem);
    if (r == 0)
        r = nvr_s3_parse_list(x.body.data, x.body.len, visit, arg, token);
    if (r == -EPROTO && problem->words[0] == '\0')
        (void)nvr_fmt(problem->words, sizeof(problem->words),
                      "What answers there is no S3 store (no listing).");
    nvr_buf_done(&x.body);
    nvr_buf_done(&query);
    return r;
}
