// A traffic generator that needs no queue of a network card: the kernel runs bpf/generate.bpf.c over frames of
// its own (BPF_PROG_RUN with BPF_F_TEST_XDP_LIVE_FRAMES), and each run fills in one frame and redirects it
// out of a device, like a driver's XDP program would. One thread makes 3 million frames per second and more.
//
//   TrafficSpec traffic{.flows = 1000};
//   auto generator = Generator::create({.device = "gen0", .traffic = traffic, .cpu = 0});
//   generator->start({.frames_per_second = 1e6, .count = 10'000'000});
//   generator->wait(30'000);
//   SendReport sent = generator->read();
//
// Offered load is open loop: frame n is due at start + n / rate, whatever became of the frames before; when
// late, frames go out one after the other until the schedule is caught up with. Each carries when it was due
// and how much later it was sent; see bpf/probe.h. Times are CLOCK_MONOTONIC.
//
// A frame that was sent has left the generator, but it reaches the wire only if the device takes it: a veth
// whose other end lacks an XDP program or GRO takes nothing, one whose other end is slow drops what does not
// fit its ring of 256. What was taken is counted at the xdp_devmap_xmit tracepoint, where the kernel says so
// itself: SendReport::sent. Frames not taken have used up sequence numbers, so a receiver misses them:
// of its loss, `dropped` happened before the wire.
//
// While it lives, the tracepoint's program also looks at bulks that others redirect (20 ns or so per bulk of
// up to 16 frames).
//
// The kernel takes at most 2^32 - 1 runs per call, of which some go by without a frame being due; a
// new call then begins, which takes some 20 ms (RCU grace periods). The schedule goes on from there, without
// catching up: SendReport::pauses and paused_ns. It happens every quarter of an hour to every hour.
//
// Threads: start() makes two, one that generates, pinned to `cpu` and never asleep while running, and one
// that watches it, asleep. All members may be called from one thread at a time; read() and running()
// from any. Both threads work in the network namespace that create() was called in. To end a run, the
// generating thread gets the signal xsk::stop_signal(), whose handler start() installs process-wide.
//
// Real-time scheduling is inherited from the caller of start(): the watching thread then runs one priority above
// the generating one, so that counts and durations end a run; but a caller of the same priority on the same
// CPU does not get to call stop().
//
// Privileges: CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, and CAP_SYS_ADMIN where create() and start() are called
// in different network namespaces. Linux 6.1 with BTF.
//
// The other engine, AF_XDP, is xsk_generator.h; send_engine.h chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/result.h"
#include "starocean/bench/send_report.h"
#include "starocean/bench/traffic_spec.h"

namespace starocean::bench {

// A live frame and its bookkeeping share a page (net/bpf/test_run.c); FCS included.
inline constexpr uint32_t kMaxLiveFrameBytes = 3300;

class Generator {
 public:
  struct Options {
    std::string device;  // frames go out of it: on a veth, to its other end
    TrafficSpec traffic = {};
    int cpu = -1;  // of the generating thread; -1: any
  };

  // Refused: a bad spec, frames longer than the device's MTU or kMaxLiveFrameBytes, no such device, a
  // device that is down, no privileges.
  static Result<Generator> create(const Options& options);
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();  // stop()

  // Begins a run: sequence numbers begin at 0. An error if one is going on.
  Status start(const Load& load);
  bool running() const;
  // Waits for the end of the run: true if it has ended. Does not end it.
  bool wait(uint64_t timeout_ms);
  // Ends the run within some milliseconds; the counts are final when it returns. Idempotent.
  void stop();

  SendReport read() const;
  // Why the run ended by itself before its limit, if it did.
  Status outcome() const;
  const TrafficSpec& traffic() const;

 private:
  struct State;
  explicit Generator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
