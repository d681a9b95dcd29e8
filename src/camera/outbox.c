#include "src/camera/outbox.h"

#include <stdlib.h>

#include "lib/base/log.h"

NVR_LOG_TOPIC("outbox");

#define CALL_TIMEOUT_MS 10000

struct item {
    struct item *next;
    struct nvr_outbox *outbox;
    json_t *params;
    bool in_flight;
    bool dropped; /* goes when its call is over */
};

struct nvr_outbox {
    struct nvr_child *child;
    struct item *first;
    struct item **end;
    unsigned count;
};

int nvr_outbox_new(struct nvr_child *child, struct nvr_outbox **ret_outbox)
{
    struct nvr_outbox *outbox = calloc(1, sizeof(*outbox));

    if (!outbox)
        return -ENOMEM;
    outbox->child = child;
    outbox->end = &outbox->first;
    *ret_outbox = outbox;
    return 0;
}

static void free_item(struct item *item)
{
    json_decref(item->params);
    free(item);
}

static void unlink_item(struct nvr_outbox *outbox, struct item *item)
{
    struct item **at = &outbox->first;

    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    if (outbox->end == &item->next)
        outbox->end = at;
    outbox->count--;
}

static void on_reply(struct nvr_rpc *rpc, const struct nvr_rpc_reply *reply, void *arg)
{
    struct item *item = arg;

    (void)rpc;
    item->in_flight = false;
    if (reply->error < 0 && !item->dropped) {
        log_debug("segment not acknowledged: %s", reply->message ? reply->message : "");
        return;
    }
    if (!item->dropped)
        unlink_item(item->outbox, item);
    free_item(item);
}

static void send_item(struct nvr_outbox *outbox, struct item *item)
{
    struct nvr_rpc *rpc = nvr_child_get_rpc(outbox->child);

    if (!rpc || item->in_flight)
        return;
    item->in_flight = true;
    if (nvr_rpc_call(rpc, "segment", json_incref(item->params), NULL, 0, CALL_TIMEOUT_MS, on_reply,
                     item) < 0)
        item->in_flight = false;
}

static void drop_oldest(struct nvr_outbox *outbox)
{
    struct item *item = outbox->first;

    log_warn("too many recordings wait for the index; the oldest is left to reconciliation");
    unlink_item(outbox, item);
    if (item->in_flight)
        item->dropped = true;
    else
        free_item(item);
}

void nvr_outbox_add(struct nvr_outbox *outbox, json_t *params)
{
    struct item *item = params ? calloc(1, sizeof(*item)) : NULL;

    if (!item) {
        json_decref(params);
        log_warn("out of memory: a recording is left to reconciliation");
        return;
    }
    item->outbox = outbox;
    item->params = params;
    *outbox->end = item;
    outbox->end = &item->next;
    if (++outbox->count > NVR_OUTBOX_MAX)
        drop_oldest(outbox);
    send_item(outbox, item);
}

void nvr_outbox_retry(struct nvr_outbox *outbox)
{
    for (struct item *item = outbox->first; item; item = item->next)
        send_item(outbox, item);
}

bool nvr_outbox_is_empty(const struct nvr_outbox *outbox)
{
    return outbox->count == 0;
}
