#include "starocean/control/memory_map.h"

#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "starocean/control/loader_memory.h"

namespace starocean::control {
namespace {

// glibc keeps each further malloc arena in a HEAP_MAX_SIZE window of its own (malloc/arena.c).
constexpr uint64_t kArenaAlignment = uint64_t{64} << 20;
constexpr uint64_t kMaxGuardBytes = uint64_t{1} << 20;
constexpr size_t kMaxNames = 4;
// Free memory at the heap's end that malloc does not give back: more than an answer of `show memory`
// needs, which would otherwise describe a heap that is smaller as soon as it is sent.
constexpr int kKeptHeapBytes = 16 << 20;

struct Purpose {
  std::string name;
  std::string kind;
};

bool writable(const SmapsEntry& entry) {
  return entry.permissions[1] == 'w';
}
bool executable(const SmapsEntry& entry) {
  return entry.permissions[2] == 'x';
}
bool inaccessible(const SmapsEntry& entry) {
  return entry.permissions.starts_with("---");
}
bool is_file(const SmapsEntry& entry) {
  return entry.path.starts_with('/');
}
bool adjoins(const SmapsEntry& low, const SmapsEntry& high) {
  return low.end == high.start;
}

// "/usr/lib/libfoo.so.1 (deleted)" → "libfoo.so.1".
std::string base_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string_view part_of_file(const SmapsEntry& entry) {
  if (executable(entry)) return "code";
  if (writable(entry)) return "data";
  return inaccessible(entry) ? "gap" : "constants";
}

Purpose purpose_of_file(const SmapsEntry& entry, std::string_view program_path) {
  const std::string_view part = part_of_file(entry);
  if (entry.path == program_path) {
    return {fmt::format("program {}", part), part == "code" ? "code" : "data"};
  }
  const std::string name = base_name(entry.path);
  if (name == "anon_hugepage") return {"huge pages", "other"};
  if (entry.path.starts_with("/dev/zero")) return {"shared anonymous memory", "other"};
  if (name.find(".so") != std::string::npos) return {fmt::format("{} {}", name, part), "library"};
  return {fmt::format("file {}", name), "other"};
}

Purpose purpose_of_special(const SmapsEntry& entry) {
  static constexpr struct {
    std::string_view prefix, name, kind;
  } kKnown[] = {
      {"[heap]", "heap", "heap"},
      {"[stack]", "main stack", "stack"},
      {"[vdso]", "vdso: system calls without entering the kernel", "kernel"},
      {"[vvar", "vvar: the vdso's clock data", "kernel"},
      {"[vsyscall]", "vsyscall: the vdso's predecessor", "kernel"},
      {"socket:[", "AF_XDP ring", "ring"},
      {"anon_inode:bpf-map", "BPF map", "kernel"},
      {"anon_inode:[perf_event]", "perf event ring", "kernel"},
      {"anon_inode:[io_uring]", "io_uring ring", "kernel"},
  };
  for (const auto& known : kKnown) {
    if (entry.path.starts_with(known.prefix)) {
      return {std::string(known.name), std::string(known.kind)};
    }
  }
  return {entry.path, "other"};
}

// An anonymous mapping, by its neighbours; either may be null.
Purpose purpose_of_anonymous(const SmapsEntry& entry, const SmapsEntry* below,
                             const SmapsEntry* above, std::string_view program_path) {
  if (below != nullptr && !adjoins(*below, entry)) below = nullptr;
  if (above != nullptr && !adjoins(entry, *above)) above = nullptr;
  // The rest of an arena is inaccessible; where it ends says nothing, since the kernel merges it with
  // what is inaccessible behind it.
  const bool rest_above = above != nullptr && above->path.empty() && inaccessible(*above);
  if (inaccessible(entry)) {
    const bool arena_below = below != nullptr && below->path.empty() &&
                             below->start % kArenaAlignment == 0 && writable(*below);
    if (arena_below) return {"malloc arena, not used yet", "heap"};
    const bool guards = above != nullptr && above->path.empty() && writable(*above) &&
                        entry.end - entry.start <= kMaxGuardBytes;
    return guards ? Purpose{"guard page", "stack"} : Purpose{"reserved addresses", "other"};
  }
  if (!writable(entry)) return {"anonymous memory", "other"};
  if (below != nullptr && is_file(*below) && writable(*below)) {
    if (below->path == program_path) return {"program bss", "bss"};
    return {fmt::format("{} bss", base_name(below->path)), "library"};
  }
  if (entry.start % kArenaAlignment == 0 && rest_above) return {"malloc arena", "heap"};
  if (below != nullptr && below->path.empty() && inaccessible(*below) &&
      below->end - below->start <= kMaxGuardBytes) {
    return {"thread stack", "stack"};
  }
  return {"anonymous memory", "other"};
}

// From the registered regions; an empty name if none touches the mapping.
Purpose purpose_from_regions(const SmapsEntry& entry, const std::vector<Region>& regions) {
  Purpose purpose;
  size_t names = 0;
  uint64_t covered = 0;
  uint64_t largest = 0;
  for (const Region& region : regions) {
    const uint64_t start = std::max(entry.start, region.start);
    const uint64_t end = std::min(entry.end, region.start + region.len_bytes);
    if (start >= end) continue;
    if (end - start > largest) {
      largest = end - start;
      purpose.kind = region.kind;
    }
    covered += end - start;
    if (++names > kMaxNames) continue;
    purpose.name += fmt::format("{}{}", names == 1 ? "" : ", ", region.name);
  }
  if (names > kMaxNames) purpose.name += fmt::format(" and {} more", names - kMaxNames);
  const bool more_than_padding = covered + entry.page_size_bytes <= entry.end - entry.start;
  if (names != 0 && more_than_padding) purpose.name += ", other memory";
  return purpose;
}

Purpose purpose_of(const std::vector<SmapsEntry>& entries, size_t at, std::string_view program_path,
                   const std::vector<Region>& regions) {
  const SmapsEntry& entry = entries[at];
  if (Purpose registered = purpose_from_regions(entry, regions); !registered.name.empty()) {
    return registered;
  }
  if (is_file(entry)) return purpose_of_file(entry, program_path);
  if (!entry.path.empty()) return purpose_of_special(entry);
  return purpose_of_anonymous(entry, at == 0 ? nullptr : &entries[at - 1],
                              at + 1 == entries.size() ? nullptr : &entries[at + 1], program_path);
}

}  // namespace

std::vector<MemoryMapping> name_mappings(const std::vector<SmapsEntry>& entries,
                                         std::string_view program_path,
                                         const std::vector<Region>& regions) {
  std::vector<MemoryMapping> mappings;
  mappings.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const SmapsEntry& entry = entries[i];
    Purpose purpose = purpose_of(entries, i, program_path, regions);
    mappings.push_back({entry.start, entry.end, std::move(purpose.name), std::move(purpose.kind),
                        entry.permissions, entry.path, entry.size_bytes, entry.page_size_bytes,
                        entry.resident_bytes, entry.locked_bytes});
  }
  return mappings;
}

Result<std::vector<MemoryMapping>> read_memory_map() {
  const auto entries = read_until_settled(read_own_smaps);
  if (!entries) return fail(entries.error());
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return name_mappings(*entries, program.string(), registered_regions());
}

void prepare_memory_map() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, kKeptHeapBytes);
  if (const auto now = read_memory_map()) register_loader_memory(*now);
}

}  // namespace starocean::control
