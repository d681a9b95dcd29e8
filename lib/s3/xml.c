#include "lib/s3/xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <string.h>

#include "lib/base/buf.h"

struct reader {
    XML_Parser parser;
    unsigned depth;
    char names[NVR_S3_XML_DEPTH_MAX][32]; /* of the open elements, cut off */
    char text[NVR_S3_KEY_SIZE];           /* of the innermost one */
    size_t text_len;
    bool too_long;
    int result;
    struct nvr_s3_fault *fault; /* or a listing: */
    nvr_s3_visit visit;
    void *arg;
    char key[NVR_S3_KEY_SIZE];
    int64_t size;
    char *token;
};

static void stop(struct reader *reader, int result)
{
    reader->result = result;
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal;
    stop(arg, -EPROTO);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = arg;
    const char *local = strrchr(name, ':');
    size_t len;

    (void)attributes;
    if (reader->depth == NVR_S3_XML_DEPTH_MAX) {
        stop(reader, -EPROTO);
        return;
    }
    local = local ? local + 1 : name;
    len = NVR_MIN(strlen(local), sizeof(reader->names[0]) - 1);
    memcpy(reader->names[reader->depth], local, len);
    reader->names[reader->depth++][len] = '\0';
    reader->text_len = 0;
    reader->too_long = false;
}

static void on_text(void *arg, const XML_Char *text, int len)
{
    struct reader *reader = arg;
    const size_t room = sizeof(reader->text) - 1 - reader->text_len;
    const size_t n = NVR_MIN((size_t)len, room);

    reader->too_long = reader->too_long || (size_t)len > room;
    memcpy(reader->text + reader->text_len, text, n);
    reader->text_len += n;
}

/* For a log and a page: control characters become blanks, what is too long is cut off. */
static void copy_words(char *dst, size_t size, const char *text)
{
    size_t len = NVR_MIN(strlen(text), size - 1);

    /* Not in the middle of a letter. */
    while (len > 0 && len < strlen(text) && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            dst[i] = ' ';
        else
            dst[i] = text[i];
    dst[len] = '\0';
}

static void take_fault(struct reader *reader, const char *name)
{
    if (strcmp(name, "Code") == 0)
        copy_words(reader->fault->code, sizeof(reader->fault->code), reader->text);
    else if (strcmp(name, "Message") == 0)
        copy_words(reader->fault->message, sizeof(reader->fault->message), reader->text);
}

static void take_contents(struct reader *reader, const char *name)
{
    uint64_t size;

    if (strcmp(name, "Key") == 0) {
        if (reader->too_long)
            stop(reader, -EPROTO);
        else
            memcpy(reader->key, reader->text, reader->text_len + 1);
    } else if (strcmp(name, "Size") == 0) {
        if (nvr_str_to_u64((struct nvr_str){reader->text, reader->text_len}, INT64_MAX, &size) < 0)
            stop(reader, -EPROTO);
        else
            reader->size = (int64_t)size;
    }
}

static void on_end(void *arg, const XML_Char *full_name)
{
    struct reader *reader = arg;
    const char *name = reader->names[--reader->depth];
    const char *parent = reader->depth ? reader->names[reader->depth - 1] : "";

    (void)full_name;
    reader->text[reader->text_len] = '\0';
    if (reader->fault) {
        if (strcmp(parent, "Error") == 0)
            take_fault(reader, name);
    } else if (strcmp(parent, "Contents") == 0) {
        take_contents(reader, name);
    } else if (strcmp(name, "NextContinuationToken") == 0) {
        if (reader->too_long)
            stop(reader, -EPROTO);
        else
            memcpy(reader->token, reader->text, reader->text_len + 1);
    } else if (strcmp(name, "Contents") == 0) {
        const int r = reader->key[0] == '\0' || reader->size < 0
                          ? -EPROTO
                          : reader->visit(reader->key, reader->size, reader->arg);

        reader->key[0] = '\0';
        reader->size = -1;
        if (r < 0)
            stop(reader, r);
    }
    reader->text_len = 0;
}

static int parse(struct reader *reader, const void *data, size_t size)
{
    if (size > NVR_S3_BODY_MAX)
        return -EPROTO;
    reader->parser = XML_ParserCreate(NULL);
    if (!reader->parser)
        return -ENOMEM;
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    if (XML_Parse(reader->parser, data, (int)size, XML_TRUE) != XML_STATUS_OK &&
        reader->result == 0)
        reader->result = -EPROTO;
    XML_ParserFree(reader->parser);
    return reader->result;
}

void nvr_s3_parse_fault(const void *data, size_t size, struct nvr_s3_fault *ret_fault)
{
    struct reader reader = {.fault = ret_fault};

    *ret_fault = (struct nvr_s3_fault){0};
    if (parse(&reader, data, size) < 0)
        *ret_fault = (struct nvr_s3_fault){0};
}

int nvr_s3_parse_list(const void *data, size_t size, nvr_s3_visit visit, void *arg,
                      char token[NVR_S3_KEY_SIZE])
{
    struct reader reader = {.visit = visit, .arg = arg, .size = -1, .token = token};

    token[0] = '\0';
    return parse(&reader, data, size);
}
