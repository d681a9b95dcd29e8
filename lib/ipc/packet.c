#include "lib/ipc/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/base/unconst.h"

/* Room for one descriptor; more are cut off by the kernel. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int nvr_packet_send(int socket, const char *text, size_t len, int fd, int flags)
{
    union control control = {.header = {.cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS,
                                        .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec iov = {.iov_base = nvr_unconst(text), .iov_len = len};
    struct msghdr packet = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        packet.msg_control = control.bytes;
        packet.msg_controllen = sizeof(control.bytes);
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    while (sendmsg(socket, &packet, MSG_NOSIGNAL | flags) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

// NOLINTNEXTLINE(readability-non-const-parameter): the kernel writes to text through iov
ssize_t nvr_packet_receive(int socket, char *text, size_t size, int *ret_fd, int flags)
{
    union control control = {0};
    struct iovec iov = {.iov_base = text, .iov_len = size};
    struct msghdr packet = {.msg_iov = &iov, .msg_iovlen = 1};
    NVR_AUTO_FD int fd = -1;
    ssize_t n;

    do {
        packet.msg_control = control.bytes;
        packet.msg_controllen = sizeof(control.bytes);
        n = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC | flags);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != ECONNRESET)
        return -errno;
    *ret_fd = -1;
    if (n <= 0)
        return 0;
    if (packet.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS &&
        control.header.cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    if (packet.msg_flags & MSG_TRUNC)
        return -EMSGSIZE;
    *ret_fd = fd;
    fd = -1; /* the caller's now */
    return n;
}
