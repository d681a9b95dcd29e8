#include "src/camera/report.h"

#include <sys/resource.h>

json_t *nvr_report_status(const struct nvr_stream_info *info)
{
    const struct nvr_trouble *trouble = &info->trouble;
    const bool has = trouble->code != NVR_TROUBLE_NONE;

    return json_pack("{s:s, s:s, s:s?, s:s?, s:i, s:I}", "stream", info->name, "status",
                     nvr_stream_status_name(info->status), "error_code",
                     nvr_trouble_name(trouble->code), "error", has ? trouble->text : NULL,
                     "url_index", (int)info->url_index, "next_try_ms",
                     (json_int_t)info->next_try_ms);
}

static json_t *stream_to_json(const struct nvr_stream_info *info)
{
    const struct nvr_mux_stats *mux = &info->mux;
    const bool known = mux->codec != NVR_CODEC_NONE;

    return json_pack(
        "{s:s?, s:s?, s:i, s:i, s:f, s:I, s:s?, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "codec",
        known ? nvr_codec_name(mux->codec) : NULL, "codec_string", known ? mux->codecs : NULL,
        "width", (int)mux->width, "height", (int)mux->height, "fps",
        (double)(int64_t)(mux->fps * 100 + 0.5) / 100, "bitrate", (json_int_t)info->bitrate,
        "audio", mux->audio ? nvr_codec_name(mux->audio_codec) : NULL, "frames",
        (json_int_t)mux->frames, "dropped_packets", (json_int_t)info->dropped_packets, "reconnects",
        (json_int_t)info->reconnects, "last_frame_ms", (json_int_t)(mux->last_frame_us / 1000),
        "connected_since_ms", (json_int_t)info->connected_since_ms, "protocol",
        info->libav ? "libavformat" : "heron", "status", nvr_stream_status_name(info->status));
}

json_t *nvr_report_heartbeat(const struct nvr_stream_info *main_info,
                             const struct nvr_stream_info *sub_info,
                             const struct nvr_recorder_state *recording)
{
    struct rusage usage;
    json_t *streams = json_object();
    json_t *rec;
    int64_t cpu_ms;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        usage = (struct rusage){0};
    cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
             (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    if (main_info)
        (void)json_object_set_new(streams, "main", stream_to_json(main_info));
    if (sub_info)
        (void)json_object_set_new(streams, "sub", stream_to_json(sub_info));
    rec = recording ? json_pack("{s:b, s:s?, s:I, s:I, s:I, s:s?}", "active", recording->active,
                                "file", recording->file[0] ? recording->file : NULL, "start_ms",
                                (json_int_t)recording->start_ms, "bytes",
                                (json_int_t)recording->bytes, "lost", (json_int_t)recording->lost,
                                "error", recording->error[0] ? recording->error : NULL)
                    : json_pack("{s:b, s:n, s:i, s:n}", "active", 0, "file", "bytes", 0, "error");
    return json_pack("{s:o, s:o, s:I}", "streams", streams, "recording", rec, "cpu_ms",
                     (json_int_t)cpu_ms);
}
