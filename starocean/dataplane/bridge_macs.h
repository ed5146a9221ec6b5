// The MAC table of one bridge, in memory of its own, so that a flood of addresses in one bridge takes no
// room from another, and a bridge's table goes when no snapshot names it any more.
//
// Large tables ask for transparent huge pages: at a million addresses every look-up would otherwise miss
// the TLB as well as the cache.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/regions.h"
#include "starocean/base/reserved_memory.h"
#include "starocean/dataplane/bridge_rules.h"
#include "starocean/table/mac_table.h"

namespace starocean::dataplane {

class BridgeMacs {
 public:
  // For at most `limit` addresses. Throws std::bad_alloc.
  BridgeMacs(const std::string& bridge, uint32_t limit);

  table::MacTable& table() { return *table_; }
  const table::MacTable& table() const { return *table_; }
  uint32_t limit() const { return limit_; }
  bool full() const { return table_->size() >= limit_; }
  // Addresses on that port, static and expired ones counted; off by the operations in flight.
  uint32_t on_port(PortId port) const {
    return ports_[port.index()].load(std::memory_order_relaxed);
  }

 private:
  uint32_t limit_;
  std::array<std::atomic<uint32_t>, kMaxPorts> ports_{};
  ReservedMemory memory_;
  ScopedRegion region_;
  std::unique_ptr<table::MacTable> table_;
};

}  // namespace starocean::dataplane
