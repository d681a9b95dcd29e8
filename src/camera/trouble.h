/* trouble.h — why a camera does not deliver, as a code and in words for its owner (pure). */
#ifndef NVR_CAMERA_TROUBLE_H
#define NVR_CAMERA_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVR_TROUBLE_TEXT_SIZE 320

enum nvr_trouble_code {
    NVR_TROUBLE_NONE,
    NVR_TROUBLE_UNREACHABLE,
    NVR_TROUBLE_REFUSED,
    NVR_TROUBLE_TIMEOUT,
    NVR_TROUBLE_BAD_CREDENTIALS,
    NVR_TROUBLE_NOT_FOUND,
    NVR_TROUBLE_UNSUPPORTED,
    NVR_TROUBLE_PROTOCOL,
    NVR_TROUBLE_ENDED,
    NVR_TROUBLE_NO_VIDEO,
    NVR_TROUBLE_DISK,
};

struct nvr_trouble {
    enum nvr_trouble_code code;
    bool other_transport; /* the server wants RTP over the other transport */
    bool is_final;        /* the server was understood: another client gets no further */
    char text[NVR_TROUBLE_TEXT_SIZE];
};

/* "unreachable", "refused" … ; NULL for NVR_TROUBLE_NONE. */
const char *nvr_trouble_name(enum nvr_trouble_code code);
/* NVR_TROUBLE_PROTOCOL for an unknown name. */
enum nvr_trouble_code nvr_trouble_from_name(const char *name);
/* What a user can do about it, when nothing more exact is known. */
const char *nvr_trouble_words(enum nvr_trouble_code code);
/* True when a person has to change something (status "error"); else it may pass by itself
 * ("offline"). */
bool nvr_trouble_needs_person(enum nvr_trouble_code code);
/* True for what libavformat answers to anything odd: the first client's reason is better then. */
bool nvr_trouble_is_vague(enum nvr_trouble_code code);
/* text NULL: the code's own words. Cut when too long. */
void nvr_trouble_set(struct nvr_trouble *trouble, enum nvr_trouble_code code, const char *text);
/* The message of the circuit breaker. */
void nvr_trouble_set_lockout(struct nvr_trouble *trouble, int64_t until_ms);

/* Why nothing can be recorded, for people; error: of a call to the disk. */
void nvr_trouble_disk_words(int error, char *dst, size_t dst_size);

#endif
