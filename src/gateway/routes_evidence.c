/* The proof: key, chains, what the check found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/hex.h"
#include "lib/base/log.h"
#include "lib/config/signing_key.h"
#include "lib/media/evidence.h"
#include "lib/store/evidence.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

#define JSON "application/json"

static json_t *key_json(struct nvr_gateway *gateway)
{
    const struct nvr_signing_key *key = nvr_supervisor_get_signing_key(gateway->supervisor);
    char hex[2 * NVR_ED25519_KEY_SIZE + 1];
    char fingerprint[NVR_FINGERPRINT_SIZE];

    if (!key)
        return json_null();
    nvr_hex_encode(nvr_signing_key_get_public(key), NVR_ED25519_KEY_SIZE, hex);
    nvr_evidence_fingerprint(nvr_signing_key_get_public(key), fingerprint);
    return json_pack("{s:s, s:s, s:s}", "algorithm", "ed25519", "public_key", hex, "fingerprint",
                     fingerprint);
}

static void handle_key(struct nvr_http_request *request, void *arg)
{
    json_t *key = key_json(arg);

    if (json_is_null(key))
        nvr_http_reply_error(request, 503, "no_key",
                             "There is no evidence key: the warnings of system/info say why.");
    else
        nvr_http_reply_json_take(request, 200, key);
}

/* ---- chains and findings: read in the pool ---- */

struct read {
    struct nvr_gateway *gateway;
    bool findings;
    int64_t before_id;
    unsigned limit;
    json_t *items;
    int64_t last_id, count;
    bool more;
    int result;
};

static int add_head(const struct nvr_evidence_head *head, void *arg)
{
    struct read *read = arg;
    char hex[2 * NVR_SHA256_SIZE + 1];
    json_t *checkpoint = head->checkpoint_seq
                             ? json_pack("{s:I, s:I}", "seq", (json_int_t)head->checkpoint_seq,
                                         "at", (json_int_t)head->checkpoint_ms)
                             : json_null();

    nvr_hex_encode(head->chain, sizeof(head->chain), hex);
    return json_array_append_new(read->items, json_pack("{s:s, s:I, s:s, s:o}", "camera",
                                                        head->camera, "seq", (json_int_t)head->seq,
                                                        "chain", hex, "checkpoint", checkpoint)) < 0
               ? -ENOMEM
               : 0;
}

static int add_finding(const struct nvr_finding *finding, void *arg)
{
    struct read *read = arg;
    char id[NVR_RECORDING_ID_SIZE];

    if (json_array_size(read->items) + 1 == read->limit) {
        read->more = true;
        return 1;
    }
    read->last_id = finding->id;
    nvr_recording_id(finding->camera, finding->start_ms, id);
    return json_array_append_new(
               read->items,
               json_pack("{s:I, s:s, s:s, s:I, s:s, s:o, s:s, s:I}", "id", (json_int_t)finding->id,
                         "camera", finding->camera, "recording", id, "start",
                         (json_int_t)finding->start_ms, "kind", finding->kind, "at",
                         finding->at_ms >= 0 ? json_integer(finding->at_ms) : json_null(),
                         "message", finding->detail, "found", (json_int_t)finding->found_ms)) < 0
               ? -ENOMEM
               : 0;
}

static void run_read(void *arg)
{
    struct read *read = arg;
    struct nvr_store *store = nvr_supervisor_get_store(read->gateway->supervisor);
    struct nvr_db *db;

    read->result = nvr_store_read_begin(store, &db);
    if (read->result < 0)
        return;
    if (read->findings)
        read->result = nvr_findings_each(db, read->before_id, read->limit, add_finding, read);
    else
        read->result = nvr_evidence_heads_each(db, add_head, read);
    if (read->result == 0)
        read->result = nvr_findings_count(db, &read->count);
    nvr_store_read_end(store, db);
}

static void on_read(struct nvr_http_request *request, void *arg)
{
    struct read *read = arg;

    if (read->result < 0)
        nvr_http_reply_errno(request, read->result, "evidence");
    else if (read->findings)
        nvr_http_reply_json_take(
            request, 200,
            json_pack("{s:O, s:o}", "items", read->items, "next",
                      read->more ? json_sprintf("%lld", (long long)read->last_id) : json_null()));
    else
        nvr_http_reply_json_take(request, 200,
                                 json_pack("{s:o, s:O, s:I}", "key", key_json(read->gateway),
                                           "items", read->items, "findings",
                                           (json_int_t)read->count));
    json_decref(read->items);
    free(read);
}

static void start_read(struct nvr_http_request *request, const struct read *what)
{
    struct read *read = malloc(sizeof(*read));
    int r = -ENOMEM;

    if (read) {
        *read = *what;
        read->items = json_array();
        if (read->items)
            r = nvr_work_start(request, &(struct nvr_work){run_read, on_read, read});
    }
    if (r < 0) {
        if (read)
            json_decref(read->items);
        free(read);
        nvr_http_reply_errno(request, r, "evidence");
    }
}

static void handle_chains(struct nvr_http_request *request, void *arg)
{
    start_read(request, &(struct read){.gateway = arg});
}

static void handle_findings(struct nvr_http_request *request, void *arg)
{
    const struct nvr_query *query = nvr_http_get_query(request);
    int64_t limit = NVR_PAGE_DEFAULT;
    int64_t before = 0;

    if (nvr_query_get_int(query, "limit", 1, NVR_PAGE_MAX, &limit) < 0)
        nvr_http_reply_bad_query(request, "limit", "expected a number from 1 to 1000");
    else if (nvr_query_get_int(query, "cursor", 1, INT64_MAX, &before) < 0)
        nvr_http_reply_bad_query(request, "cursor", "is not a cursor of this list");
    else
        start_read(request, &(struct read){.gateway = arg,
                                           .findings = true,
                                           .before_id = before,
                                           .limit = (unsigned)limit + 1});
}

/* ---- acknowledge ---- */

static void on_acknowledged(int result, void *arg)
{
    struct nvr_http_request *request = arg;

    if (result < 0)
        nvr_http_reply_errno(request, result, "finding");
    else
        nvr_http_reply_empty(request, 204);
    nvr_http_release(nvr_http_get_server(request));
    nvr_http_unref(request);
}

static void handle_acknowledge(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    uint64_t id = 0;
    int r = nvr_str_to_u64(nvr_str_from(nvr_http_get_param(request, "id")), INT64_MAX, &id);

    if (r < 0 || !gateway->storage) {
        nvr_http_reply_errno(request, -ENOENT, "finding");
        return;
    }
    nvr_http_hold(gateway->http);
    r = nvr_storage_acknowledge(gateway->storage, (int64_t)id, on_acknowledged,
                                nvr_http_ref(request));
    if (r < 0)
        on_acknowledged(r, request);
}

const struct nvr_route nvr_evidence_routes[] = {
    {NVR_HTTP_GET, 0, "/api/v1/evidence", handle_chains, "evidence",
     "The chain of each camera's recordings", JSON},
    {NVR_HTTP_GET, 0, "/api/v1/evidence/findings", handle_findings, "evidence",
     "What the check of stored recordings found wrong", JSON},
    {NVR_HTTP_DELETE, 0, "/api/v1/evidence/findings/{id}", handle_acknowledge, "evidence",
     "Acknowledge a finding", NULL},
    {NVR_HTTP_GET, 0, "/api/v1/evidence/key", handle_key, "evidence",
     "The public key that recordings are signed with", JSON},
};
const size_t nvr_evidence_routes_count = NVR_ARRAY_SIZE(nvr_evidence_routes);
