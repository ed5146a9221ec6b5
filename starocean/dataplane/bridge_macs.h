// The MAC table of one bridge, in memory of its own, so that a flood of addresses in one bridge takes no
// room from another, and a bridge's table goes when no snapshot names it any more.
//
// Large tables ask for transparent huge pages: at a million addresses every look-up would otherwise miss
// the TLB as well as the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "starocean/base/regions.h"
#include "starocean/table/mac_table.h"

namespace starocean::dataplane {

class BridgeMacs {
 public:
  // For at most `limit` addresses.
  BridgeMacs(const std::string& bridge, uint32_t limit);

  table::MacTable& table() { return *table_; }
  const table::MacTable& table() const { return *table_; }
  uint32_t limit() const { return limit_; }
  bool full() const { return table_->size() >= limit_; }

 private:
  class Memory {
   public:
    explicit Memory(size_t bytes);
    ~Memory();
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    std::span<std::byte> bytes() const { return {start_, len_bytes_}; }

   private:
    std::byte* start_ = nullptr;
    size_t len_bytes_ = 0;
  };

  uint32_t limit_;
  Memory memory_;
  ScopedRegion region_;
  std::unique_ptr<table::MacTable> table_;
};

}  // namespace starocean::dataplane
