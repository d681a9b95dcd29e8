/* fragment.h — the pieces of a moof, shared by those who read fragments (private to lib/media). */
#ifndef NVR_MEDIA_FRAGMENT_H
#define NVR_MEDIA_FRAGMENT_H

#include "lib/media/box.h"
#include "lib/media/fmp4.h"

#define MOOF BOX_TYPE('m', 'o', 'o', 'f')
#define MDAT BOX_TYPE('m', 'd', 'a', 't')
#define TRAF BOX_TYPE('t', 'r', 'a', 'f')
#define TFHD BOX_TYPE('t', 'f', 'h', 'd')
#define TFDT BOX_TYPE('t', 'f', 'd', 't')
#define TRUN BOX_TYPE('t', 'r', 'u', 'n')

#define MOOF_MAX (1u << 20)
#define BEFORE_MAX 16 /* boxes before the moof */
#define NON_SYNC 0x00010000u

enum tfhd_flags {
    TFHD_BASE_OFFSET = 0x000001,
    TFHD_DESCRIPTION = 0x000002,
    TFHD_DURATION = 0x000008,
    TFHD_SIZE = 0x000010,
    TFHD_FLAGS = 0x000020,
};

enum trun_flags {
    TRUN_OFFSET = 0x000001,
    TRUN_FIRST_FLAGS = 0x000004,
    TRUN_DURATION = 0x000100,
    TRUN_SIZE = 0x000200,
    TRUN_FLAGS = 0x000400,
    TRUN_CTS = 0x000800,
};

struct fragment_traf {
    uint32_t track_id;
    uint32_t duration, size, flags; /* defaults */
    bool has_base;                  /* offsets count from somewhere else than the moof */
    bool has_first;
    bool first_is_sync;
    uint64_t samples;
    uint64_t total_duration;
    uint64_t total_size;
};

bool fragment_full_box(struct region *box, uint8_t *ret_version, uint32_t *ret_flags);
bool fragment_parse_tfhd(struct region box, struct fragment_traf *traf);
bool fragment_parse_tfdt(struct region box, uint64_t *ret_time);
/* Index in init, -1: none. */
int fragment_find_track(const struct nvr_fmp4_init *init, uint32_t track_id);
/* The moof at *pos, behind boxes that may come before it; sets what bytes are missing. */
int fragment_find_moof(const uint8_t *data, size_t size, size_t *pos, struct box *ret_box,
                       size_t *ret_needed);

#endif
