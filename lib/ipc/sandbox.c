#include "lib/ipc/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/buf.h"

#define FILES_MAX_DEFAULT 256
#define KEEP_FDS_MAX 64
#define OOM_SCORE "500" /* a worker goes before the core does */

/* Sanitizers map terabytes that they never use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SHADOW_MEMORY 1
#else
#define SHADOW_MEMORY 0
#endif

/* The kernel's interface by number: the headers of Debian 12 stop at ABI 2. */
#define LL_FS_ABI1 ((1ULL << 13) - 1)
#define LL_FS_REFER (1ULL << 13)
#define LL_FS_TRUNCATE (1ULL << 14)
#define LL_FS_IOCTL_DEV (1ULL << 15)
#define LL_NET_BIND_TCP (1ULL << 0)
#define LL_NET_CONNECT_TCP (1ULL << 1)
#define LL_SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define LL_SCOPE_SIGNAL (1ULL << 1)
#define LL_FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LL_FS_NODES                                                                                \
    (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |  \
     LANDLOCK_ACCESS_FS_EXECUTE)
/* Rights that may be given on something that is not a folder. */
#define LL_FS_FILE                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |   \
     LL_FS_TRUNCATE | LL_FS_IOCTL_DEV)

struct landlock_attr {
    uint64_t fs, net, scoped;
};

static const char *const system_read_paths[] = {
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    NULL,
};
#ifdef NVR_COVERAGE /* `make coverage` only: the counters of gcov lie in the build folder */
static const char *const coverage_paths[] = {NVR_COVERAGE, NULL};
#else
static const char *const coverage_paths[] = {NULL};
#endif
static const char *const resolver_read_paths[] = {
    "/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",   "/etc/host.conf",
    "/etc/gai.conf",    "/etc/services", "/run/systemd/resolve", NULL,
};

static void add_detail(struct nvr_sandbox_report *report, const char *what, int error)
{
    const size_t len = strlen(report->detail);

    (void)snprintf(report->detail + len, sizeof(report->detail) - len, "%s%s: %s", len ? "; " : "",
                   what, nvr_strerror(error));
}

/* ---- descriptors, limits, user ---- */

static int compare_int(const void *a, const void *b)
{
    const int x = *(const int *)a;
    const int y = *(const int *)b;

    return (x > y) - (x < y);
}

static int close_others(const int *keep, size_t count)
{
    int sorted[KEEP_FDS_MAX];
    unsigned from = STDERR_FILENO + 1;

    if (count > KEEP_FDS_MAX)
        return -EINVAL;
    if (count) {
        memcpy(sorted, keep, count * sizeof(int));
        qsort(sorted, count, sizeof(int), compare_int);
    }
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < (int)from)
            continue;
        if ((unsigned)sorted[i] > from &&
            syscall(SYS_close_range, from, (unsigned)sorted[i] - 1, 0) < 0)
            return -errno;
        from = (unsigned)sorted[i] + 1;
    }
    return syscall(SYS_close_range, from, ~0U, 0) < 0 ? -errno : 0;
}

static void set_limit(__rlimit_resource_t resource, rlim_t value, struct nvr_sandbox_report *report)
{
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    struct rlimit now;

    /* Raising a hard limit needs a privilege that we may not have: stay below it. */
    if (getrlimit(resource, &now) == 0 && now.rlim_max < value)
        limit = (struct rlimit){.rlim_cur = now.rlim_max, .rlim_max = now.rlim_max};
    if (setrlimit(resource, &limit) < 0)
        add_detail(report, "rlimit", errno);
}

static void set_limits(const struct nvr_sandbox_options *options, struct nvr_sandbox_report *report)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        const ssize_t n = write(fd, OOM_SCORE, strlen(OOM_SCORE));

        (void)n; /* a wish, not a protection */
        (void)close(fd);
    }
    set_limit(RLIMIT_CORE, 0, report);
    set_limit(RLIMIT_NOFILE, options->files_max ? options->files_max : FILES_MAX_DEFAULT, report);
    if (options->memory_max_bytes && !SHADOW_MEMORY)
        set_limit(RLIMIT_DATA, options->memory_max_bytes, report);
}

