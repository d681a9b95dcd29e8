#include "lib/ipc/post.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct post_item {
    struct post_item *next;
    void (*fn)(void *arg);
    void *arg;
};

struct nvr_post {
    uv_async_t async;
    pthread_mutex_t lock; /* everything below */
    struct post_item *head;
    struct post_item **tail;
    bool closing;
};

/* Takes what is queued now, in order; what the functions queue meanwhile waits for the next turn.
 */
static void run_queued(struct nvr_post *post)
{
    struct post_item *item;

    (void)pthread_mutex_lock(&post->lock);
    item = post->head;
    post->head = NULL;
    post->tail = &post->head;
    (void)pthread_mutex_unlock(&post->lock);

    while (item) {
        struct post_item *next = item->next;

        item->fn(item->arg);
        free(item);
        item = next;
    }
}

static void on_async(uv_async_t *async)
{
    run_queued(async->data);
}

int nvr_post_new(uv_loop_t *loop, struct nvr_post **ret_post)
{
    struct nvr_post *post = calloc(1, sizeof(*post));
    int r;

    if (!post)
        return -ENOMEM;
    post->tail = &post->head;
    post->async.data = post;
    r = -pthread_mutex_init(&post->lock, NULL);
    if (r == 0) {
        r = uv_async_init(loop, &post->async, on_async);
        if (r < 0)
            (void)pthread_mutex_destroy(&post->lock);
    }
    if (r < 0) {
        free(post);
        return r;
    }
    *ret_post = post;
    return 0;
}

int nvr_post_send(struct nvr_post *post, void (*fn)(void *arg), void *arg)
{
    struct post_item *item = malloc(sizeof(*item));
    int r = 0;

    if (!item)
        return -ENOMEM;
    *item = (struct post_item){.fn = fn, .arg = arg};
    (void)pthread_mutex_lock(&post->lock);
    if (post->closing) {
        r = -ECANCELED;
    } else {
        *post->tail = item;
        post->tail = &item->next;
        /* Under the lock, so that the handle cannot be closed in between. */
        (void)uv_async_send(&post->async);
    }
    (void)pthread_mutex_unlock(&post->lock);
    if (r < 0)
        free(item);
    return r;
}

static void on_closed(uv_handle_t *handle)
{
    struct nvr_post *post = handle->data;

    (void)pthread_mutex_destroy(&post->lock);
    free(post);
}

void nvr_post_free(struct nvr_post *post)
{
    if (!post)
        return;
    (void)pthread_mutex_lock(&post->lock);
    post->closing = true;
    (void)pthread_mutex_unlock(&post->lock);
    run_queued(post);
    uv_close((uv_handle_t *)&post->async, on_closed);
}
