#include "src/media/program.h"

#include <libavutil/log.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/log.h"

NVR_LOG_TOPIC("zygote");

#define CONTROL_FD 3

/* libavformat's own words help to find out why a camera is odd; nobody else wants them. */
static void av_line(void *context, int level, const char *format, va_list args)
{
    char line[512];
    int prefix = 1;

    if (level > AV_LOG_ERROR || nvr_log_get_level() > NVR_LOG_DEBUG)
        return;
    (void)av_log_format_line2(context, level, format, args, line, sizeof(line), &prefix);
    nvr_log_redact(line);
    log_debug("libav: %s", line);
}

int nvr_program_run(const char *name, const struct nvr_zygote_role *roles, size_t roles_count)
{
    const char *text = getenv("NVR_LOG_LEVEL"); // NOLINT(concurrency-mt-unsafe): one thread yet
    enum nvr_log_level level;
    int r;

    nvr_log_set_format(NVR_LOG_JSON);
    nvr_log_set_process(name);
    if (text && nvr_log_level_parse(text, &level) == 0)
        nvr_log_set_level(level);
    av_log_set_callback(av_line);
    r = nvr_zygote_serve(CONTROL_FD, roles, roles_count);
    if (r < 0)
        (void)log_err(r, "control socket");
    return r < 0;
}
