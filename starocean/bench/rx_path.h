// The ladder of the receive path: what each place costs where a packet can end, from the driver to a program's
// socket, measured in one run on one core.
//
//   sender ═ veth ═ receiver      Both are network namespaces of their own, made anew for each repetition of
//   generator       rung          each rung; the order of the rungs is rotated from repetition to repetition.
//   CPU 0           CPU 1         The receiving NAPI runs in a thread of its own, pinned, beside the program.
//
// Load: a flood first, then, on the same set-up, a fixed rate that all rungs can take, at which CPU time can
// be compared. In a flood the generator offers more than the wire takes: the veth's ring of 256 is the wire,
// and what it refuses was never on it. Handled is what the rung itself counted to its end. After each load the
// books must balance: on the wire = handled + lost (RxMeasurement::unaccounted).
//
// CPU time: shares of the receive core from /proc/stat (in units of 10 ms; threaded NAPI counts as system there),
// and, exactly, the CPU clocks of the NAPI thread and of the program's thread (clock_getcpuclockid(3)). ns per packet
// is from the sum of the latter two; the difference from all busy time is other programs': a disturbed measurement. How the sum divides is not exact: what NAPI does between waking the
// program and giving way to it is charged to the program (kernel/sched/core.c, rq_clock_skip_update()).
//
// On the receive core, NAPI and program run with real-time priorities, the program first (RxPriority); other programs
// get what Linux keeps for them, a twentieth (Documentation/scheduler/sched-rt-group.rst). What they took is told.
//
// Everything made vanishes with the process, however it ends. Control thread; run_rx_path() leaves the calling
// thread's CPU affinity changed: the receive core is for the receiver.
// Privileges: root, or CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/base/result.h"
#include "starocean/bench/rx_cases.h"
#include "starocean/testbed/cpu_time.h"

namespace starocean::bench {

struct RxPathOptions {
  int generate_cpu = 0;
  int receive_cpu = 1;
  uint32_t repetitions = 5;
  uint64_t measure_ns = 2 * kNsPerSecond;
  uint64_t warm_up_ns = 300 * kNsPerMs;
  double rate_pps = 200'000;            // 0: flood only
  uint32_t frame_bytes = 64;            // FCS included
  uint32_t flows = 1;                   // told apart by source port
  std::vector<std::string> rungs = {};  // names, of tunings too; empty: all
  bool tunings = true;
};

// One load on one set-up.
struct RxMeasurement {
  // In the window, after the warm-up.
  double seconds = 0;
  uint64_t handled = 0;
  uint64_t on_wire = 0;
  uint64_t generated = 0;
  testbed::CpuTime receive_core = {};
  uint64_t napi_ns = 0;  // 0 also when receive processing is not in a thread of its own
  uint64_t program_ns = 0;
  // From the first packet to the last, and after the last has come to rest.
  uint64_t total_generated = 0;
  uint64_t total_on_wire = 0;
  RxCounts total = {};

  int64_t unaccounted() const {
    return static_cast<int64_t>(total_on_wire) -
           static_cast<int64_t>(total.handled + total.lost_sum());
  }
};

struct RxTrial {
  uint32_t repetition = 0;  // from 1
  uint32_t place_in_order = 0;
  std::string granted = {};
  std::optional<RxMeasurement> flood = {};  // absent for RxCase::only_at_rate
  std::optional<RxMeasurement> at_rate = {};
};

struct RxCaseResult {
  const RxCase* what = nullptr;
  std::string unavailable = {};  // why this machine does not have it; else empty
  std::vector<RxTrial> trials = {};
};

struct RxPathResult {
  RxPathOptions options;
  std::vector<RxCaseResult> rungs = {};
  std::vector<RxCaseResult> tunings = {};
  uint64_t duration_ns = 0;
};

struct RxProgress {
  std::string text;
  bool finished = false;  // a measurement has ended, else one is going on
};

// Wrong usage: no such rung, nothing to measure, numbers out of range. What the machine lacks comes to light in run_rx_path().
Status check_rx_path(const RxPathOptions& options);

// An error when the machine cannot do it at all, or a measurement fails; a rung that the machine lacks is
// not one.
Result<RxPathResult> run_rx_path(const RxPathOptions& options,
                                 const std::function<void(const RxProgress&)>& progress);

}  // namespace starocean::bench
