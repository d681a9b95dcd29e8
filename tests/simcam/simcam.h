/* simcam.h — simulated IP cameras: an RTSP and HTTP server that loops pre-encoded files.
 *
 * Each distinct file is demuxed and packetised to RTP once, at start; sending a frame is a copy,
 * a header patch and one send(), so dozens of streams cost a few percent of one core.
 * Faults are injected per mount (options.c). For tests, benches and the demo: not a hardened
 * server; it ends with a message when it is out of memory.
 *
 * Threads: one, with one epoll loop. */
#ifndef SIMCAM_H
#define SIMCAM_H

#include <libavcodec/codec_id.h>
#include <libavcodec/codec_par.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define SIM_TRACKS_MAX 2
#define SIM_PARAMETER_SETS_MAX 16
#define SIM_MTU 1400           /* RTP payload bytes per packet */
#define SIM_PACKET_HEADER 16   /* '$', channel, length, and 12 bytes of RTP header */
#define SIM_PACKET_MAX 8192    /* audio packets are not split */
#define SIM_OUT_CAP (4U << 20) /* per client; what does not fit is dropped, as cameras do */
#define SIM_REQUEST_MAX 8192
#define SIM_STAMP_TEXT 24 /* hex digits in a stamp: 16 of wall µs, 8 of frame number */

/* ---- media.c, packetise.c, sdp.c ---- */

struct sim_frame {
    int64_t due_us; /* decode time from the start of the file */
    int64_t ts;     /* presentation time in the track's rate */
    size_t offset, length;
    int packets;
    uint8_t track;
    bool key;
};

struct sim_parameter_set {
    uint8_t *data;
    size_t len;
};

struct sim_track {
    enum AVCodecID codec;
    bool video;
    int rate, channels, payload_type, nal_length_size;
    struct sim_parameter_set sets[SIM_PARAMETER_SETS_MAX];
    int set_count;
    char sdp[2048];
    char sdp_bare[512];   /* without parameter sets */
    uint8_t pending[320]; /* G.711 is cut anew into 40 ms */
    size_t pending_len;
    int64_t pending_ts;
};

struct sim_file {
    char *name;
    struct sim_track tracks[SIM_TRACKS_MAX];
    int track_count;
    struct sim_frame *frames;
    int frame_count, frame_cap;
    uint8_t *bytes;
    size_t len, cap;
    int64_t period_us;
};

/* Loaded once per name and kept to the end. NULL: not usable (logged). */
struct sim_file *sim_file_load(const char *name);
void sim_files_free(void);
struct sim_frame *sim_file_add_frame(struct sim_file *file, int track, int64_t due_us, int64_t ts,
                                     bool key);
void sim_packetise_video(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                         size_t len);
void sim_packetise_jpeg(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                        size_t len);
void sim_packetise_aac(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                       size_t len);
void sim_packetise_raw(struct sim_file *file, struct sim_frame *frame, const uint8_t *data,
                       size_t len);
/* Fills track->sdp and sdp_bare. */
void sim_track_describe(struct sim_track *track, int index, const struct AVCodecParameters *par);

/* ---- mount.c ---- */

struct sim_client;
struct sim_server;

/* Seconds unless the name says otherwise; 0: off. See sim_option_set(). */
struct sim_faults {
    double drop_after, drop_for;
    double stall_every, stall_for;
    double jump_every, jump_by;
    int jump_count;
    double jitter_ms, loss_percent, skew_ppm;
    double garbage_after, garbage_for;
    double raw_garbage_after;
    double no_key_for;
    double session_timeout;
    double slow_bytes;
    bool no_parameter_sets, no_audio, no_video, start_anywhere, bad_sdp;
    bool refuse, silent, no_tcp, no_udp, zero_size;
    char redirect[256]; /* "loop": to itself */
};

enum sim_auth {
    SIM_AUTH_DIGEST = 1,
    SIM_AUTH_BASIC = 2,
};

struct sim_stats {
    unsigned long frames, packets, bytes, dropped;
    unsigned long describes, plays, challenges, auth_failures, not_found;
};

