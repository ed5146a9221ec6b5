// What the running daemon says of itself: plain values, filled on the control thread, rendered as JSON,
// Prometheus text or tables. Nothing here points into the data plane.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "starocean/dataplane/counters.h"

namespace starocean::control {

using PortCounterValues = dataplane::PortCounters::Values;
using QueueCounterValues = dataplane::QueueCounters::Values;
using WorkerCounterValues = dataplane::WorkerCounters::Values;

struct InterfaceStatus {
  std::string name;      // the key in the configuration
  std::string device;    // the Linux device
  uint32_t ifindex = 0;  // 0 while the device is absent
  std::string state;     // "up", "down" (no carrier or administratively) or "absent"
  std::string problem;   // why it is not attached; empty when all is well
  std::string mac;
  uint32_t mtu = 0;
  std::string bridge;  // empty when in none
  std::string
      attach;  // "native", "generic", "tap" (a VLAN that Linux has a device of ours for) or empty
  std::string mode;  // "zero-copy", "copy", "tap" or empty: granted, not asked for
  bool multi_buffer = false;
  uint32_t queues = 0;
  // Learned behind this interface; what has expired counts until it is swept, within a quarter of the ageing time.
  uint32_t mac_entries = 0;
  PortCounterValues counters{};
};

struct FdbEntry {
  std::string bridge;
  std::string mac;
  std::string interface;
  uint64_t age_ms = 0;  // since last seen; 0 for static entries
  bool is_static = false;
  uint16_t vlan = 0;       // 0 in a bridge that tells no VLANs apart
  bool is_sticky = false;  // learned, and does not move to another interface
};

// A MAC that moved between ports of a bridge many times within a second.
struct LoopReport {
  std::string bridge;
  std::string mac;
  std::string interfaces;  // "lan1, lan2"
  uint64_t moves = 0;      // counted so far
  uint64_t last_seen_ms_ago = 0;
};

// What waits to leave by an interface, and what has left, of one class (`egress`).
struct EgressClassStatus {
  std::string name;
  uint64_t sent_packets = 0, sent_bytes = 0;
  uint64_t dropped_full = 0;   // for want of room
  uint64_t dropped_codel = 0;  // to shorten the delay
  uint64_t marked = 0;         // congestion experienced, for the same end
  uint64_t backlog_packets = 0, backlog_bytes = 0;
};

struct QueueStatus {
  std::string interface;
  uint32_t queue = 0;
  uint32_t worker = 0;
  std::string mode;  // "zero-copy" or "copy"
  bool need_wakeup = false;
  bool busy_poll = false;
  uint32_t rx_ring = 0, tx_ring = 0, fill_ring = 0, completion_ring = 0;  // descriptors
  uint32_t in_rx = 0;  // frames the kernel holds for receive (fill ring, driver, rx ring)
  uint32_t in_tx = 0;  // frames the kernel holds for transmit (tx ring, driver, completion ring)
  QueueCounterValues counters{};
  std::vector<EgressClassStatus> classes =
      {};  // in the order of the configuration; of the first queue
};

struct WorkerStatus {
  uint32_t id = 0;
  int cpu = -1;                     // -1: not pinned
  std::string poll;                 // "adaptive", "busy" or "interrupt"
  std::string state;                // "running" or "sleeping"
  std::string sends_by;             // "sockets" or "redirect" (`io`)
  uint32_t pool_frames = 0;         // free frames in this worker's pool
  uint32_t in_flight = 0;           // frames in hand-off rings towards this worker, and held by it
  std::vector<std::string> queues;  // "lan1:0"
  WorkerCounterValues counters{};
};

// total = depot + sum(worker pools) + sum(queue in_rx + in_tx) + sum(worker in_flight) + punting
struct FrameStatus {
  uint64_t total = 0;
  uint64_t depot = 0;  // free, in no worker's pool
  uint64_t pools = 0;
  uint64_t in_rx = 0;
  uint64_t in_tx = 0;
  uint64_t in_flight = 0;
  uint64_t punting = 0;  // on their way back to Linux
  int64_t missing() const {
    return static_cast<int64_t>(total) -
           static_cast<int64_t>(depot + pools + in_rx + in_tx + in_flight + punting);
  }
};

struct MemoryMapping {
  uint64_t start = 0;
  uint64_t end = 0;
  std::string name;  // what it is: "umem frames and rings", "xsk lan1:0 rx ring", "heap" …
  std::string kind;  // umem | ring | code | data | bss | heap | stack | library | kernel | other
  std::string permissions;  // "rw-p"
  std::string backing;      // the path that the kernel shows, or empty
  uint64_t size_bytes = 0;
  uint64_t page_size_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t locked_bytes = 0;
};

struct MemoryStatus {
  std::string hugepages;  // granted: "1G", "2M" or "none"
  std::string note;       // why not what was asked for; empty when it was
  FrameStatus frames;
  std::vector<MemoryMapping> mappings;
};

struct DaemonStatus {
  std::string version;
  std::string node;
  uint64_t uptime_ms = 0;
  uint64_t generation = 0;  // of the configuration snapshot that is live everywhere
  std::vector<InterfaceStatus> interfaces;
  PortCounterValues removed_interfaces{};  // added up: those that the configuration no longer has
  std::vector<QueueStatus> queues;
  std::vector<WorkerStatus> workers;
  std::vector<LoopReport> loops;
  FrameStatus frames;
};

}  // namespace starocean::control
