#include "starocean/dataplane/bridge_macs.h"

#include <new>
#include <utility>

namespace starocean::dataplane {
namespace {

ReservedMemory map_or_throw(size_t len_bytes) {
  auto memory = ReservedMemory::map(len_bytes, "a MAC table");
  if (!memory) throw std::bad_alloc();
  return std::move(*memory);
}

}  // namespace

BridgeMacs::BridgeMacs(const std::string& bridge, uint32_t limit)
    : limit_(limit),
      memory_(map_or_throw(table::MacTable::bytes_needed(limit))),
      region_(memory_.bytes().data(), memory_.bytes().size(), "MAC table of bridge " + bridge,
              "heap"),
      table_(std::make_unique<table::MacTable>(
          memory_.bytes().first(table::MacTable::bytes_needed(limit)), limit)) {
  table_->count_ports(ports_);
}

}  // namespace starocean::dataplane
