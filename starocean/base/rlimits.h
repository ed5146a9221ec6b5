// Resource limits of the process (setrlimit(2)).
//
// RLIMIT_MEMLOCK: registering a UMEM pins its pages and counts them against this limit, unless the
// process has CAP_IPC_LOCK (Linux net/xdp/xdp_umem.c, xdp_umem_account_pages). Before Linux 5.11
// BPF maps and programs count too. RLIMIT_STACK: how far the main thread's stack may grow.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace starocean {

// Sets both limits to infinity, which takes CAP_SYS_RESOURCE when the hard limit is lower; without
// it, as high as the hard limit allows. That is not a failure: each limit that stays finite gives a
// sentence for the log, with its value and what would help. Early in main(); process-wide.
std::vector<std::string> lift_resource_limits();

// The bytes that the process may lock: UINT64_MAX for infinity.
uint64_t memlock_limit_bytes();

}  // namespace starocean
