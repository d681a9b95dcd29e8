/* mount.c — a camera's clock: which frame goes when, to whom, and which faults befall it. */
#include <libavutil/mathematics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/simcam/simcam.h"

#define NTP_EPOCH 2208988800LL
#define CATCH_UP_US 1000000 /* frames older than this are passed over: nobody watched */
#define STAMP_PACKET (SIM_PACKET_HEADER + 3 + 16 + SIM_STAMP_TEXT + 1 + 2)

/* What marks our SEI message (user data, unregistered). Tests look for it: bench/latency. */
static const uint8_t stamp_uuid[16] = "heron-simcam-sei";

struct sim_file *sim_mount_file(const struct sim_mount *mount)
{
    return mount->source[mount->loop & 1];
}

uint32_t sim_mount_timestamp(const struct sim_mount *mount, int track, int64_t extra_us, int64_t ts)
{
    const int rate = sim_mount_file(mount)->tracks[track].rate;
    const double skew = 1.0 + mount->faults.skew_ppm / 1e6;
    const double media = (double)(ts + av_rescale(extra_us, rate, 1000000)) * skew;

    return mount->ts_base[track] + (uint32_t)(int64_t)media +
           (uint32_t)av_rescale(mount->jump_us, rate, 1000000);
}

static void send_packet(struct sim_client *client, struct sim_transport *transport,
                        const uint8_t *packet, size_t len)
{
    if (transport->udp)
        (void)sendto(transport->rtp_fd, packet + 4, len - 4, MSG_DONTWAIT,
                     (const struct sockaddr *)&transport->rtp, sizeof(transport->rtp));
    else
        sim_client_put(client, packet, len);
}

static void send_report(struct sim_client *client, struct sim_transport *transport, uint32_t ts)
{
    uint8_t packet[32] = {'$', (uint8_t)(transport->channel + 1), 0, 28, 0x80, 200, 0, 6};
    const int64_t wall = nvr_clock_wall_us();

    sim_put32(packet + 8, transport->ssrc);
    sim_put32(packet + 12, (uint32_t)(wall / 1000000 + NTP_EPOCH));
    sim_put32(packet + 16, (uint32_t)(((uint64_t)(wall % 1000000) << 32) / 1000000));
    sim_put32(packet + 20, ts);
    sim_put32(packet + 24, transport->packets);
    sim_put32(packet + 28, transport->bytes);
    if (transport->udp)
        (void)sendto(transport->rtcp_fd, packet + 4, 28, MSG_DONTWAIT,
                     (const struct sockaddr *)&transport->rtcp, sizeof(transport->rtcp));
    else
        sim_client_put(client, packet, sizeof(packet));
}

/* A packet with an SEI message: when this frame was sent (wall µs) and its number. */
static size_t make_stamp(const struct sim_mount *mount, const struct sim_track *track,
                         uint8_t packet[STAMP_PACKET + 2])
{
    uint8_t *p = packet + SIM_PACKET_HEADER;
    char text[SIM_STAMP_TEXT + 1];

    memset(packet, 0, SIM_PACKET_HEADER);
    packet[0] = '$';
    packet[4] = 0x80;
    packet[5] = (uint8_t)track->payload_type;
    if (track->codec == AV_CODEC_ID_HEVC) {
        *p++ = 39 << 1;
        *p++ = 1;
    } else {
        *p++ = 6;
    }
    *p++ = 5; /* user_data_unregistered */
    *p++ = 16 + SIM_STAMP_TEXT;
    memcpy(p, stamp_uuid, 16);
    (void)nvr_fmt(text, sizeof(text), "%016llx%08x", (unsigned long long)nvr_clock_wall_us(),
                  mount->frame_number);
    memcpy(p + 16, text, SIM_STAMP_TEXT);
    p += 16 + SIM_STAMP_TEXT;
    *p++ = 0x80;
    sim_put16(packet + 2, (uint32_t)(p - packet) - 4);
    return (size_t)(p - packet);
}

