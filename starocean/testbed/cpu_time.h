// Where CPU time went, from /proc/stat and /proc/PID/stat (proc(5)): per CPU, all processes and interrupts,
// and per process; and a process's memory. The kernel counts in ticks of 10 ms (USER_HZ); take differences
// over a second or more. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "starocean/base/result.h"

namespace starocean::testbed {

// Nanoseconds since boot, or of a difference.
struct CpuTime {
  uint64_t user_ns = 0;
  uint64_t system_ns = 0;
  uint64_t interrupt_ns = 0;  // hard and soft
  uint64_t idle_ns = 0;       // waiting for I/O included
  uint64_t stolen_ns = 0;     // by the hypervisor: a disturbed measurement

  uint64_t busy_ns() const { return user_ns + system_ns + interrupt_ns; }
  CpuTime operator-(const CpuTime& earlier) const;
};

Result<CpuTime> cpu_time(int cpu);

// User and system time of a process with all its threads; idle and interrupt stay 0.
Result<CpuTime> process_time(pid_t pid);

// Resident bytes of a process, huge pages included (VmRSS and HugetlbPages of /proc/PID/status).
Result<uint64_t> process_resident_bytes(pid_t pid);

}  // namespace starocean::testbed
