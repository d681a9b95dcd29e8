#include "src/camera/trouble.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/macros.h"

static const struct {
    const char *name;
    const char *words;
    bool needs_person;
} table[] = {
    [NVR_TROUBLE_NONE] = {NULL, "", false},
    [NVR_TROUBLE_UNREACHABLE] =
        {"unreachable", "The camera cannot be reached: is it switched on and is its address right?",
         false},
    [NVR_TROUBLE_REFUSED] = {"refused",
                             "The device answers, but nothing listens on this port: check the port "
                             "and that the stream is switched on in the camera.",
                             false},
    [NVR_TROUBLE_TIMEOUT] = {"timeout", "The camera does not answer in time.", false},
    [NVR_TROUBLE_BAD_CREDENTIALS] = {"bad_credentials",
                                     "The camera refuses the user name or password.", true},
    [NVR_TROUBLE_NOT_FOUND] = {"not_found",
                               "The camera has no stream at this path: check the part of the "
                               "address behind the host name.",
                               true},
    [NVR_TROUBLE_UNSUPPORTED] = {"unsupported",
                                 "The camera sends a kind of stream that is not supported.", true},
    [NVR_TROUBLE_PROTOCOL] = {"protocol", "The camera's answers cannot be understood.", true},
    [NVR_TROUBLE_ENDED] = {"ended", "The camera ended the connection.", false},
    [NVR_TROUBLE_NO_VIDEO] = {"no_video", "The stream has no video.", true},
    [NVR_TROUBLE_DISK] = {"disk", "The recording cannot be written.", true},
};

const char *nvr_trouble_name(enum nvr_trouble_code code)
{
    return table[code].name;
}

enum nvr_trouble_code nvr_trouble_from_name(const char *name)
{
    for (size_t i = 1; i < NVR_ARRAY_SIZE(table); i++)
        if (name && strcmp(table[i].name, name) == 0)
            return (enum nvr_trouble_code)i;
    return NVR_TROUBLE_PROTOCOL;
}

const char *nvr_trouble_words(enum nvr_trouble_code code)
{
    return table[code].words;
}

bool nvr_trouble_needs_person(enum nvr_trouble_code code)
{
    return table[code].needs_person;
}

bool nvr_trouble_is_vague(enum nvr_trouble_code code)
{
    return code != NVR_TROUBLE_BAD_CREDENTIALS && code != NVR_TROUBLE_NOT_FOUND;
}

void nvr_trouble_set(struct nvr_trouble *trouble, enum nvr_trouble_code code, const char *text)
{
    trouble->code = code;
    trouble->other_transport = false;
    trouble->is_final = false;
    (void)snprintf(trouble->text, sizeof(trouble->text), "%s",
                   text && *text ? text : table[code].words);
}

void nvr_trouble_set_lockout(struct nvr_trouble *trouble, int64_t until_ms)
{
    const struct nvr_utc t = nvr_utc_from_ms(until_ms);

    trouble->code = NVR_TROUBLE_BAD_CREDENTIALS;
    trouble->other_transport = false;
    trouble->is_final = false;
    (void)snprintf(trouble->text, sizeof(trouble->text),
                   "The camera refuses the user name or password. To keep it from locking the "
                   "account, no further attempt is made until %02d:%02d UTC. A changed password "
                   "or \"restart\" tries at once.",
                   t.hour, t.minute);
}

void nvr_trouble_disk_words(int error, char *dst, size_t dst_size)
{
    const char *what = nvr_strerror(error);

    if (error == -ENOSPC || error == -EDQUOT)
        what = "the disk is full";
    else if (error == -EROFS)
        what = "the disk is read-only";
    else if (error == -EIO)
        what = "the disk reports an error";
    else if (error == -EACCES || error == -EPERM)
        what = "no permission to write into the recordings folder";
    else if (error == -ENOENT)
        what = "the recordings folder is gone";
    else if (error == -ETIMEDOUT)
        what = "the disk does not answer";
    (void)nvr_fmt(dst, dst_size,
                  "Recording is interrupted: %s. Live view goes on; recording resumes by itself "
                  "when writing works again.",
                  what);
}
