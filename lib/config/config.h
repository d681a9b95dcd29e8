/* config.h — config.yaml: text ↔ checked structs, changed in place.
 *
 * The text is the source of truth. A change splices only the bytes of the changed value (libyaml's
 * source spans), is parsed again and validated before it replaces anything: comments, order and
 * unknown keys stay. One JSON Schema (schema.json, built in) drives validation, defaults and
 * documentation. */
#ifndef NVR_CONFIG_CONFIG_H
#define NVR_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/base/url.h"
#include "lib/config/schedule.h"

#define NVR_CONFIG_SIZE_MAX 4194304
#define NVR_CONFIG_CAMERAS_MAX 512
#define NVR_CONFIG_FALLBACKS_MAX 8
#define NVR_CONFIG_ERRORS_MAX 64
#define NVR_CONFIG_NAME_SIZE 129
#define NVR_CONFIG_VERSIONS_KEPT 20

enum nvr_transport { NVR_TRANSPORT_TCP, NVR_TRANSPORT_UDP, NVR_TRANSPORT_HTTP };
/* What mode says; with NVR_RECORDING_SCHEDULED the schedule tells what holds when. */
enum nvr_recording_mode {
    NVR_RECORDING_CONTINUOUS,
    NVR_RECORDING_MOTION,
    NVR_RECORDING_EVENTS,
    NVR_RECORDING_SCHEDULED,
};
enum nvr_auth_type { NVR_AUTH_AUTO, NVR_AUTH_BASIC, NVR_AUTH_DIGEST, NVR_AUTH_NONE };

/* One camera, defaults filled in; secrets decrypted. Plain data. */
struct nvr_camera_config {
    char id[NVR_SLUG_SIZE];
    char name[NVR_CONFIG_NAME_SIZE];
    bool enabled;
    struct {
        char url[NVR_URL_MAX];     /* without credentials */
        char sub_url[NVR_URL_MAX]; /* "" : none */
        char fallback_urls[NVR_CONFIG_FALLBACKS_MAX][NVR_URL_MAX];
        size_t fallback_count;
        char username[256];
        char password[256]; /* plain */
        enum nvr_auth_type auth_type;
        enum nvr_transport transport;
    } stream;
    struct {
        bool enabled;
        bool audio;
        unsigned segment_seconds;
        enum nvr_recording_mode mode;
        struct nvr_schedule schedule;
        unsigned pre_buffer_seconds, post_buffer_seconds;
        unsigned flush_seconds; /* 0: files are made durable only when they are closed */
        unsigned default_days;  /* 0: as in nvr_system_config */
        unsigned events_days;
    } recording;
    unsigned timeout_seconds;
};

struct nvr_system_config {
    char name[NVR_CONFIG_NAME_SIZE];
    char timezone[64];
    char storage_path[1024]; /* "" : default */
    double max_storage_gb;   /* 10^9 bytes; 0: no cap */
    double min_free_gb;      /* 10^9 bytes */
    unsigned default_days;   /* storage.retention.default_days */
    unsigned thumbnail_interval_seconds;
    char host[256];
    int port;
    char log_level[8];
    char log_format[8];
};

/* An S3-compatible object store; the secret decrypted. Plain data. */
struct nvr_s3_config {
    bool enabled;
    char endpoint[512]; /* http[s]://host[:port] */
    char region[64];
    char bucket[64];
    char prefix[201];
    char access_key[256];
    char secret_key[256]; /* plain */
    bool path_style;
};

enum nvr_place { NVR_PLACE_NONE, NVR_PLACE_FOLDER, NVR_PLACE_S3 };
/* storage: where older recordings go. */
struct nvr_storage_config {
    double hot_days; /* older ones leave the recordings folder; < 0: none do */
    struct nvr_tier_place {
        enum nvr_place place;
        double days;       /* of age; older ones leave; < 0: none do */
        char folder[1024]; /* absolute; "" unless place is a folder */
    } warm, cold;
    struct nvr_s3_config s3;
    double move_mb_per_second;  /* 10^6 bytes; 0: no bound */
    double cache_gb;            /* 10^9 bytes */
    double scrub_mb_per_second; /* 10^6 bytes; 0: off */
    double scrub_after_hours;
};

/* One finding, with its place. line/column from 1; 0: no place (came by API). */
struct nvr_config_error {
    char field[160];   /* "cameras[2].stream.url" or, for one camera, "stream.url" */
    char message[240]; /* "expected an integer from 2 to 60, got \"ten\"" */
    unsigned line, column;
};
struct nvr_config_errors {
    struct nvr_config_error items[NVR_CONFIG_ERRORS_MAX];
    size_t count;
};

struct nvr_config; /* immutable once loaded, but for the functions below */

/* Secret key for "encrypted:…" values (XChaCha20-Poly1305, libsodium): from $NVR_SECRET_KEY or the
 * file (created 0600 when missing). Zeroed on free. */

