/* The key that signs what is recorded: <data>/evidence.key. */
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/store/evidence.h"
#include "src/supervisor/private.h"

NVR_LOG_TOPIC("evidence");

#define KEY_FILE "evidence.key"

void evidence_key_open(struct nvr_supervisor *sv)
{
    char path[PATH_MAX];
    int r = nvr_path_join(path, sizeof(path), sv->data_dir, KEY_FILE);

    if (r == 0)
        r = nvr_signing_key_open(path, &sv->signing_key);
    if (r == 0)
        r = nvr_store_set_key(sv->store, sv->signing_key);
    if (r == 0)
        return;
    /* A recording that is not signed is better than none. */
    nvr_supervisor_warning_set(sv, "evidence_key",
                               "What is recorded is not signed, since the key %s cannot be used: "
                               "%s",
                               path, r == -EBADMSG ? "it holds something else" : nvr_strerror(r));
}

static int checkpoint(struct nvr_db *db, void *arg)
{
    const int r = nvr_evidence_checkpoint_all(db, nvr_clock_wall_ms());

    (void)arg;
    return r < 0 ? r : 0;
}

void evidence_key_stop(struct nvr_supervisor *sv)
{
    const int r = nvr_store_write(sv->store, checkpoint, NULL, NULL);

    if (r < 0)
        (void)log_debug_err(r, "last checkpoint");
}
