#include "tests/unit/faulty-io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"

#define EINTR_TIMES 3
#define NODES_MAX 4096

/* A name that was made while the table was in place. */
struct node {
    ino_t parent, inode;
    char name[256]; /* absolute where it was named so */
    bool is_folder, name_synced, gone;
    uint64_t synced_bytes;
};

static struct {
    struct faulty_plan plan;
    unsigned counts[FAULTY_KINDS], any;
    unsigned again; /* more calls that the plan's one call spoils */
    bool fired, off;
    bool hanging, released;
    struct node nodes[NODES_MAX];
    size_t nodes_count;
} disk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

uint64_t faulty_random(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- faults ---- */

enum verdict { PASS, FAIL, HALF };

static void hang(void)
{
    disk.hanging = true;
    (void)pthread_cond_broadcast(&changed);
    while (!disk.released)
        (void)pthread_cond_wait(&changed, &lock);
    disk.hanging = false;
}

/* Under the lock: the plan's call is here. */
static enum verdict fire(enum faulty_kind kind)
{
    const bool halves = kind == FAULTY_WRITE || kind == FAULTY_PREAD || kind == FAULTY_COPY;

    disk.fired = true;
    errno = disk.plan.error;
    switch (disk.plan.what) {
    case FAULTY_SHORT:
        return halves ? HALF : PASS;
    case FAULTY_SHORT_ERROR:
        disk.again = (halves ? 1 : 0) + disk.plan.more;
        return halves ? HALF : FAIL;
    case FAULTY_EINTR:
        disk.again = EINTR_TIMES - 1;
        errno = EINTR;
        return FAIL;
    case FAULTY_HANG:
        hang();
        return PASS;
    case FAULTY_CUT:
        disk.off = true;
        errno = EIO;
        return FAIL;
    case FAULTY_ERROR:
    default:
        disk.again = disk.plan.more;
        return FAIL;
    }
}

static enum verdict judge(enum faulty_kind kind)
{
    const unsigned count = ++disk.counts[kind];
    const unsigned any = ++disk.any;
    const struct faulty_plan *plan = &disk.plan;

    if (disk.off) {
        errno = EIO;
        return FAIL;
    }
    if (disk.again) {
        disk.again--;
        errno = plan->what == FAULTY_EINTR ? EINTR : plan->error;
        return FAIL;
    }
    if (!plan->at || disk.fired || (plan->kind != FAULTY_ANY && plan->kind != kind) ||
        (plan->kind == FAULTY_ANY ? any : count) != plan->at)
        return PASS;
    return fire(kind);
}

/* ---- what a power cut would leave ---- */

static ino_t inode_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

static struct node *find_inode(ino_t inode)
{
    for (size_t i = 0; i < disk.nodes_count; i++)
        if (disk.nodes[i].inode == inode && !disk.nodes[i].gone)
            return &disk.nodes[i];
    return NULL;
}

static struct node *find_name(ino_t parent, const char *name)
{
    for (size_t i = 0; i < disk.nodes_count; i++)
        if (disk.nodes[i].parent == parent && !disk.nodes[i].gone &&
            strcmp(disk.nodes[i].name, name) == 0)
            return &disk.nodes[i];
    return NULL;
}

static void add_node(int dir_fd, const char *name, bool is_folder)
{
    struct node *node = &disk.nodes[disk.nodes_count];
    struct stat st;

    assert(disk.nodes_count < NODES_MAX && strlen(name) < sizeof(node->name));
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    *node = (struct node){.parent = inode_of(dir_fd), .inode = st.st_ino, .is_folder = is_folder};
    (void)snprintf(node->name, sizeof(node->name), "%s", name);
    disk.nodes_count++;
}

/* ---- the table ---- */

/* Runs the call between judge() and what must be remembered of it, as one. */
#define GUARDED(type, kind, call, remember)                                                        \
    type result = -1;                                                                              \
    int error;                                                                                     \
    (void)pthread_mutex_lock(&lock);                                                               \
    const enum verdict verdict = judge(kind);                                                      \
    if (verdict != FAIL)                                                                           \
        result = (call);                                                                           \
    error = errno;                                                                                 \
    if (result >= 0) {                                                                             \
        remember;                                                                                  \
    }                                                                                              \
    (void)pthread_mutex_unlock(&lock);                                                             \
    errno = error;                                                                                 \
    return result

static int faulty_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    const bool fresh = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);

    GUARDED(int, FAULTY_OPEN, openat(dir_fd, path, flags, mode),
            if (fresh) add_node(dir_fd, path, false));
}

