// The whole configuration as the workers see it: immutable, published by one release store, freed when
// every worker has taken a newer one (ring/snapshot.h). It points to sockets that the engine owns and
// closes only after that.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/bridge_macs.h"
#include "starocean/xsk/socket.h"

namespace starocean::dataplane {

// One receive/transmit queue pair and its socket. `owner` is the only worker that touches the socket's
// packet path; `tx_dirty` is the owner's note that flush() is due.
struct PortQueue {
  PortId port;
  QueueId queue;
  WorkerId owner;
  std::unique_ptr<xsk::XskSocket> socket;
  bool tx_dirty = false;
};

struct Port {
  PortId id;
  bool attached = false;  // false: a gap left by an absent device; nothing else is valid
  bool up = false;
  bool multi_buffer = false;      // transmits packets of several frames
  bool finish_checksums = false;  // Linux peers on veth leave TCP/UDP checksums unfinished
  bool can_punt = false;
  BridgeId bridge;  // none: everything received is dropped
  uint32_t mtu_bytes = 0;
  uint64_t mac = 0;                  // of the device
  std::vector<PortQueue*> tx_queue;  // by worker: its own queue where it has one, else another's
};

struct Bridge {
  BridgeId id;
  uint32_t aging_ms = 300'000;
  std::shared_ptr<BridgeMacs> macs;
  std::vector<PortId> members;
};

struct Snapshot {
  uint64_t generation = 0;
  std::vector<Port> ports;                             // by PortId
  std::vector<Bridge> bridges;                         // by BridgeId
  std::vector<std::vector<PortQueue*>> worker_queues;  // by WorkerId
};

}  // namespace starocean::dataplane
