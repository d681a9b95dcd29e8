/* The section `storage`: JSON → struct, and what its parts must be to each other. */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/config/internal.h"

#define TIERS "storage.retention.tiers"

static double number_or(const json_t *object, const char *key, double missing)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : missing;
}

static void read_place(const json_t *tier, struct nvr_tier_place *place)
{
    const char *location = nvr_config_text(tier, "location");
    size_t len = strlen(location);

    place->days = number_or(tier, "duration_days", -1);
    if (strcmp(location, "s3") == 0) {
        place->place = NVR_PLACE_S3;
    } else if (location[0] == '/') {
        place->place = NVR_PLACE_FOLDER;
        while (len > 1 && location[len - 1] == '/')
            len--;
        /* The schema bounds the length. */
        (void)!nvr_str_copy(place->folder, sizeof(place->folder), (struct nvr_str){location, len});
    }
}

static int read_s3(const json_t *json, const struct nvr_config_key *key, struct nvr_s3_config *s3,
                   struct nvr_config_errors *errors)
{
    const char *secret = nvr_config_text(json, "secret_key");
    size_t len;
    int r;

    s3->enabled = json_is_true(json_object_get(json, "enabled"));
    s3->path_style = json_is_true(json_object_get(json, "path_style"));
    nvr_config_copy(s3->endpoint, sizeof(s3->endpoint), nvr_config_text(json, "endpoint"));
    for (len = strlen(s3->endpoint); len > 0 && s3->endpoint[len - 1] == '/'; len--)
        s3->endpoint[len - 1] = '\0';
    nvr_config_copy(s3->region, sizeof(s3->region), nvr_config_text(json, "region"));
    nvr_config_copy(s3->bucket, sizeof(s3->bucket), nvr_config_text(json, "bucket"));
    nvr_config_copy(s3->prefix, sizeof(s3->prefix), nvr_config_text(json, "prefix"));
    for (len = strlen(s3->prefix); len > 0 && s3->prefix[len - 1] == '/'; len--)
        s3->prefix[len - 1] = '\0';
    nvr_config_copy(s3->access_key, sizeof(s3->access_key), nvr_config_text(json, "access_key"));
    if (!key && strncmp(secret, "encrypted:", 10) == 0)
        return 0;
    r = nvr_config_decrypt(key, secret, s3->secret_key, sizeof(s3->secret_key));
    if (r == -EMSGSIZE)
        nvr_config_error_add(errors, "storage.s3.secret_key", "expected text of at most %zu bytes",
                             sizeof(s3->secret_key) - 1);
    else if (r < 0 && r != -ENOMEM)
        nvr_config_error_add(errors, "storage.s3.secret_key",
                             "expected a value encrypted with this installation's key: write the "
                             "key in plain text again, or bring the installation's key back");
    return r == -ENOMEM ? r : 0;
}

static void check_s3(const json_t *json, const struct nvr_storage_config *storage,
                     struct nvr_config_errors *errors)
{
    static const char *const needed[] = {"endpoint", "bucket", "access_key", "secret_key"};
    const bool wanted = storage->warm.place == NVR_PLACE_S3 || storage->cold.place == NVR_PLACE_S3;
    char field[64];

    if (wanted && !storage->s3.enabled)
        nvr_config_error_add(errors, "storage.s3.enabled",
                             "expected true: the location of a tier is s3");
    if (!wanted && !storage->s3.enabled)
        return;
    for (size_t i = 0; i < NVR_ARRAY_SIZE(needed); i++) {
        if (nvr_config_text(json, needed[i])[0] != '\0')
            continue;
        (void)nvr_fmt(field, sizeof(field), "storage.s3.%s", needed[i]);
        nvr_config_error_add(errors, field, "is missing: S3 is switched on");
    }
}

/* Each tier that is used has a beginning, and they follow each other. */
static void check_days(const struct nvr_storage_config *storage, struct nvr_config_errors *errors)
{
    const bool warm = storage->warm.place != NVR_PLACE_NONE;
    const bool cold = storage->cold.place != NVR_PLACE_NONE;

    if ((warm || cold) && storage->hot_days < 0)
        nvr_config_error_add(errors, TIERS ".hot.duration_days",
                             "is missing: after how many days do recordings go on to %s?",
                             warm ? "warm" : "cold");
    if (warm && cold && storage->warm.days < 0)
        nvr_config_error_add(errors, TIERS ".warm.duration_days",
                             "is missing: after how many days do recordings go on to cold?");
    if (warm && storage->warm.days >= 0 && storage->warm.days <= storage->hot_days)
        nvr_config_error_add(errors, TIERS ".warm.duration_days",
                             "expected more than the %g days of hot (days are counted from the "
                             "recording), got %g",
                             storage->hot_days, storage->warm.days);
    if (cold && storage->cold.days >= 0) {
        const double before = warm ? storage->warm.days : storage->hot_days;

        if (storage->cold.days <= before)
            nvr_config_error_add(errors, TIERS ".cold.duration_days",
                                 "expected more than the %g days of %s (days are counted from the "
                                 "recording), got %g",
                                 before, warm ? "warm" : "hot", storage->cold.days);
    }
    if (storage->warm.place == NVR_PLACE_S3 && storage->cold.place == NVR_PLACE_S3)
        nvr_config_error_add(errors, TIERS ".cold.location",
                             "expected another place than that of warm");
}