static int faulty_mkdirat(int dir_fd, const char *path, mode_t mode)
{
    GUARDED(int, FAULTY_MKDIR, mkdirat(dir_fd, path, mode), add_node(dir_fd, path, true));
}

static size_t cut(size_t size)
{
    return size > 1 ? size / 2 : size;
}

static ssize_t faulty_write(int fd, const void *data, size_t size)
{
    GUARDED(ssize_t, FAULTY_WRITE, write(fd, data, verdict == HALF ? cut(size) : size), );
}

static ssize_t faulty_pread(int fd, void *data, size_t size, off_t offset)
{
    GUARDED(ssize_t, FAULTY_PREAD, pread(fd, data, verdict == HALF ? cut(size) : size, offset), );
}

static void on_truncated(int fd, off_t size)
{
    struct node *node = find_inode(inode_of(fd));

    if (node && node->synced_bytes > (uint64_t)size)
        node->synced_bytes = (uint64_t)size;
}

static int faulty_ftruncate(int fd, off_t size)
{
    GUARDED(int, FAULTY_TRUNCATE, ftruncate(fd, size), on_truncated(fd, size));
}

static void on_synced(int fd)
{
    struct stat st;
    struct node *node;

    if (fstat(fd, &st) < 0)
        return;
    if (S_ISDIR(st.st_mode)) {
        for (size_t i = 0; i < disk.nodes_count; i++)
            if (disk.nodes[i].parent == st.st_ino)
                disk.nodes[i].name_synced = true;
        return;
    }
    node = find_inode(st.st_ino);
    if (node)
        node->synced_bytes = (uint64_t)st.st_size;
}

/* Nothing is synced for real: the machine's own power stays on. */
static int faulty_fdatasync(int fd)
{
    GUARDED(int, FAULTY_DATASYNC, fcntl(fd, F_GETFD), on_synced(fd); result = 0);
}

static int faulty_fsync(int fd)
{
    GUARDED(int, FAULTY_SYNC, fcntl(fd, F_GETFD), on_synced(fd); result = 0);
}

static void on_gone(int dir_fd, const char *name)
{
    struct node *node = find_name(inode_of(dir_fd), name);

    if (node)
        node->gone = true;
}

static int faulty_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    GUARDED(int, FAULTY_RENAME, renameat(from_fd, from, to_fd, to), on_gone(from_fd, from);
            add_node(to_fd, to, false));
}

static int faulty_unlinkat(int dir_fd, const char *path, int flags)
{
    GUARDED(int, FAULTY_UNLINK, unlinkat(dir_fd, path, flags), on_gone(dir_fd, path));
}

static ssize_t faulty_copy(int from_fd, off_t *from, int to_fd, off_t *to, size_t size,
                           unsigned flags)
{
    GUARDED(ssize_t, FAULTY_COPY,
            copy_file_range(from_fd, from, to_fd, to, verdict == HALF ? cut(size) : size, flags), );
}

/* A close that fails has closed: nobody else can have the descriptor again. */
static int faulty_close(int fd)
{
    enum verdict verdict;
    int error;

    (void)pthread_mutex_lock(&lock);
    verdict = judge(FAULTY_CLOSE);
    error = errno;
    (void)pthread_mutex_unlock(&lock);
    if (close(fd) < 0)
        return -1;
    errno = error;
    return verdict == FAIL ? -1 : 0;
}

