/* Signatures against Amazon's published examples, and the XML of object stores. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/macros.h"
#include "lib/s3/client.h"
#include "lib/s3/sign.h"
#include "lib/s3/xml.h"

/* "Examples: Signature Calculations in AWS Signature Version 4", API reference of Amazon S3. */
#define HOST "examplebucket.s3.amazonaws.com"
#define DATE "20130524T000000Z"
#define TIME_MS INT64_C(1369353600000)

static void expect_signature(const char *method, const char *path, const char *query,
                             const struct nvr_s3_pair *headers, size_t count, const char *payload,
                             const char *names, const char *signature)
{
    const struct nvr_s3_signing signing = {
        .method = method,
        .path = path,
        .query = query,
        .headers = headers,
        .headers_count = count,
        .payload_sha256 = payload,
        .region = "us-east-1",
        .access_key = "AKIAIOSFODNN7EXAMPLE",
        .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        .time_ms = TIME_MS,
    };
    char got[NVR_S3_AUTHORIZATION_SIZE], want[NVR_S3_AUTHORIZATION_SIZE];

    assert_int_equal(nvr_s3_sign(&signing, got), 0);
    (void)snprintf(want, sizeof(want),
                   "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                   "aws4_request, SignedHeaders=%s, Signature=%s",
                   names, signature);
    assert_string_equal(got, want);
}