/* In place of a frame: well-framed packets full of noise, some with a plausible header. */
static void send_garbage(struct sim_client *client, struct sim_transport *transport)
{
    uint8_t packet[SIM_PACKET_HEADER + 256];

    for (int i = 0; i < 4; i++) {
        const size_t len = SIM_PACKET_HEADER + sim_random() % 240;

        (void)!getrandom(packet, sizeof(packet), 0);
        packet[0] = '$';
        packet[1] = (uint8_t)(transport->channel + (i == 3 ? 1 : 0));
        sim_put16(packet + 2, (uint32_t)len - 4);
        if (i & 1) {
            packet[4] = 0x80;
            packet[5] &= 0x7f;
            sim_put32(packet + 12, transport->ssrc);
        }
        send_packet(client, transport, packet, len);
    }
}

static bool is_garbage_time(const struct sim_client *client, int64_t now_us)
{
    const struct sim_faults *faults = &client->mount->faults;
    const int64_t age = now_us - client->play_us;

    if (faults->garbage_after <= 0 || age < sim_seconds_us(faults->garbage_after))
        return false;
    return faults->garbage_for <= 0 ||
           age < sim_seconds_us(faults->garbage_after + faults->garbage_for);
}

static void send_packets(struct sim_client *client, const struct sim_file *file,
                         const struct sim_frame *frame, uint32_t ts)
{
    struct sim_mount *mount = client->mount;
    struct sim_transport *transport = &client->transports[frame->track];
    const uint8_t *from = file->bytes + frame->offset;
    uint8_t packet[SIM_PACKET_MAX];

    for (int i = 0; i < frame->packets; i++) {
        const size_t len = sim_get16(from + 2) + 4U;
        const uint16_t sequence = transport->sequence++;

        mount->stats.packets++;
        mount->stats.bytes += len;
        transport->packets++;
        transport->bytes += (uint32_t)len - SIM_PACKET_HEADER;
        if (mount->faults.loss_percent <= 0 ||
            (double)(sim_random() % 100000) >= mount->faults.loss_percent * 1000) {
            memcpy(packet, from, len);
            packet[1] = transport->channel;
            if (mount->faults.zero_size && file->tracks[frame->track].codec == AV_CODEC_ID_MJPEG)
                sim_put16(packet + SIM_PACKET_HEADER + 6, 0); /* width and height */
            sim_put16(packet + 6, sequence);
            sim_put32(packet + 8, ts);
            sim_put32(packet + 12, transport->ssrc);
            send_packet(client, transport, packet, len);
        }
        from += len;
    }
}

static void send_stamp(struct sim_client *client, const struct sim_track *track, int index,
                       uint32_t ts)
{
    struct sim_transport *transport = &client->transports[index];
    uint8_t packet[STAMP_PACKET + 2];
    const size_t len = make_stamp(client->mount, track, packet);

    packet[1] = transport->channel;
    sim_put16(packet + 6, transport->sequence++);
    sim_put32(packet + 8, ts);
    sim_put32(packet + 12, transport->ssrc);
    transport->packets++;
    transport->bytes += (uint32_t)len - SIM_PACKET_HEADER;
    send_packet(client, transport, packet, len);
}

static void send_frame(struct sim_client *client, const struct sim_file *file,
                       const struct sim_frame *frame, uint32_t ts, int64_t now_us)
{
    struct sim_mount *mount = client->mount;
    const struct sim_track *track = &file->tracks[frame->track];
    struct sim_transport *transport = &client->transports[frame->track];

    if (!transport->on || client->dead)
        return;
    if (track->video && !client->seen_key) {
        if (!frame->key && !mount->faults.start_anywhere)
            return;
        client->seen_key = true;
    }
    if (mount->report_every > 0 &&
        now_us - transport->last_report_us > sim_seconds_us(mount->report_every)) {
        transport->last_report_us = now_us;
        send_report(client, transport,
                    sim_mount_timestamp(mount, frame->track, now_us - mount->t0_us, 0));
    }
    if (!transport->udp && client->out_len + frame->length + SIM_REQUEST_MAX > SIM_OUT_CAP) {
        mount->stats.dropped++;
        return;
    }
    if (is_garbage_time(client, now_us)) {
        send_garbage(client, transport);
    } else {
        if (mount->stamp && track->nal_length_size)
            send_stamp(client, track, frame->track, ts);
        send_packets(client, file, frame, ts);
        mount->stats.frames++;
    }
    if (!transport->udp && !client->want_out)
        sim_client_flush(client);
}

