// Whether a queue of a device still belongs to an AF_XDP socket.
//
// Closing a socket only starts its tear-down: a work queue of the kernel unbinds the device later, under
// the rtnl lock (net/xdp/xsk_buff_pool.c, xp_put_pool and xp_release_deferred). Until then a zero-copy
// driver may write into frames of the socket. Linux 6.14 could be asked over netlink; binding another
// socket, which is refused as long as the queue is taken, asks every kernel.
//
// Control thread. The probe itself may leave the queue taken for a moment, in copy mode: bind again as
// XskSocket::open does, with patience.
#pragma once

#include <cstdint>

namespace starocean::xsk {

// False too when the question cannot be asked: the device is gone, say.
bool queue_is_taken(uint32_t ifindex, uint32_t queue);

}  // namespace starocean::xsk
