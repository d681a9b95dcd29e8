/* macros.h — the few idioms every file of Heron uses.
 * NVR_AUTO frees on every return, NVR_TAKE moves a pointer out of it. */
#ifndef NVR_BASE_MACROS_H
#define NVR_BASE_MACROS_H

#include <errno.h>
#include <stddef.h>

#define NVR_CHECK __attribute__((warn_unused_result))
#define NVR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NVR_UNUSED __attribute__((unused))

#define NVR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NVR_MIN(a, b) ((a) < (b) ? (a) : (b))
#define NVR_MAX(a, b) ((a) > (b) ? (a) : (b))

#define NVR_CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* NVR_DEFINE_AUTO(nvr_ring, nvr_ring_free) lets NVR_AUTO(nvr_ring) declare a
 * `struct nvr_ring *` that is freed when it leaves its scope. */
#define NVR_DEFINE_AUTO(type, free_fn)                                                             \
    static inline void type##_auto_(struct type **p)                                               \
    {                                                                                              \
        free_fn(*p);                                                                               \
    }                                                                                              \
    struct type
#define NVR_AUTO(type) __attribute__((cleanup(type##_auto_))) struct type *

/* NVR_AUTO_FD int fd = -1; closes on scope exit. NVR_AUTO_FREE char *s: free(). */
void nvr_auto_close_(int *fd);
void nvr_auto_free_(void *p);
#define NVR_AUTO_FD __attribute__((cleanup(nvr_auto_close_)))
#define NVR_AUTO_FREE __attribute__((cleanup(nvr_auto_free_)))

#define NVR_TAKE(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *taken_ = &(p);                                                              \
        __typeof__(p) value_ = *taken_;                                                            \
        *taken_ = NULL;                                                                            \
        value_;                                                                                    \
    })
#define NVR_TAKE_FD(fd)                                                                            \
    ({                                                                                             \
        int *taken_ = &(fd);                                                                       \
        const int value_ = *taken_;                                                                \
        *taken_ = -1;                                                                              \
        value_;                                                                                    \
    })

/* -1/errno → -errno; anything else unchanged. */
static inline int nvr_sys(int r)
{
    return r < 0 ? -errno : r;
}

/* The words for an errno, given as errno or as -errno: static, safe in any thread. */
const char *nvr_strerror(int r);

#endif
