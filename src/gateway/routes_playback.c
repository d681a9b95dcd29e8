/* Playlists: what players of recordings ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/media/hls.h"
#include "lib/store/recordings.h"
#include "src/gateway/private.h"

NVR_LOG_TOPIC("gateway");

/* ---- playlist ---- */

struct playlist {
    struct nvr_store *store;
    char camera[NVR_SLUG_SIZE];
    struct nvr_hls_options options;
    struct nvr_hls_writer writer;
    struct nvr_hls_key keys[NVR_RECORDING_KEYS_MAX];
    struct nvr_buf text;
    int result;
};

static int add_segment(const struct nvr_recording *recording, void *arg)
{
    struct playlist *playlist = arg;
    char id[NVR_RECORDING_ID_SIZE];
    char uri[NVR_RECORDING_ID_SIZE + 64];
    const struct nvr_hls_segment segment = {
        .uri = uri,
        .start_ms = recording->start_ms,
        .end_ms = recording->end_ms,
        .file_size = (uint64_t)recording->file_size,
        .init_size = recording->init_size,
        .init_id = recording->init_id,
        .keys = playlist->keys,
        .keys_count = NVR_MIN(recording->keys_count, (uint32_t)NVR_RECORDING_KEYS_MAX),
    };

    nvr_recording_id(recording->camera_id, recording->start_ms, id);
    if (nvr_fmt(uri, sizeof(uri), "/api/v1/recordings/%s/media.mp4", id) < 0)
        return -EMSGSIZE;
    for (size_t i = 0; i < segment.keys_count; i++)
        playlist->keys[i] = (struct nvr_hls_key){recording->keys[i].ms, recording->keys[i].offset};
    return nvr_hls_add(&playlist->writer, &segment);
}

static void run_playlist(void *arg)
{
    struct playlist *playlist = arg;
    struct nvr_db *db;
    int r;

    playlist->result = nvr_store_read_begin(playlist->store, &db);
    if (playlist->result < 0)
        return;
    r = nvr_hls_begin(&playlist->writer, &playlist->text, &playlist->options);
    if (r >= 0)
        r = nvr_recordings_each(db, playlist->camera, playlist->options.start_ms,
                                playlist->options.end_ms, playlist->options.per_gop, add_segment,
                                playlist);
    nvr_store_read_end(playlist->store, db);
    if (r >= 0)
        r = nvr_hls_end(&playlist->writer);
    playlist->result = r < 0 ? r : 0;
}

static void on_playlist(struct nvr_http_request *request, void *arg)
{
    struct playlist *playlist = arg;

    if (playlist->result < 0)
        nvr_http_reply_errno(request, playlist->result, "playlist");
    else if (!playlist->writer.entries)
        nvr_http_reply_error(request, 404, "no_recording", "Nothing was recorded in this span.");
    else
        nvr_http_reply_buf_take(request, 200, "application/vnd.apple.mpegurl", &playlist->text);
    nvr_buf_done(&playlist->text);
    free(playlist);
}

void nvr_handle_playlist(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *camera = nvr_http_get_param(request, "camera");
    struct nvr_span span = {0};
    struct playlist *playlist;
    int r;

    /* A removed camera's recordings may be played, too. */
    if (!nvr_slug_is_valid(camera)) {
        nvr_http_reply_errno(request, -ENOENT, "camera");
        return;
    }
    if (!nvr_span_parse(request, true, NVR_PLAYLIST_MAX_MS, &span))
        return;
    playlist = calloc(1, sizeof(*playlist));
    if (!playlist) {
        nvr_http_reply_errno(request, -ENOMEM, "playlist");
        return;
    }
    playlist->store = nvr_supervisor_get_store(gateway->supervisor);
    memcpy(playlist->camera, camera, strlen(camera) + 1);
    playlist->options = (struct nvr_hls_options){
        .start_ms = span.start_ms,
        .end_ms = span.end_ms,
        .per_gop = span.end_ms - span.start_ms <= NVR_PLAYLIST_GOP_MAX_MS,
    };
    nvr_buf_init(&playlist->text, NVR_HTTP_JSON_MAX);
    nvr_storage_lease(gateway->storage, camera, span.start_ms, span.end_ms, NVR_LEASE_PLAYLIST_S);
    r = nvr_work_start(request, &(struct nvr_work){run_playlist, on_playlist, playlist});
    if (r < 0) {
        free(playlist);
        nvr_http_reply_errno(request, r, "playlist");
    }
}
