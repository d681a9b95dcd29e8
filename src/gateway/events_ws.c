/* WS /ws: the topics of the core as they happen. Nothing waits for a slow client: what does not fit
 * into its queue is dropped and counted, and it is told how much it missed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "src/gateway/events_request.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("events");

static const struct nvr_metric clients_now = {"heron_events_clients", "Open connections of /ws.",
                                              NVR_METRIC_GAUGE};
static const struct nvr_metric lost_total = {
    "heron_events_lost_total", "Messages that a slow client of /ws missed.", NVR_METRIC_COUNTER};

/* RFC 6455 §7.4.1 */
enum { CLOSE_UNSUPPORTED = 1003, CLOSE_POLICY = 1008 };

/* One message, shared by all who get it. */
struct text {
    unsigned refs;
    size_t len;
    char data[];
};

struct client {
    struct nvr_events *events;
    struct nvr_ws *ws; /* NULL: the handshake is not done */
    struct nvr_events_topics topics;
    bool topics_due; /* the answer to a request */
    struct text *waiting[NVR_EVENTS_WAITING_MAX];
    size_t first, count, bytes; /* a ring of those waiting */
    uint64_t lost;
    struct client *next;
};

struct nvr_events {
    struct nvr_gateway *gateway;
    struct nvr_bus_subscription *subscription; /* while there is a client */
    struct client *clients;
    unsigned clients_count;
};

/* ---- messages ---- */

static struct text *text_of(const struct nvr_bus_message *message)
{
    NVR_AUTO_JSON json =
        json_pack("{s:I, s:s, s:I, s:O}", "id", (json_int_t)message->id, "topic", message->topic,
                  "time", (json_int_t)message->time_ms, "data", message->data);
    struct text *text = NULL;
    struct nvr_buf buf;

    nvr_buf_init(&buf, NVR_EVENTS_UNSENT_MAX);
    if (json && nvr_json_append(&buf, json) == 0)
        text = malloc(sizeof(*text) + buf.len);
    if (text) {
        *text = (struct text){.refs = 1, .len = buf.len};
        memcpy(text->data, buf.data, buf.len);
    } else {
        log_warn("a message of %s is too long for clients", message->topic);
    }
    nvr_buf_done(&buf);
    return text;
}

static void text_unref(struct text *text)
{
    if (text && --text->refs == 0)
        free(text);
}

static void lose(struct client *client)
{
    client->lost++;
    nvr_metric_add(&lost_total, "", 1);
}

/* Who missed something gets nothing further before it has been told. */
static void enqueue(struct client *client, struct text *text)
{
    if (!text || client->lost || client->count == NVR_EVENTS_WAITING_MAX ||
        client->bytes + text->len > NVR_EVENTS_UNSENT_MAX) {
        lose(client);
    } else {
        client->waiting[(client->first + client->count++) % NVR_EVENTS_WAITING_MAX] = text;
        client->bytes += text->len;
        text->refs++;
    }
    nvr_ws_wake(client->ws);
}

static void on_message_of_core(const struct nvr_bus_message *message, void *arg)
{
    struct nvr_events *events = arg;
    struct text *text = NULL;
    bool made = false;

    for (struct client *client = events->clients; client; client = client->next) {
        if (!nvr_events_wants(&client->topics, message->topic))
            continue;
        if (!made)
            text = text_of(message);
        made = true;
        enqueue(client, text);
    }
    text_unref(text);
}

/* ---- a client ---- */

static int add_json(struct nvr_buf *buf, json_t *value)
{
    const int r = value ? nvr_json_append(buf, value) : -ENOMEM;

    json_decref(value);
    return r < 0 ? r : 1;
}

static int add_topics(struct client *client, struct nvr_buf *buf)
{
    json_t *list = json_array();

    client->topics_due = false;
    for (size_t i = 0; i < client->topics.count; i++)
        (void)json_array_append_new(list, json_string(client->topics.patterns[i]));
    return add_json(buf, json_pack("{s:s, s:o}", "type", "subscribed", "topics", list));
}

// NOLINTNEXTLINE(readability-non-const-parameter): the shape of nvr_ws_handlers
static int on_writable(struct nvr_ws *ws, struct nvr_buf *buf, bool *ret_binary, void *arg)
{
    struct client *client = arg;
    struct text *text;
    int r;

    (void)ret_binary;
    client->ws = ws;
    if (client->topics_due)
        return add_topics(client, buf);
    if (client->count) {
        text = client->waiting[client->first];
        client->first = (client->first + 1) % NVR_EVENTS_WAITING_MAX;
        client->count--;
        client->bytes -= text->len;
        r = nvr_buf_append(buf, text->data, text->len);
        text_unref(text);
        return r < 0 ? r : 1;
    }
    if (client->lost) {
        const json_int_t lost = (json_int_t)client->lost;

        client->lost = 0;
        return add_json(buf, json_pack("{s:s, s:I}", "type", "lost", "count", lost));
    }
    return 0;
}

static void on_message(struct nvr_ws *ws, const char *data, size_t len, bool binary, void *arg)
{
    struct client *client = arg;
    const char *reason = NULL;

    client->ws = ws;
    if (binary) {
        nvr_ws_end(ws, CLOSE_UNSUPPORTED, "expected text");
    } else if (nvr_events_request(&client->topics, data, len, &reason) < 0) {
        log_debug("a client was sent away: %s", reason);
        nvr_ws_end(ws, CLOSE_POLICY, reason);
    } else {
        client->topics_due = true;
        nvr_ws_wake(ws);
    }
}

static void on_close(void *arg)
{
    struct client *client = arg;
    struct nvr_events *events = client->events;
    struct client **link = &events->clients;

    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    events->clients_count--;
    nvr_metric_set(&clients_now, "", events->clients_count);
    while (client->count--) {
        text_unref(client->waiting[client->first]);
        client->first = (client->first + 1) % NVR_EVENTS_WAITING_MAX;
    }
    free(client);
    if (!events->clients)
        nvr_bus_unsubscribe(NVR_TAKE(events->subscription));
}

void nvr_handle_events(struct nvr_http_request *request, void *arg)
{
    static const struct nvr_ws_handlers handlers = {on_writable, on_close, on_message};
    struct nvr_gateway *gateway = arg;
    struct nvr_events *events = gateway->events;
    struct client *client;
    int r;

    if (events->clients_count >= NVR_EVENTS_CLIENTS_MAX) {
        nvr_http_reply_error(request, 503, "too_many_clients", "Too many clients are listening.");
        return;
    }
    client = calloc(1, sizeof(*client));
    r = client ? 0 : -ENOMEM;
    if (r == 0 && !events->subscription)
        r = nvr_bus_subscribe(nvr_supervisor_get_bus(gateway->supervisor), "*", on_message_of_core,
                              events, &events->subscription);
    if (r < 0) {
        free(client);
        nvr_http_reply_errno(request, r, "events");
        return;
    }
    client->events = events;
    client->next = events->clients;
    events->clients = client;
    events->clients_count++;
    nvr_metric_set(&clients_now, "", events->clients_count);
    nvr_ws_accept(request, &handlers, client);
}

int nvr_events_new(struct nvr_gateway *gateway, struct nvr_events **ret_events)
{
    struct nvr_events *events = calloc(1, sizeof(*events));

    if (!events)
        return -ENOMEM;
    events->gateway = gateway;
    *ret_events = events;
    return 0;
}

void nvr_events_free(struct nvr_events *events)
{
    if (!events)
        return;
    assert(!events->clients && !events->subscription);
    free(events);
}
