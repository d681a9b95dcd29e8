/* faulty-io.h — a disk that fails on purpose: a table for nvr_io_replace() that counts calls, lets
 * one of them fail, come short, be interrupted or hang, and knows what a power cut would leave. One
 * at a time per process; calls may come from any thread. */
#ifndef FAULTY_IO_H
#define FAULTY_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum faulty_kind {
    FAULTY_OPEN,
    FAULTY_MKDIR,
    FAULTY_WRITE,
    FAULTY_PREAD,
    FAULTY_TRUNCATE,
    FAULTY_DATASYNC,
    FAULTY_SYNC,
    FAULTY_RENAME,
    FAULTY_UNLINK,
    FAULTY_COPY,
    FAULTY_CLOSE,
    FAULTY_KINDS,
    FAULTY_ANY = FAULTY_KINDS, /* every call counts */
};

enum faulty_what {
    FAULTY_ERROR,       /* -1 and errno, nothing done */
    FAULTY_SHORT,       /* write, pread, copy: half of it */
    FAULTY_SHORT_ERROR, /* half of it, and the next one fails */
    FAULTY_EINTR,       /* three times in a row */
    FAULTY_HANG,        /* until faulty_release(), then done */
    FAULTY_CUT,         /* the power goes: this call and all that follow do nothing */
};

struct faulty_plan {
    enum faulty_kind kind;
    unsigned at; /* the n-th call of that kind, from 1; 0: none */
    enum faulty_what what;
    int error;
    unsigned more; /* so many calls of any kind after it fail, too */
};

/* Put the table in place. From here on what is made below a folder that is opened through the table
 * is followed for faulty_power_off(). */
void faulty_begin(const struct faulty_plan *plan);
void faulty_end(void); /* the system's calls again; a hanging call is released */
unsigned faulty_count(enum faulty_kind kind);
bool faulty_has_fired(void);
bool faulty_is_hanging(void);
void faulty_release(void);

/* After faulty_end(), nobody writes any more: what was not covered by a sync goes, in part. Files
 * are cut back to their synced size plus some of what came after, which may have become zeros or
 * garbage; names that were not synced may be gone, with all below them. */
void faulty_power_off(int root_fd, uint64_t *seed);
/* Bytes at the beginning of this file that a successful sync covered, with its name and the names
 * of its folders; 0: none. Before faulty_power_off(). */
uint64_t faulty_get_durable(int root_fd, const char *path);
/* splitmix64 */
uint64_t faulty_random(uint64_t *seed);

#endif