static bool lies_in(const char *path, const char *folder)
{
    const size_t len = strlen(folder);

    if (strcmp(folder, "/") == 0)
        return true;
    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static void check_folder(const struct nvr_tier_place *place, const char *field,
                         struct nvr_config_errors *errors)
{
    if (place->place != NVR_PLACE_FOLDER)
        return;
    if (strcmp(place->folder, "/") == 0)
        nvr_config_error_add(errors, field, "expected a folder for recordings, got \"/\"");
    else if (strstr(place->folder, "//") || strstr(place->folder, "/./") ||
             strstr(place->folder, "/../") ||
             (strlen(place->folder) > 2 &&
              strcmp(place->folder + strlen(place->folder) - 3, "/..") == 0))
        nvr_config_error_add(errors, field, "expected a path without //, . and ..");
}

int nvr_storage_read(struct nvr_config *config, const struct nvr_config_key *key,
                     struct nvr_config_errors *errors)
{
    const json_t *schema = nvr_schema_property(config->schema, "storage");
    const json_t *written = json_object_get(config->json, "storage");
    NVR_AUTO_JSON json = json_is_object(written) ? json_deep_copy(written) : json_object();
    struct nvr_storage_config *storage = &config->storage;
    const json_t *tiers;
    int r;

    if (!json || nvr_schema_fill(json, schema) < 0)
        return -ENOMEM;
    tiers = json_object_get(json_object_get(json, "retention"), "tiers");
    storage->hot_days = number_or(json_object_get(tiers, "hot"), "duration_days", -1);
    read_place(json_object_get(tiers, "warm"), &storage->warm);
    read_place(json_object_get(tiers, "cold"), &storage->cold);
    storage->move_mb_per_second = number_or(json, "move_mb_per_second", 0);
    storage->cache_gb = number_or(json, "cache_gb", 2);
    storage->scrub_mb_per_second = number_or(json, "scrub_mb_per_second", 4);
    storage->scrub_after_hours = number_or(json, "scrub_after_hours", 24);
    r = read_s3(json_object_get(json, "s3"), key, &storage->s3, errors);
    if (r < 0)
        return r;
    check_folder(&storage->warm, TIERS ".warm.location", errors);
    check_folder(&storage->cold, TIERS ".cold.location", errors);
    check_days(storage, errors);
    check_s3(json_object_get(json, "s3"), storage, errors);
    if (errors->count == 0)
        (void)!nvr_config_check_places(config, "", "", errors);
    return 0;
}

/* The place that a path means, symbolic links followed as far as it exists. */
static void resolve(const char *path, char dst[PATH_MAX])
{
    NVR_AUTO_FREE char *real = realpath(path, NULL);

    if (!real || nvr_str_copy(dst, PATH_MAX, nvr_str_from(real)) < 0)
        (void)!nvr_str_copy(dst, PATH_MAX, nvr_str_from(path));
}

static void check_apart(const char *field, const char *folder, const char *other_folder,
                        const char *other, struct nvr_config_errors *errors)
{
    char a[PATH_MAX], b[PATH_MAX];

    if (folder[0] == '\0' || other_folder[0] == '\0')
        return;
    resolve(folder, a);
    resolve(other_folder, b);
    if (strcmp(a, b) == 0)
        nvr_config_error_add(errors, field, "expected another folder: this is %s", other);
    else if (lies_in(a, b))
        nvr_config_error_add(errors, field, "expected a folder outside of %s (\"%.80s\")", other,
                             b);
    else if (lies_in(b, a))
        nvr_config_error_add(errors, field, "expected a folder that does not hold %s (\"%.80s\")",
                             other, b);
}

int nvr_config_check_places(const struct nvr_config *config, const char *recordings_dir,
                            const char *data_dir, struct nvr_config_errors *errors)
{
    const struct nvr_storage_config *storage = &config->storage;
    const struct {
        const char *field;
        const struct nvr_tier_place *place;
    } tiers[] = {{TIERS ".warm.location", &storage->warm},
                 {TIERS ".cold.location", &storage->cold}};
    const size_t before = errors->count;

    for (size_t i = 0; i < NVR_ARRAY_SIZE(tiers); i++) {
        if (tiers[i].place->place != NVR_PLACE_FOLDER)
            continue;
        check_apart(tiers[i].field, tiers[i].place->folder, recordings_dir, "the recordings folder",
                    errors);
        if (errors->count == before)
            check_apart(tiers[i].field, tiers[i].place->folder, data_dir, "the data folder",
                        errors);
    }
    if (storage->warm.place == NVR_PLACE_FOLDER && storage->cold.place == NVR_PLACE_FOLDER)
        check_apart(TIERS ".cold.location", storage->cold.folder, storage->warm.folder,
                    "the folder of warm", errors);
    nvr_config_place_errors(config, errors);
    return errors->count > before ? -EINVAL : 0;
}
