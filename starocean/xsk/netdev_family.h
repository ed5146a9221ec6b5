// What drivers report of their XDP and AF_XDP abilities: the generic-netlink family "netdev" (Linux 6.3;
// queues and NAPI instances 6.7). Numbers and meanings: Documentation/netlink/specs/netdev.yaml and
// include/uapi/linux/netdev.h of Linux 6.18, which Debian 12's headers do not have. Needs no privileges.
// Any thread; speaks of the calling thread's network namespace.
//
// A report is what the driver says, not what has been tried: binding a socket is the proof.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"

namespace starocean::xsk {

// enum netdev_xdp_act
inline constexpr uint64_t kXdpActBasic = 1 << 0;     // native XDP: drop, pass, send back
inline constexpr uint64_t kXdpActRedirect = 1 << 1;  // XDP_REDIRECT, AF_XDP sockets included
inline constexpr uint64_t kXdpActTransmit = 1 << 2;  // takes frames redirected from other devices
inline constexpr uint64_t kXdpActZeroCopy = 1 << 3;
inline constexpr uint64_t kXdpActOffload = 1 << 4;  // programs run in the hardware
inline constexpr uint64_t kXdpActReceiveFragments = 1 << 5;
inline constexpr uint64_t kXdpActTransmitFragments = 1 << 6;

struct XdpReport {
  uint64_t features = 0;            // kXdpAct…
  uint32_t zero_copy_segments = 0;  // most frames of one packet in zero-copy mode
  uint64_t rx_metadata = 0;         // enum netdev_xdp_rx_metadata
  uint64_t tx_metadata = 0;         // enum netdev_xsk_flags

  bool has(uint64_t feature) const { return (features & feature) == feature; }
  bool operator==(const XdpReport&) const = default;
};

// nullopt where the kernel has no such family.
Result<std::optional<XdpReport>> xdp_report(uint32_t ifindex);

// The names of the set bits, as in netdev.yaml: "timestamp", "hash", "vlan-tag"; and for transmission
// "tx-timestamp", "tx-checksum", "tx-launch-time-fifo". A bit that is newer than this file is "bit N".
std::vector<std::string> rx_metadata_names(uint64_t bits);
std::vector<std::string> tx_metadata_names(uint64_t bits);

struct QueueReport {
  uint32_t queue = 0;
  bool receive = false;
  uint32_t napi_id = 0;     // 0: the driver does not say
  int32_t irq = -1;         // of that NAPI instance; -1: none, or the driver does not say
  bool has_socket = false;  // an AF_XDP socket is bound to it, in whatever mode (Linux 6.15)
};

// Every queue in use. Empty where the kernel or the driver cannot tell.
Result<std::vector<QueueReport>> queue_reports(uint32_t ifindex);

}  // namespace starocean::xsk