struct sim_mount {
    char *path;
    char *auth; /* user:password */
    unsigned auth_types;
    struct sim_file *source[2]; /* the second one: every other loop */
    struct sim_faults faults;
    bool stamp;
    double report_every; /* RTCP sender reports */
    int64_t t0_us;       /* monotonic time of the beginning */
    int64_t loop_us;     /* media time at which the current loop began */
    int next_frame, loop;
    int64_t first_play_us, down_until_us, next_jump_us, jump_us, last_key_us;
    uint32_t ts_base[SIM_TRACKS_MAX];
    uint32_t frame_number;
    struct sim_client *clients; /* those that play */
    struct sim_stats stats;
};

struct sim_file *sim_mount_file(const struct sim_mount *mount);
/* Sends everything due; the monotonic time of the next frame. */
int64_t sim_mount_run(struct sim_mount *mount, int64_t now_us);
uint32_t sim_mount_timestamp(const struct sim_mount *mount, int track, int64_t extra_us,
                             int64_t ts);
void sim_mount_play(struct sim_mount *mount, struct sim_client *client, int64_t now_us);
void sim_mount_stop(struct sim_client *client);

/* ---- options.c ---- */

/* "PATH FILE [OPTION...]", PATH may hold {A-B}. 0 or -EINVAL (logged). */
NVR_CHECK int sim_options_add_line(struct sim_server *server, const char *line);
/* "name" or "name=value". 0 or -EINVAL (logged). Also at run time (http.c). */
NVR_CHECK int sim_option_set(struct sim_mount *mount, const char *option);

/* ---- client.c ---- */

struct sim_transport {
    bool on, udp;
    uint8_t channel;
    int rtp_fd, rtcp_fd;
    struct sockaddr_in rtp, rtcp;
    uint16_t sequence;
    uint32_t ssrc, packets, bytes;
    int64_t last_report_us;
};

struct sim_client {
    struct sim_server *server;
    struct sim_mount *mount;
    struct sim_client *next; /* in the mount's list */
    int fd;
    char in[SIM_REQUEST_MAX];
    size_t in_len;
    uint8_t *out;
    size_t out_len;
    bool http, want_out, playing, dead, mute, seen_key;
    double rate;      /* bytes/s, 0: as fast as the peer reads */
    double allowance; /* bytes that may go now */
    int64_t last_flush_us, play_us, last_request_us;
    uint32_t session;
    char nonce[17];
    struct sim_transport transports[SIM_TRACKS_MAX];
    int body_fd; /* HTTP: file being sent */
    int64_t body_left;
    bool endless; /* HTTP: random bytes for ever */
};

struct sim_server {
    struct sim_mount **mounts;
    int mount_count;
    struct sim_client **clients;
    int client_count;
    int epoll_fd, rtsp_fd, http_fd;
    const char *folder; /* HTTP: static files */
    bool refuse, silent;
    unsigned long connections;
};

void sim_client_accept(struct sim_server *server, bool http);
void sim_client_free(struct sim_server *server, int index);
void sim_client_put(struct sim_client *client, const void *data, size_t len);
void sim_client_flush(struct sim_client *client);
/* Reads and answers requests. */
void sim_client_read(struct sim_client *client);

/* ---- rtsp.c, auth.c, http.c ---- */

/* Header's value into dst; false: none. request ends with NUL. */
bool sim_request_header(const char *request, const char *name, char *dst, size_t size);
void sim_rtsp_handle(struct sim_client *client, char *request);
bool sim_auth_check(struct sim_client *client, struct sim_mount *mount, const char *request,
                    const char *method);
/* The WWW-Authenticate headers for a 401. */
void sim_auth_challenge(const struct sim_client *client, const struct sim_mount *mount, char *dst,
                        size_t size);
void sim_http_handle(struct sim_client *client, char *request);
/* More of the body into the output buffer. */
void sim_http_fill(struct sim_client *client);
struct sim_mount *sim_server_find(struct sim_server *server, const char *path, size_t len);

/* ---- util.c ---- */

void sim_set_verbose(int level);
void sim_log(int level, const char *fmt, ...) NVR_PRINTF(2, 3);
/* calloc()/realloc()/strdup() that end the program when there is no memory. */
void *sim_calloc(size_t count, size_t size);
void *sim_realloc(void *p, size_t size);
char *sim_strdup(const char *s);
uint32_t sim_random(void);
int64_t sim_seconds_us(double seconds);
void sim_put16(uint8_t *p, uint32_t value);
void sim_put32(uint8_t *p, uint32_t value);
uint32_t sim_get16(const uint8_t *p);

#endif