void faulty_begin(const struct faulty_plan *plan)
{
    static const struct nvr_io table = {
        .openat = faulty_openat,
        .mkdirat = faulty_mkdirat,
        .write = faulty_write,
        .pread = faulty_pread,
        .ftruncate = faulty_ftruncate,
        .fdatasync = faulty_fdatasync,
        .fsync = faulty_fsync,
        .renameat = faulty_renameat,
        .unlinkat = faulty_unlinkat,
        .copy_file_range = faulty_copy,
        .close = faulty_close,
    };

    memset(&disk, 0, sizeof(disk));
    disk.plan = *plan;
    nvr_io_replace(&table);
}

void faulty_end(void)
{
    faulty_release();
    nvr_io_replace(NULL);
}

unsigned faulty_count(enum faulty_kind kind)
{
    unsigned count;

    (void)pthread_mutex_lock(&lock);
    count = kind == FAULTY_ANY ? disk.any : disk.counts[kind];
    (void)pthread_mutex_unlock(&lock);
    return count;
}

static bool get(const bool *flag)
{
    bool value;

    (void)pthread_mutex_lock(&lock);
    value = *flag;
    (void)pthread_mutex_unlock(&lock);
    return value;
}

bool faulty_has_fired(void)
{
    return get(&disk.fired);
}

bool faulty_is_hanging(void)
{
    return get(&disk.hanging);
}

void faulty_release(void)
{
    (void)pthread_mutex_lock(&lock);
    disk.released = true;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

/* ---- power off ---- */

static bool is_durable(const struct node *node)
{
    for (; node; node = find_inode(node->parent))
        if (!node->name_synced)
            return false;
    return true;
}

uint64_t faulty_get_durable(int root_fd, const char *path)
{
    const struct node *node;
    struct stat st;

    if (fstatat(root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    node = find_inode(st.st_ino);
    return node && is_durable(node) ? node->synced_bytes : 0;
}

static void spoil(int fd, off_t from, off_t to, bool zeros, uint64_t *seed)
{
    for (off_t at = from; at < to;) {
        const uint64_t word = zeros ? 0 : faulty_random(seed);
        const size_t size = (size_t)(to - at < 8 ? to - at : 8);

        if (pwrite(fd, &word, size, at) != (ssize_t)size)
            abort();
        at += (off_t)size;
    }
}

/* The bytes behind what was synced: some are there, the rest is missing, zeros or garbage. */
static void lose_bytes(int dir_fd, const struct node *node, uint64_t *seed)
{
    const int fd = openat(dir_fd, node->name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        abort();
    const uint64_t loose = (uint64_t)st.st_size - node->synced_bytes;

    if (loose) {
        const off_t kept = (off_t)(node->synced_bytes + faulty_random(seed) % (loose + 1));
        /* The page in which it breaks off is written whole or not at all. */
        const off_t page = (kept + 4095) / 4096 * 4096;

        switch (faulty_random(seed) % 4) {
        case 0:
            spoil(fd, page, st.st_size, true, seed);
            break;
        case 1: /* the size says more than was ever there */
            spoil(fd, kept, st.st_size, false, seed);
            break;
        default:
            if (ftruncate(fd, kept) < 0)
                abort();
            break;
        }
    }
    (void)close(fd);
}

static void lose_names(int dir_fd, uint64_t *seed, bool removed)
{
    const ino_t parent = inode_of(dir_fd);

    for (size_t i = 0; i < disk.nodes_count; i++) {
        struct node *node = &disk.nodes[i];

        if (node->parent != parent || node->gone)
            continue;
        const bool lost = removed || (!node->name_synced && faulty_random(seed) % 2 == 0);

        if (node->is_folder) {
            const int fd = openat(dir_fd, node->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

            if (fd < 0)
                abort();
            lose_names(fd, seed, lost);
            (void)close(fd);
        } else if (!lost) {
            lose_bytes(dir_fd, node, seed);
        }
        if (lost) {
            node->gone = true;
            if (unlinkat(dir_fd, node->name, node->is_folder ? AT_REMOVEDIR : 0) < 0)
                abort();
        }
    }
}

void faulty_power_off(int root_fd, uint64_t *seed)
{
    lose_names(root_fd, seed, false);
}