struct nvr_config_key;
NVR_CHECK int nvr_config_key_open(const char *path, struct nvr_config_key **ret_key);
void nvr_config_key_free(struct nvr_config_key *key);
NVR_DEFINE_AUTO(nvr_config_key, nvr_config_key_free);
/* "encrypted:<base64>" of plain. dst_size ≥ 4/3 len + 80. */
NVR_CHECK int nvr_config_encrypt(const struct nvr_config_key *key, const char *plain, char *dst,
                                 size_t dst_size);
/* 0, -EBADMSG (wrong key or damaged), -EMSGSIZE. Text without the prefix is copied. */
NVR_CHECK int nvr_config_decrypt(const struct nvr_config_key *key, const char *text, char *dst,
                                 size_t dst_size);

/* Text → config. 0; -EINVAL with errors filled (never partially loaded); -ENOMEM. key is borrowed.
 */
NVR_CHECK int nvr_config_parse(const char *text, size_t len, const struct nvr_config_key *key,
                               struct nvr_config **ret_config, struct nvr_config_errors *errors);
void nvr_config_free(struct nvr_config *config);
NVR_DEFINE_AUTO(nvr_config, nvr_config_free);

const char *nvr_config_get_text(const struct nvr_config *config, size_t *ret_len); /* borrowed */
const struct nvr_system_config *nvr_config_get_system(const struct nvr_config *config);
const struct nvr_storage_config *nvr_config_get_storage(const struct nvr_config *config);
/* The places of warm and cold against the folders that are Heron's own: none may be one of them, or
 * lie in one, or hold one. 0, or -EINVAL with errors as nvr_config_parse() gives them. */
NVR_CHECK int nvr_config_check_places(const struct nvr_config *config, const char *recordings_dir,
                                      const char *data_dir, struct nvr_config_errors *errors);
size_t nvr_config_get_camera_count(const struct nvr_config *config);
const struct nvr_camera_config *nvr_config_get_camera(const struct nvr_config *config, size_t i);
const struct nvr_camera_config *nvr_config_find_camera(const struct nvr_config *config,
                                                       const char *id); /* NULL: none */
/* The camera's whole config entry as JSON (unknown keys too), defaults filled in, secrets left out,
 * "has_password" added. New reference; NULL: no such camera or out of memory. */
json_t *nvr_config_camera_to_json(const struct nvr_config *config, const char *id);

/* Each makes a NEW config (old one untouched) or fails with errors whose fields are relative to the
 * camera ("stream.url"). body: the camera's entry as JSON; password plain, absent = keep (on
 * put/patch), null or "" = none; stored encrypted. URLs with credentials are split. 0, -EINVAL
 * (errors), -EEXIST (id taken; errors too), -ENOENT, -ENOSPC (too many cameras), -ENOMEM. */
NVR_CHECK int nvr_config_camera_add(const struct nvr_config *config,
                                    const struct nvr_config_key *key, const json_t *body,
                                    struct nvr_config **ret_config, char ret_id[NVR_SLUG_SIZE],
                                    struct nvr_config_errors *errors);
NVR_CHECK int nvr_config_camera_put(const struct nvr_config *config,
                                    const struct nvr_config_key *key, const char *id,
                                    const json_t *body, struct nvr_config **ret_config,
                                    struct nvr_config_errors *errors);
NVR_CHECK int nvr_config_camera_patch(const struct nvr_config *config,
                                      const struct nvr_config_key *key, const char *id,
                                      const json_t *patch, struct nvr_config **ret_config,
                                      struct nvr_config_errors *errors);
NVR_CHECK int nvr_config_camera_remove(const struct nvr_config *config,
                                       const struct nvr_config_key *key, const char *id,
                                       struct nvr_config **ret_config);
/* A top section ("storage", "system", "preferences") as it is in force: defaults filled in, secrets
 * left out, "has_<secret>" in their place. New reference; NULL: no such section, or out of memory.
 */
json_t *nvr_config_section_to_json(const struct nvr_config *config, const char *section);
/* RFC 7396 into a section, as nvr_config_camera_patch(). Secrets: plain, absent = keep, null or ""
 * = none. Fields of errors are relative to the section where they lie in it. -ENOENT: no such
 * section. */
NVR_CHECK int nvr_config_section_patch(const struct nvr_config *config,
                                       const struct nvr_config_key *key, const char *section,
                                       const json_t *patch, struct nvr_config **ret_config,
                                       struct nvr_config_errors *errors);
/* Fields inside the section lose its name; no places. */
void nvr_config_errors_relative(struct nvr_config_errors *errors, const char *section);
/* True when the worker of this camera must begin anew. When to record, for how long after and how
 * long it is kept is the core's business alone; name, group, tags are nobody's. */
bool nvr_camera_config_needs_restart(const struct nvr_camera_config *a,
                                     const struct nvr_camera_config *b);

/* Atomic write of the text to path; the text before goes to versions_dir (last 20 kept). */
NVR_CHECK int nvr_config_save(const struct nvr_config *config, const char *path,
                              const char *versions_dir);
/* The built-in JSON Schema text. */
const char *nvr_config_schema(void);

#endif
