/* packet.h — a packet of text and at most one descriptor over an AF_UNIX SOCK_SEQPACKET socket:
 * what the zygote and the core exchange (zygote.h). Private to lib/ipc. */
#ifndef NVR_IPC_PACKET_H
#define NVR_IPC_PACKET_H

#include <stddef.h>
#include <sys/types.h>

#include "lib/base/macros.h"

/* fd: goes along, the caller keeps its own; -1: none. flags: 0 or MSG_DONTWAIT. 0 or -errno. */
NVR_CHECK int nvr_packet_send(int socket, const char *text, size_t len, int fd, int flags);
/* The packet's length (1 or more), 0: the peer is gone, -EAGAIN: none now, -EMSGSIZE: it was longer
 * than size and is lost, -errno. *ret_fd: the descriptor that came along, which is the caller's
 * now, or -1. */
NVR_CHECK ssize_t nvr_packet_receive(int socket, char *text, size_t size, int *ret_fd, int flags);

#endif
