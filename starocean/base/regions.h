// A register of memory regions by name, so that `show memory` can say what each mapping of the
// process is for: the kernel knows a mapping's pages, only its maker knows its purpose.
//
// Whoever maps memory of note registers it after mmap and unregisters it before munmap;
// ScopedRegion does both. Registration is for set-up code: it takes a lock and allocates. Any
// thread. Names are for people
// ("umem frames and rings", "xsk lan1:0 rx ring", "stack of worker 0"); kinds are the fixed words
// of show memory's "kind": umem | ring | code | data | bss | heap | stack | library | kernel |
// other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace starocean {

struct Region {
  uint64_t start = 0;  // address
  uint64_t len_bytes = 0;
  std::string name;
  std::string kind;
};

// A second registration of the same start replaces the first.
void register_region(const void* start, size_t len_bytes, std::string name, std::string kind);
// Nothing happens if no region starts there.
void unregister_region(const void* start);
// Ordered by address.
std::vector<Region> registered_regions();

// Registers for its lifetime. Move-only.
class ScopedRegion {
 public:
  ScopedRegion() = default;
  ScopedRegion(const void* start, size_t len_bytes, std::string name, std::string kind);
  // The stack of the calling thread, from its guard to its top; keep it in the thread.
  static ScopedRegion this_thread_stack(std::string name);

  ScopedRegion(ScopedRegion&& other) noexcept;
  ScopedRegion& operator=(ScopedRegion&& other) noexcept;
  ScopedRegion(const ScopedRegion&) = delete;
  ScopedRegion& operator=(const ScopedRegion&) = delete;
  ~ScopedRegion();

 private:
  const void* start_ = nullptr;
};

}  // namespace starocean
