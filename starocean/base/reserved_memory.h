// Memory for large tables: address space reserved at once, zero, and resident only where it is written.
//
// A mapping of its own: a block of malloc's would lie in a mapping with other things, and madvise() would
// split that. Of at least 2 MiB, it begins on a multiple of that, and transparent huge pages are asked for
// (madvise(2), MADV_HUGEPAGE; Documentation/admin-guide/mm/transhuge.rst): then it is resident in steps of
// 2 MiB. Where the kernel has none, nothing is lost but speed. Move-only; set-up code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "starocean/base/regions.h"
#include "starocean/base/result.h"

namespace starocean {

class ReservedMemory {
 public:
  ReservedMemory() = default;
  // `len_bytes` rounded up to whole pages (see above). The error says `what` it was for.
  static Result<ReservedMemory> map(size_t len_bytes, std::string_view what);
  ReservedMemory(ReservedMemory&& other) noexcept;
  ReservedMemory& operator=(ReservedMemory&& other) noexcept;
  ~ReservedMemory();

  std::span<std::byte> bytes() const { return {start_, len_bytes_}; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(start_);
  }
  // How much of it is in memory now (mincore(2)); walks all of it.
  size_t resident_bytes() const;

 private:
  std::byte* start_ = nullptr;
  size_t len_bytes_ = 0;
  ScopedRegion region_;  // `show memory` names it
};

}  // namespace starocean
