/* export_spec.h — what an export shall hold: the body of POST exports, checked (pure). */
#ifndef NVR_STORAGE_EXPORT_SPEC_H
#define NVR_STORAGE_EXPORT_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/base/json.h"
#include "lib/base/macros.h"
#include "lib/base/zone.h"
#include "lib/config/config.h"

#define NVR_EXPORT_ITEMS_MAX 64
#define NVR_EXPORT_SPAN_MAX_MS (INT64_C(366) * 24 * 3600 * 1000)
#define NVR_EXPORT_AHEAD_MS 60000 /* a client's clock may be ahead of ours */
#define NVR_EXPORT_SPEED_MIN 2
#define NVR_EXPORT_SPEED_MAX 3600
#define NVR_EXPORT_NAME_MAX 200 /* bytes of a name, and of a file's name without ".mp4" */
#define NVR_EXPORT_EXPIRES_DEFAULT_DAYS 7
#define NVR_EXPORT_EXPIRES_MAX_DAYS 3650
#define NVR_EXPORT_FILE_NAME_SIZE (NVR_EXPORT_NAME_MAX + 24)

struct nvr_export_item {
    char camera[NVR_SLUG_SIZE];
    int64_t start_ms, end_ms;
};

struct nvr_export_spec {
    char name[NVR_EXPORT_NAME_MAX + 1]; /* "": named after its items */
    struct nvr_export_item items[NVR_EXPORT_ITEMS_MAX];
    size_t items_count;
    bool combine, audio, timestamps, proof;
    int64_t speed; /* time-lapse; 0: none */
    int64_t expires_days;
};

/* Whole recorded files stand in what comes out: only then there is a proof. */
bool nvr_export_spec_is_verbatim(const struct nvr_export_spec *spec);

/* 0, -EINVAL (errors, by field). config: for the cameras; NULL: what was checked once already. */
NVR_CHECK int nvr_export_spec_parse(const json_t *body, const struct nvr_config *config,
                                    int64_t now_ms, struct nvr_export_spec *ret_spec,
                                    struct nvr_config_errors *errors);
/* The same as JSON, defaults filled in. NULL: out of memory. */
json_t *nvr_export_spec_to_json(const struct nvr_export_spec *spec);

/* "front-door 2026-01-02 03.04.05 – 03.14.05" in zone's time (NULL: UTC). */
void nvr_export_item_name(const struct nvr_export_item *item, const struct nvr_zone *zone,
                          char dst[NVR_EXPORT_FILE_NAME_SIZE]);
/* The file that begins with item; part: 1, 2 … of those with the same name. Only characters that
 * every file system takes. */
void nvr_export_file_name(const struct nvr_export_spec *spec, size_t item, unsigned part,
                          const struct nvr_zone *zone, char dst[NVR_EXPORT_FILE_NAME_SIZE]);

#endif
