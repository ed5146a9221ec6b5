// What `starocean bench forward` measures, as plain values. Rates are frames per second.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/bench/cpu_distance.h"
#include "starocean/bench/rate_search.h"
#include "starocean/bench/soak_watch.h"
#include "starocean/bench/statistics.h"
#include "starocean/testbed/cpu_time.h"

namespace starocean::bench {

// Of delays in nanoseconds.
struct DelaySummary {
  uint64_t count = 0;
  double mean_ns = 0;
  double p50_ns = 0;
  double p90_ns = 0;
  double p99_ns = 0;
  double p999_ns = 0;
  double max_ns = 0;
};

// Where CPU time went while the generator ran.
struct CpuUse {
  double wall_s = 0;
  testbed::CpuTime generator_cpu;  // whole CPUs, from /proc/stat
  testbed::CpuTime forwarder_cpu;
  double receive_s = 0;      // NAPI thread of the device that the frames come in by
  double check_s = 0;        // NAPI thread of the sink
  testbed::CpuTime process;  // the device's own processes; zero for what runs in the kernel

  // By the hypervisor, on both CPUs together, of the time.
  double stolen_share() const {
    if (wall_s <= 0) return 0;
    return seconds_of(generator_cpu.stolen_ns + forwarder_cpu.stolen_ns) / wall_s;
  }
};

// Of the frames that an end received, the share that was received on the intended CPU, and how many at a time.
struct ReceivePlace {
  double share = 0;
  double frames_per_poll = 0;
};

// One load, offered for some time.
struct Trial {
  double asked_pps = 0;  // 0: flood
  double seconds = 0;
  double offered_pps = 0;
  double received_pps = 0;
  uint64_t generated = 0;
  uint64_t refused = 0;   // of these, found the ring of the receiving veth full
  uint64_t received = 0;  // distinct frames
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
  uint64_t uncertain = 0;  // whether first copies or not
  uint64_t max_late_ns = 0;
  uint64_t skipped_ns = 0;       // that the generator lost its CPU for, and did not make up for
  bool reached = true;           // the load asked for
  DelaySummary sent_delay;       // from when a frame was sent
  DelaySummary scheduled_delay;  // from when it was due
  CpuUse cpu;
  ReceivePlace at_in;
  ReceivePlace at_end;
  std::optional<double> system_calls_per_packet;
  std::optional<uint64_t> flooded;  // frames that a switch sent everywhere
  std::optional<uint64_t> routed;   // IPv4 packets that a router says it has routed
  // Frames that starocean sent by XDP_REDIRECT, not through a socket.
  std::optional<uint64_t> redirected;

  double loss_ratio() const {
    return generated == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(generated);
  }
};

// A rate searched for, and the trial that confirmed it.
struct RateFound {
  SearchResult search;
  Trial trial;
};

// A long trial at 80 % of PDR: what is lost, and what grows.
struct Soak {
  Trial trial;
  uint64_t resident_before_bytes = 0;  // of the device's processes; 0: it has none
  uint64_t resident_after_bytes = 0;
  std::optional<int64_t> frames_missing;  // afterwards: packet buffers that are nowhere
  std::vector<SoakClass> by_absence;      // its seconds, by what became of the forwarder's CPU
  AbsenceSums absences;                   // of that CPU
};

// A trial of delay is made again, so often at most, where the hypervisor took more than this of the time, of both CPUs together.
// /proc/stat counts in 10 ms: one tick in a second may be next to nothing.
inline constexpr double kQuietStolenShare = 0.015;
inline constexpr uint32_t kMostDelayRepeats = 5;

// What is done in one set-up.
struct Measures {
  bool flood = true;
  bool pdr = true;
  bool ndr = true;
  bool delay = true;
  double soak_seconds = 0;               // 0: none
  std::vector<double> delay_rates = {};  // not empty: delay at these rates, and nothing else
};

// Of generator's and forwarder's CPU, looked at before each trial.
struct TurnDistance {
  CpuDistance distance = CpuDistance::kNear;  // the first
  double least_line_ns = 0, most_line_ns = 0;
  bool moved = false;  // it was not the same all the time

