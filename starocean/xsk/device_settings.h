// How a network device is set (ethtool's ioctls, linux/ethtool.h): its offloads, rings, interrupt
// coalescing and queues. Reading only, which needs no privileges. Any thread; speaks of the calling
// thread's network namespace.
//
// nullopt where the driver has no such setting (EOPNOTSUPP); an error where the device is not there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::xsk {

struct Offload {
  bool on = false;
  bool fixed = false;  // cannot be changed
  bool operator==(const Offload&) const = default;
};

// By the kernel's names (net/ethtool/common.c, netdev_features_strings), which `ethtool -K` takes too:
// "rx-lro", "rx-gro", "rx-gro-hw", "rx-vlan-hw-parse", "tx-checksum-ip-generic" …
using Offloads = std::map<std::string, Offload, std::less<>>;

// Whether the offload exists and is on.
bool is_on(const Offloads& offloads, std::string_view name);

Result<Offloads> offloads(const std::string& device);

// `ethtool -g`: descriptors between driver and hardware, not those of an AF_XDP socket.
struct DeviceRings {
  uint32_t rx = 0, rx_max = 0;
  uint32_t tx = 0, tx_max = 0;
};
Result<std::optional<DeviceRings>> device_rings(const std::string& device);

// `ethtool -c`: how long the hardware may wait before it interrupts.
struct Coalescing {
  uint32_t rx_usecs = 0;
  uint32_t rx_frames = 0;
  bool adaptive_rx = false;
};
Result<std::optional<Coalescing>> coalescing(const std::string& device);

// `ethtool -l`: queue pairs ("combined"), and queues of one direction besides.
struct Channels {
  uint32_t combined = 0, combined_max = 0;
  uint32_t rx = 0, rx_max = 0;
  uint32_t tx = 0, tx_max = 0;
};
Result<std::optional<Channels>> channels(const std::string& device);

}  // namespace starocean::xsk
