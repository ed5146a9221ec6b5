// Every mapping of this process, named for what it is: `starocean show memory`.
//
// One entry per mapping of the kernel (a VMA), never split or merged, so that sizes, page sizes and
// resident bytes are those of /proc/self/smaps line by line. A name comes from, in this order:
//
//   1. the regions that were registered (base/regions.h) inside it: "umem frames and rings", "stack of
//      worker 0". Where the kernel has merged neighbours into one mapping, all their names, and
//      "other memory" if they do not fill it;
//   2. the path that the kernel shows: the program's and the libraries' code, constants and data, [heap],
//      [stack], [vdso], socket:[…] (the rings of an AF_XDP socket), BPF maps, huge pages;
//   3. where it lies: the zeroed data (bss) follows its file's mappings; a thread's stack follows its guard
//      page; malloc's arenas are aligned to 64 MiB.
//
// That explains everything only in a process that called prepare_memory_map() first: it leaves malloc no
// memory but [heap], and says what was there before main().
//
// Resident includes hugetlb pages, which the kernel's Rss leaves out; those are never swapped.
// "Locked" is what mlock() holds, and does not include the pages that the kernel pins for a UMEM.
#pragma once

#include <string_view>
#include <vector>

#include "starocean/base/regions.h"
#include "starocean/base/result.h"
#include "starocean/control/smaps.h"
#include "starocean/control/status.h"

namespace starocean::control {

// `program_path` is where the program lies, as the kernel shows it. Both lists are ordered by
// address. Pure; any thread.
std::vector<MemoryMapping> name_mappings(const std::vector<SmapsEntry>& entries,
                                         std::string_view program_path,
                                         const std::vector<Region>& regions);

// Of this process, at a moment at which no mapping came or went (smaps.h, read_until_settled). Reads
// /proc/self; some milliseconds; any thread.
Result<std::vector<MemoryMapping>> read_memory_map();

// Call first, while the process has one thread and has mapped nothing of its own. malloc then takes all
// it needs from [heap] (mallopt(3): one arena, no mappings of its own for large blocks), since its further
// arenas and blocks are mappings without a name that come and go with every request; and what is there
// without a name is registered as the dynamic loader's.
void prepare_memory_map();

}  // namespace starocean::control
