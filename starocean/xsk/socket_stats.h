// What an AF_XDP socket counts, by itself and in the kernel.
#pragma once

#include <cstdint>

#include "starocean/base/counters.h"

namespace starocean::xsk {

#define SO_SOCKET_COUNTERS(X)                                                         \
  X(filled, "descriptors", "frames given to the kernel to receive into")              \
  X(completed, "descriptors", "frames that came back after transmission")             \
  X(received, "descriptors", "frames taken from the receive ring")                    \
  X(transmitted, "descriptors", "frames put into the transmit ring")                  \
  X(tx_kicks, "calls", "system calls made to start transmission")                     \
  X(tx_kick_errors, "calls", "of these, refused for a reason other than 'try again'") \
  X(tx_kicks_busy, "calls",                                                           \
    "of these, answered EBUSY: in copy mode, the device dropped one packet")          \
  X(rx_kicks, "calls", "system calls made because the kernel asked to be woken, or to busy-poll")

SO_DECLARE_COUNTERS(SocketCounter, kSocketCounters, SO_SOCKET_COUNTERS)
using SocketCounters = CounterBlock<SocketCounter>;

// struct xdp_statistics of the kernel, where the meaning of each member is documented
// (Documentation/networking/af_xdp.rst, "XDP_STATISTICS getsockopt").
struct KernelStatistics {
  uint64_t rx_dropped = 0;
  uint64_t rx_invalid_descs = 0;
  uint64_t tx_invalid_descs = 0;
  uint64_t rx_ring_full = 0;
  uint64_t rx_fill_ring_empty_descs = 0;
  uint64_t tx_ring_empty_descs = 0;
};

}  // namespace starocean::xsk
