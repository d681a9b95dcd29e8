/* sandbox.h — put the calling process into the box: everything that parses foreign bytes runs here.
 *
 * Always: no_new_privs, no core dumps, rlimits, descriptors above stderr closed but `keep_fds`,
 * parent-death signal off (workers end by their socket), seccomp (deny list + socket() families).
 * When the kernel has it: Landlock (file system; TCP where the ABI offers it). As root: uid drop
 * when `drop_uid` is set. What could not be applied is told, never silent. */
#ifndef NVR_IPC_SANDBOX_H
#define NVR_IPC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/json.h"
#include "lib/base/macros.h"

enum nvr_sandbox_network {
    NVR_SANDBOX_NO_NETWORK, /* AF_UNIX only, and only what is open already */
    NVR_SANDBOX_INET,       /* outgoing and UDP listening AF_INET/AF_INET6 + DNS */
};

struct nvr_sandbox_options {
    enum nvr_sandbox_network network;
    const char *const
        *read_paths; /* NULL-terminated; system libraries, CA files and resolver files are added */
    const char *const *write_paths; /* NULL-terminated: read, write, create, rename, remove below */
    const int *keep_fds;
    size_t keep_fds_count;
    uint64_t memory_max_bytes; /* RLIMIT_DATA; 0: none */
    unsigned files_max;        /* RLIMIT_NOFILE; 0: 256 */
    uid_t drop_uid;            /* 0: stay */
};

struct nvr_sandbox_report {
    bool no_new_privs;
    bool seccomp;
    int landlock_abi; /* 0: not available */
    char detail[160]; /* what is missing, in words; "" when nothing */
};

/* 0 also when parts are missing (see report); -errno only when the process must not go on. Call
 * before threads are started. */
NVR_CHECK int nvr_sandbox_enter(const struct nvr_sandbox_options *options,
                                struct nvr_sandbox_report *ret_report);
/* "full", "partial" or "none". */
const char *nvr_sandbox_level(const struct nvr_sandbox_report *report);
/* {level, landlock, seccomp, no_new_privs, detail}; NULL: out of memory. */
json_t *nvr_sandbox_report_to_json(const struct nvr_sandbox_report *report);

#endif
