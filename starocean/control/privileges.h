// What the process may do: check it before work starts, and give up what is not needed afterwards
// (capabilities(7), libcap).
//
// The data plane needs CAP_NET_ADMIN (attach XDP programs, set devices), CAP_NET_RAW (AF_XDP
// sockets), CAP_BPF and CAP_PERFMON (load programs and maps; the latter because the verifier forbids
// others headers of variable length; CAP_SYS_ADMIN includes both), and CAP_IPC_LOCK or an RLIMIT_MEMLOCK that holds the UMEM.
#pragma once

#include <sys/capability.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "starocean/base/result.h"

namespace starocean::control {

// What the daemon keeps once it runs: interfaces come and go, and each needs sockets and programs.
inline constexpr cap_value_t kDaemonCapabilities[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF,
                                                      CAP_PERFMON, CAP_IPC_LOCK};

// Of the calling thread, in its effective set.
bool has_capability(cap_value_t capability);
// Names of those that the data plane needs and the calling thread lacks, CAP_IPC_LOCK apart.
std::vector<std::string> missing_capabilities();
// "a", "a and b", "a, b and c".
std::string enumerate(const std::vector<std::string>& items);

// Fails with one sentence that names all that is missing. `umem_bytes` is what will be registered
// as UMEM. Any thread; speaks of the calling one.
Status need_privileges(uint64_t umem_bytes);

// Leaves the calling thread, and the threads that it starts from now on, with those of `kept` that
// it has: in the permitted, effective and inheritable sets; the ambient set is emptied, everything
// else is dropped from the bounding set (which takes CAP_SETPCAP; without it the bounding set stays
// as it is), and no_new_privs is set, so that no program started from here gains any. There is no
// way back.
//
// Capabilities belong to threads: call it before other threads start. Returns a sentence for the
// log.
Result<std::string> keep_capabilities(std::span<const cap_value_t> kept);

}  // namespace starocean::control
