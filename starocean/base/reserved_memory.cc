#include "starocean/base/reserved_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace starocean {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;

constexpr size_t round_up(size_t value, size_t to) {
  return (value + to - 1) / to * to;
}

}  // namespace

Result<ReservedMemory> ReservedMemory::map(size_t len_bytes, std::string_view what) {
  const size_t alignment = len_bytes >= kHugePage ? kHugePage : kPage;
  const size_t length = round_up(std::max(len_bytes, kPage), alignment);
  // An aligned piece is somewhere in this; what lies around it goes back.
  const size_t reserved = length + alignment - kPage;
  void* const mapped = mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    return fail_system(std::string("cannot reserve ")
                           .append(std::to_string(reserved >> 20))
                           .append(" MiB of address space for ")
                           .append(what),
                       error, "raise the limit of the process's address space (ulimit -v)");
  }
  auto* const first = static_cast<std::byte*>(mapped);
  const auto address = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = round_up(address, alignment) - address;
  ReservedMemory memory;
  memory.start_ = first + before;
  memory.len_bytes_ = length;
  memory.region_ = ScopedRegion(memory.start_, length, std::string(what), "heap");
  const size_t behind = reserved - before - length;
  if (before != 0) munmap(first, before);
  if (behind != 0) munmap(memory.start_ + length, behind);
#ifdef MADV_HUGEPAGE
  if (alignment == kHugePage) madvise(memory.start_, length, MADV_HUGEPAGE);
#endif
  return memory;
}

ReservedMemory::ReservedMemory(ReservedMemory&& other) noexcept
    : start_(std::exchange(other.start_, nullptr)),
      len_bytes_(std::exchange(other.len_bytes_, 0)),
      region_(std::move(other.region_)) {}

ReservedMemory& ReservedMemory::operator=(ReservedMemory&& other) noexcept {
  std::swap(start_, other.start_);
  std::swap(len_bytes_, other.len_bytes_);
  std::swap(region_, other.region_);
  return *this;
}

ReservedMemory::~ReservedMemory() {
  if (start_ != nullptr) munmap(start_, len_bytes_);
}

size_t ReservedMemory::resident_bytes() const {
  constexpr size_t kWindow = size_t{64} << 20;
  std::vector<unsigned char> pages(kWindow / kPage);
  size_t resident = 0;
  for (size_t at = 0; at < len_bytes_; at += kWindow) {
    const size_t length = std::min(kWindow, len_bytes_ - at);
    if (mincore(start_ + at, length, pages.data()) != 0) return 0;
    for (size_t i = 0; i < length / kPage; ++i) resident += (pages[i] & 1) != 0 ? kPage : 0;
  }
  return resident;
}

}  // namespace starocean
