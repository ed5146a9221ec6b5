#include "starocean/dataplane/bridge_macs.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace starocean::dataplane {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;

std::byte* allocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : kPage;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  // Refused where the kernel has no transparent huge pages: nothing is lost but speed.
  if (alignment == kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(memory);
}

}  // namespace

void BridgeMacs::FreeMemory::operator()(std::byte* memory) const {
  std::free(memory);
}

BridgeMacs::BridgeMacs(const std::string& bridge, uint32_t limit)
    : limit_(limit), memory_(allocate(table::MacTable::bytes_needed(limit))) {
  const size_t bytes = table::MacTable::bytes_needed(limit);
  region_ = ScopedRegion(memory_.get(), bytes, "MAC table of bridge " + bridge, "heap");
  table_ = std::make_unique<table::MacTable>(std::span<std::byte>(memory_.get(), bytes), limit);
}

}  // namespace starocean::dataplane
