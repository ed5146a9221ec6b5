#include "starocean/dataplane/bridge_macs.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace starocean::dataplane {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;

size_t round_up(size_t value, size_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

// A mapping of its own, whole pages of it registered: a block of malloc's would lie in a mapping with
// other things, and madvise() would split that.
BridgeMacs::Memory::Memory(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : kPage;
  len_bytes_ = round_up(bytes, alignment);
  // An aligned piece is somewhere in this; what lies around it goes back.
  const size_t reserved = len_bytes_ + alignment - kPage;
  void* const mapped =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const first = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = round_up(address, alignment) - address;
  start_ = first + before;
  const size_t behind = reserved - before - len_bytes_;
  if (before != 0) munmap(first, before);
  if (behind != 0) munmap(start_ + len_bytes_, behind);
  // Refused where the kernel has no transparent huge pages: nothing is lost but speed.
  if (alignment == kHugePage) madvise(start_, len_bytes_, MADV_HUGEPAGE);
}

BridgeMacs::Memory::~Memory() {
  munmap(start_, len_bytes_);
}

BridgeMacs::BridgeMacs(const std::string& bridge, uint32_t limit)
    : limit_(limit),
      memory_(table::MacTable::bytes_needed(limit)),
      region_(memory_.bytes().data(), memory_.bytes().size(), "MAC table of bridge " + bridge,
              "heap"),
      table_(std::make_unique<table::MacTable>(
          memory_.bytes().first(table::MacTable::bytes_needed(limit)), limit)) {
  table_->count_ports(ports_);
}

}  // namespace starocean::dataplane