static int drop_user(uid_t uid)
{
    if (uid == 0 || geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return -errno;
    return 0;
}

/* ---- Landlock ---- */

static uint64_t fs_rights(int abi)
{
    uint64_t fs = LL_FS_ABI1;

    if (abi >= 2)
        fs |= LL_FS_REFER;
    if (abi >= 3)
        fs |= LL_FS_TRUNCATE;
    if (abi >= 5)
        fs |= LL_FS_IOCTL_DEV;
    return fs;
}

/* A path that does not exist needs no rule. */
static int allow_path(int ruleset, const char *path, uint64_t rights)
{
    NVR_AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat st;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    rule.allowed_access = S_ISDIR(st.st_mode) ? rights : rights & LL_FS_FILE;
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return -errno;
    return 0;
}

static int allow_paths(int ruleset, const char *const *paths, uint64_t rights)
{
    int r = 0;

    for (; r == 0 && paths && *paths; paths++)
        r = allow_path(ruleset, *paths, rights);
    return r;
}

static int add_rules(int ruleset, const struct nvr_sandbox_options *options, uint64_t fs)
{
    int r = allow_paths(ruleset, system_read_paths, LL_FS_READ);

    if (r == 0 && options->network == NVR_SANDBOX_INET)
        r = allow_paths(ruleset, resolver_read_paths, LL_FS_READ);
    if (r == 0)
        r = allow_paths(ruleset, options->read_paths, LL_FS_READ);
    if (r == 0)
        r = allow_path(ruleset, "/dev/null",
                       LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    if (r == 0)
        r = allow_paths(ruleset, options->write_paths, fs & ~(uint64_t)LL_FS_NODES);
    if (r == 0)
        r = allow_paths(ruleset, coverage_paths, fs & ~(uint64_t)LL_FS_NODES);
    return r;
}

/* 0, or -errno. *ret_abi is the kernel's version, 0: none. */
static int enter_landlock(const struct nvr_sandbox_options *options, int *ret_abi)
{
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct landlock_attr attr = {0};
    size_t attr_size = sizeof(attr.fs);
    int r;

    *ret_abi = 0;
    if (abi < 0)
        return -errno;
    attr.fs = fs_rights((int)abi);
    if (abi >= 4) {
        attr.net = LL_NET_BIND_TCP;
        if (options->network == NVR_SANDBOX_NO_NETWORK)
            attr.net |= LL_NET_CONNECT_TCP;
        attr_size += sizeof(attr.net);
    }
    if (abi >= 6) {
        attr.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
        attr_size += sizeof(attr.scoped);
    }
    NVR_AUTO_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size, 0);

    if (ruleset < 0)
        return -errno;
    r = add_rules(ruleset, options, attr.fs);
    if (r < 0)
        return r;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return -errno;
    *ret_abi = (int)abi;
    return 0;
}

/* ---- seccomp ---- */

static const char *const denied_calls[] = {
    /* other processes */
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "pidfd_getfd", "pidfd_send_signal", "kcmp", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill",
    "move_pages", "migrate_pages", "mbind", "set_mempolicy",
    /* new programs and processes */
    "execve", "execveat", "fork", "vfork",
    /* name spaces, mounts */
    "mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "fsmount",
    "fsconfig", "fspick", "move_mount", "open_tree", "mount_setattr",
    /* the kernel's wide surfaces */
    "bpf", "perf_event_open", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "userfaultfd", "lookup_dcookie", "vmsplice", "modify_ldt",
    /* the machine */
    "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname", "setdomainname", "iopl",
    "ioperm", "personality", "vhangup", "nfsservctl", "open_by_handle_at", "name_to_handle_at",
    "mknod", "mknodat",
    /* a link in a folder of recordings would lead others out of it */
    "symlink", "symlinkat",
    /* serving the network */
    "listen", "accept", "accept4"};

static int deny(scmp_filter_ctx filter, const char *name)
{
    const int call = seccomp_syscall_resolve_name(name);

    if (call == __NR_SCMP_ERROR)
        return 0; /* libseccomp does not know it */
    const int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);

    return r == -EDOM ? 0 : r; /* not of this architecture */
}

static int add_socket_rules(scmp_filter_ctx filter, enum nvr_sandbox_network network)
{
    int r = 0;

    if (network == NVR_SANDBOX_NO_NETWORK)
        return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 0);
    for (unsigned family = 0; r == 0 && family <= AF_MAX; family++)
        if (family != AF_INET && family != AF_INET6)
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                 SCMP_A0(SCMP_CMP_EQ, family));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_GT, AF_MAX));
    /* Raw sockets would need a privilege; do not rely on it. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW));
    return r;
}

static int add_argument_rules(scmp_filter_ctx filter)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();
    int r;

    /* Threads yes, processes no. clone3 hides its flags in memory: glibc falls back to clone. */
    r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(kill), 1,
                             SCMP_A0(SCMP_CMP_NE, self));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_NE, self));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), 1,
                             SCMP_A0(SCMP_CMP_NE, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, TIOCSTI));
    return r;
}

static int enter_seccomp(enum nvr_sandbox_network network)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = 0;

    if (!filter)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < NVR_ARRAY_SIZE(denied_calls); i++)
        r = deny(filter, denied_calls[i]);
    if (r == 0)
        r = add_argument_rules(filter);
    if (r == 0)
        r = add_socket_rules(filter, network);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r;
}

/* ---- all together ---- */

int nvr_sandbox_enter(const struct nvr_sandbox_options *options,
                      struct nvr_sandbox_report *ret_report)
{
    struct nvr_sandbox_report report = {0};
    int r;

    r = close_others(options->keep_fds, options->keep_fds_count);
    if (r < 0)
        return r;
    (void)prctl(PR_SET_PDEATHSIG, 0);
    set_limits(options, &report);
    r = drop_user(options->drop_uid);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        report.no_new_privs = true;
    else
        add_detail(&report, "no_new_privs", errno);
    r = enter_landlock(options, &report.landlock_abi);
    if (r < 0)
        add_detail(&report, "Landlock", -r);
    r = enter_seccomp(options->network);
    report.seccomp = r == 0;
    if (r < 0)
        add_detail(&report, "seccomp", -r);
    *ret_report = report;
    return 0;
}

const char *nvr_sandbox_level(const struct nvr_sandbox_report *report)
{
    if (report->no_new_privs && report->seccomp && report->landlock_abi > 0)
        return "full";
    return report->no_new_privs || report->seccomp || report->landlock_abi > 0 ? "partial" : "none";
}

json_t *nvr_sandbox_report_to_json(const struct nvr_sandbox_report *report)
{
    return json_pack("{s:s, s:i, s:b, s:b, s:s}", "level", nvr_sandbox_level(report), "landlock",
                     report->landlock_abi, "seccomp", report->seccomp, "no_new_privs",
                     report->no_new_privs, "detail", report->detail);
}
