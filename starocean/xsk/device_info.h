// What a network device's driver says of it (ethtool's ioctls, linux/ethtool.h). Any thread; speaks
// of the calling thread's network namespace.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"

namespace starocean::xsk {

// Queues in use (`ethtool -l`). An AF_XDP socket binds to a queue number; to miss no packet there
// must be one on each receive queue. With fewer transmit queues, only sockets below that number can
// transmit.
struct QueueCounts {
  uint32_t receive = 0;
  uint32_t transmit = 0;
};

// From the driver; where it cannot say, from /sys/class/net, and last from netlink. At least 1
// each.
Result<QueueCounts> queue_counts(const std::string& device);
// queue_counts(device).receive.
Result<uint32_t> queue_count(const std::string& device);

// "veth", "virtio_net", "ixgbe" …
Result<std::string> driver_name(const std::string& device);

}  // namespace starocean::xsk
