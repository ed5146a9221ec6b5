// Reads /proc/PID/smaps (proc_pid_smaps(5)). Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"

namespace starocean::control {

struct SmapsEntry {
  uint64_t start = 0;
  uint64_t end = 0;
  std::string permissions;  // "rw-p"
  std::string path;         // a file, "[heap]" and its like, or empty for anonymous memory
  uint64_t size_bytes = 0;
  uint64_t page_size_bytes = 0;  // KernelPageSize: 2 MiB or 1 GiB for hugetlb memory
  // Rss + Private_Hugetlb + Shared_Hugetlb: the kernel leaves hugetlb pages out of Rss, though
  // nothing is more resident than they (they are never swapped).
  uint64_t resident_bytes = 0;
  // Locked: what mlock() holds. Pages that the kernel pinned for a UMEM are not in it.
  uint64_t locked_bytes = 0;
};

// Fails on text that is not smaps; fields that are not known are passed over. Pure.
Result<std::vector<SmapsEntry>> parse_smaps(std::string_view text);

// Of this process, read once. The kernel prints a few mappings at a time and lets the process map and
// unmap in between: one reading may show what never existed at one moment.
Result<std::vector<SmapsEntry>> read_own_smaps();

inline constexpr int kMaxReadings = 50;
// Calls `read` until two readings in a row have the same mappings (address, permissions, path), and
// returns the later; after kMaxReadings the last one, of a process that does not stand still.
Result<std::vector<SmapsEntry>> read_until_settled(
    const std::function<Result<std::vector<SmapsEntry>>()>& read);

}  // namespace starocean::control