static void test_signatures(void **state)
{
    const struct nvr_s3_pair get[] = {{"host", HOST},
                                      {"range", "bytes=0-9"},
                                      {"x-amz-content-sha256", NVR_S3_EMPTY_SHA256},
                                      {"x-amz-date", DATE}};
    const char *payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    const struct nvr_s3_pair put[] = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                      {"host", HOST},
                                      {"x-amz-content-sha256", payload},
                                      {"x-amz-date", DATE},
                                      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
    const struct nvr_s3_pair plain[] = {
        {"host", HOST}, {"x-amz-content-sha256", NVR_S3_EMPTY_SHA256}, {"x-amz-date", DATE}};

    (void)state;
    expect_signature("GET", "/test.txt", "", get, 4, NVR_S3_EMPTY_SHA256,
                     "host;range;x-amz-content-sha256;x-amz-date",
                     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    expect_signature("PUT", "/test%24file.text", "", put, 5, payload,
                     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    expect_signature("GET", "/", "lifecycle=", plain, 3, NVR_S3_EMPTY_SHA256,
                     "host;x-amz-content-sha256;x-amz-date",
                     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    expect_signature("GET", "/", "max-keys=2&prefix=J", plain, 3, NVR_S3_EMPTY_SHA256,
                     "host;x-amz-content-sha256;x-amz-date",
                     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void test_encoding(void **state)
{
    struct nvr_buf buf;

    (void)state;
    nvr_buf_init(&buf, 200);
    nvr_s3_encode(&buf, "a/b (1)+\xc3\xa9$~_-.", true);
    assert_string_equal(nvr_buf_cstr(&buf), "a/b%20%281%29%2B%C3%A9%24~_-.");
    nvr_buf_reset(&buf);
    nvr_s3_encode(&buf, "a/b=", false);
    assert_string_equal(nvr_buf_cstr(&buf), "a%2Fb%3D");
    nvr_buf_done(&buf);
}

static int collect(const char *key, int64_t size, void *arg)
{
    char *text = arg;
    const size_t len = strlen(text);

    (void)snprintf(text + len, 256 - len, "%s=%lld;", key, (long long)size);
    return strcmp(key, "stop") == 0 ? -ECANCELED : 0;
}

static int list(const char *xml, char text[256], char token[NVR_S3_KEY_SIZE])
{
    text[0] = '\0';
    return nvr_s3_parse_list(xml, strlen(xml), collect, text, token);
}

static void test_list(void **state)
{
    char text[256], token[NVR_S3_KEY_SIZE], deep[200] = "";

    (void)state;
    assert_int_equal(list("<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3\">"
                          "<Name>b</Name><Contents><Key>a &amp; b</Key><Size>12</Size>"
                          "<Owner><ID>x</ID></Owner></Contents><Contents><Size>3</Size>"
                          "<Key>c</Key></Contents><NextContinuationToken>t+/=</"
                          "NextContinuationToken></ListBucketResult>",
                          text, token),
                     0);
    assert_string_equal(text, "a & b=12;c=3;");
    assert_string_equal(token, "t+/=");
    assert_int_equal(list("<ListBucketResult></ListBucketResult>", text, token), 0);
    assert_string_equal(token, "");
    assert_int_equal(list("<html><body>Hello</html>", text, token), -EPROTO);
    assert_int_equal(list("", text, token), -EPROTO);
    assert_int_equal(list("<L><Contents><Size>1</Size></Contents></L>", text, token), -EPROTO);
    assert_int_equal(list("<L><Contents><Key>k</Key><Size>-1</Size></Contents></L>", text, token),
                     -EPROTO);
    assert_int_equal(list("<L><Contents><Key>stop</Key><Size>1</Size></Contents></L>", text, token),
                     -ECANCELED);
    /* Entities of its own, and more levels than there are. */
    assert_int_equal(list("<!DOCTYPE L [<!ENTITY a \"b\">]><L>&a;</L>", text, token), -EPROTO);
    for (size_t i = 0; i <= NVR_S3_XML_DEPTH_MAX; i++)
        (void)strncat(deep, "<a>", sizeof(deep) - strlen(deep) - 1);
    assert_int_equal(list(deep, text, token), -EPROTO);
}

static void expect_meaning(long status, const char *body, int error, const char *words)
{
    struct nvr_s3_problem problem = {.words = ""};
    struct nvr_s3_fault fault;

    nvr_s3_parse_fault(body, strlen(body), &fault);
    assert_int_equal(nvr_s3_explain(status, &fault, &problem), error);
    if (!strstr(problem.words, words))
        fail_msg("%s", problem.words);
}

#define FAULT(code) "<Error><Code>" code "</Code><Message>Not\nnow</Message></Error>"

static void test_meanings(void **state)
{
    (void)state;
    expect_meaning(200, "", 0, "");
    expect_meaning(403, FAULT("InvalidAccessKeyId"), -EACCES, "access key");
    expect_meaning(403, FAULT("SignatureDoesNotMatch"), -EACCES, "secret key");
    expect_meaning(403, FAULT("RequestTimeTooSkewed"), -EACCES, "clock");
    expect_meaning(404, FAULT("NoSuchBucket"), -ENODEV, "bucket");
    expect_meaning(404, FAULT("NoSuchKey"), -ENOENT, "not in the bucket");
    expect_meaning(301, "", -EPROTO, "elsewhere");
    expect_meaning(503, FAULT("Odd"), -EIO, "Odd: Not now (503)");
    expect_meaning(502, "<html>", -EIO, "502");
    expect_meaning(404, "", -ENOENT, "404");
}

static void test_endpoints(void **state)
{
    struct nvr_s3_options options = {.endpoint = "http://127.0.0.1:9",
                                     .region = "r",
                                     .bucket = "b",
                                     .prefix = "p",
                                     .access_key = "a",
                                     .secret_key = "s"};
    static const char *const bad[] = {"", "nas:9000", "ftp://nas", "http://"};
    struct nvr_s3_problem problem;
    struct nvr_s3 *s3 = NULL;
    int64_t size;

    (void)state;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(bad); i++) {
        options.endpoint = bad[i];
        assert_int_equal(nvr_s3_new(&options, &s3), -EINVAL);
    }
    options.endpoint = "http://127.0.0.1:9";
    options.path_style = true;
    assert_int_equal(nvr_s3_new(&options, &s3), 0);
    assert_int_equal(nvr_s3_head(s3, "x", &size, &problem), -EIO);
    assert_non_null(strstr(problem.words, "not reached"));
    assert_int_equal(nvr_s3_head(s3, "../x", &size, &problem), -EINVAL);
    nvr_s3_free(s3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_list),       cmocka_unit_test(test_meanings),
        cmocka_unit_test(test_endpoints),
    };

    return nvr_s3_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