  void add(const CpuDistanceFound& found);
};

// One device under test, set up once and measured. What was not measured is absent.
struct Turn {
  uint32_t pair = 0;  // repetition, from 1
  std::string dut;
  std::string failure;        // why it could not be measured, or not to the end; empty: all is well
  int failure_code = 0;       // errno: ENOENT if it is not installed, EINTR if interrupted
  std::string engine;         // of the generator: "bpf-live-frames" or "af-xdp"
  std::string engine_text;    // "AF_XDP, copy mode, multi-buffer, queue 0"
  std::string engine_reason;  // why this one
  std::optional<Trial> flood;
  std::optional<RateFound> pdr;
  std::optional<RateFound> ndr;
  std::optional<Trial> delay_half;  // at 50 % of PDR
  // At 50 % of the best peer's PDR in the repetition before: there is none in the first.
  std::optional<Trial> delay_peer_half;
  std::optional<Trial> delay_common;  // at the same rate for all
  std::vector<Trial> delay_at;        // by Measures::delay_rates
  std::optional<Soak> soak;
  uint64_t frames_verified = 0;
  uint64_t corrupted = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint32_t trials = 0;
  double least_share_in = 1;   // of at_in.share, over all trials
  double least_share_end = 1;  // of at_end.share
  double stolen_s = 0;         // by the hypervisor, on both CPUs
  double wall_s = 0;
  std::optional<double>
      taken_share;  // of the forwarder's CPU, by an interrupt; entering it not counted
  std::optional<TurnDistance> distance;
  uint32_t delay_repeats = 0;  // trials of delay, made again since the hypervisor took a CPU away
  uint32_t repeats = 0;        // that were thrown away before, since the CPUs moved
};

enum class DutKind : uint8_t { kOurs, kPeer, kKernel, kCeiling };
const char* to_string(DutKind kind);  // "ours", "peer", "kernel", "ceiling"

// What a device does with frames: pass them from port to port as they are, or route IPv4. Devices are compared with
// those of the same job only.
enum class DutJob : uint8_t { kSwitch, kRoute };
const char* to_string(DutJob job);  // "switch", "route"

using Settings = std::vector<std::pair<std::string, std::string>>;

struct DutInfo {
  std::string name;
  DutKind kind = DutKind::kPeer;
  DutJob job = DutJob::kSwitch;
  std::string description;
  std::string version;
  Settings settings;
  int receive_cpu = -1;
  std::string unavailable;  // why it was not measured; empty: it was
};

struct Scenario {
  std::string label;  // "64@1k"
  std::vector<uint32_t> frame_bytes = {64};
  uint32_t flows = 1000;
  uint32_t pairs = 0;  // 0: as of the run
};

// Of one device in one scenario, over the repetitions.
struct Summary {
  std::string dut;
  Spread flood, pdr, ndr;
  Spread collapse;     // flooded rate in relation to PDR
  Spread pdr_to_peer;  // ratios, repetition by repetition, among devices of one job
  Spread flood_to_peer;
  Spread pdr_to_ours;
  Spread flood_to_ours;
  Spread
      pdr_to_first;  // ratios to the same device in the first scenario, repetition by repetition; of others
  Spread flood_to_first;
  Spread delay_half_p50_ns, delay_half_p99_ns;
  Spread delay_peer_half_p50_ns, delay_peer_half_p99_ns;
  Spread delay_peer_half_p99_to_peer;  // to the smallest of a peer, repetition by repetition
  Spread delay_common_p50_ns, delay_common_p99_ns;
  Spread cpu_s_per_million;        // flooded: forwarder's CPU, and the receiving NAPI thread
  Spread system_calls_per_packet;  // flooded
  uint64_t frames_verified = 0;
  uint64_t corrupted = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
};

struct ScenarioResult {
  Scenario scenario;
  double mean_frame_bytes = 0;
  uint32_t macs = 0;          // per side, that switches see; 0: there are only routers
  uint32_t destinations = 0;  // IP addresses that routers look up
  std::vector<Turn> turns;
  std::vector<Summary> summaries;
};

struct ForwardResults {
  Settings machine;
  Settings method;
  std::vector<std::string> notes;  // what a reader has to know before believing the figures
  bool interrupted = false;
  std::vector<DutInfo> duts;
  std::vector<ScenarioResult> scenarios;
};

}  // namespace starocean::bench