static void jump(struct sim_mount *mount, int64_t now_us)
{
    struct sim_faults *faults = &mount->faults;

    if (faults->jump_every <= 0 || now_us < mount->next_jump_us)
        return;
    if (mount->next_jump_us) {
        mount->jump_us += sim_seconds_us(faults->jump_by);
        sim_log(1, "%s: clock jumps by %+g s", mount->path, faults->jump_by);
        if (faults->jump_count > 0 && --faults->jump_count == 0)
            faults->jump_every = 0;
    }
    mount->next_jump_us = now_us + sim_seconds_us(faults->jump_every);
}

static bool is_stalled(const struct sim_mount *mount, int64_t now_us)
{
    const struct sim_faults *faults = &mount->faults;
    int64_t phase;

    if (faults->stall_every <= 0)
        return false;
    phase = (now_us - mount->first_play_us) % sim_seconds_us(faults->stall_every);
    return phase > sim_seconds_us(faults->stall_every - faults->stall_for);
}

/* nokey: after a key frame no other one for a while. */
static bool is_withheld(struct sim_mount *mount, const struct sim_frame *frame, int64_t now_us)
{
    if (!frame->key || mount->faults.no_key_for <= 0)
        return false;
    if (mount->last_key_us &&
        now_us - mount->last_key_us < sim_seconds_us(mount->faults.no_key_for))
        return true;
    mount->last_key_us = now_us;
    return false;
}

static void emit(struct sim_mount *mount, const struct sim_frame *frame, int64_t now_us)
{
    const struct sim_file *file = sim_mount_file(mount);
    const int rate = file->tracks[frame->track].rate;
    uint32_t ts = sim_mount_timestamp(mount, frame->track, mount->loop_us, frame->ts);

    if (mount->faults.jitter_ms > 0) {
        const double part = (double)((int)(sim_random() % 2001) - 1000) / 1000.0;

        ts += (uint32_t)(int32_t)(part * mount->faults.jitter_ms * rate / 1000);
    }
    if (file->tracks[frame->track].video)
        mount->frame_number++;
    for (struct sim_client *client = mount->clients; client; client = client->next)
        send_frame(client, file, frame, ts, now_us);
}

int64_t sim_mount_run(struct sim_mount *mount, int64_t now_us)
{
    for (;;) {
        const struct sim_file *file = sim_mount_file(mount);
        const struct sim_frame *frame;
        int64_t due;

        if (mount->next_frame >= file->frame_count) {
            mount->loop_us += file->period_us;
            mount->loop++;
            mount->next_frame = 0;
            continue;
        }
        frame = &file->frames[mount->next_frame];
        due = mount->t0_us + mount->loop_us + frame->due_us;
        if (due > now_us)
            return due;
        mount->next_frame++;
        if (now_us - due > CATCH_UP_US)
            continue;
        jump(mount, now_us);
        if (!is_stalled(mount, now_us) && !is_withheld(mount, frame, now_us))
            emit(mount, frame, now_us);
    }
}

void sim_mount_play(struct sim_mount *mount, struct sim_client *client, int64_t now_us)
{
    if (!client->playing) {
        client->next = mount->clients;
        mount->clients = client;
    }
    if (!mount->first_play_us)
        mount->first_play_us = now_us;
    client->playing = true;
    client->play_us = now_us;
    mount->last_key_us = 0;
    mount->stats.plays++;
    for (int i = 0; i < SIM_TRACKS_MAX; i++)
        client->transports[i].last_report_us = now_us; /* the first one after an interval */
}

void sim_mount_stop(struct sim_client *client)
{
    struct sim_client **link;

    if (!client->playing)
        return;
    for (link = &client->mount->clients; *link; link = &(*link)->next) {
        if (*link == client) {
            *link = client->next;
            break;
        }
    }
    client->playing = false;
}
