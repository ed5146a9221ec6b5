// A traffic generator on AF_XDP (starocean/xsk): the same frames, pacing and counts as Generator, which sends BPF
// live frames, for what those cannot do: frames of up to kMaxFrameBytes, in several buffers; devices that take
// no redirected frames; and captures, sent as they were recorded. In copy mode the frames leave like Linux's own,
// so that the other end of a veth needs neither an XDP program nor GRO.
//
//   auto generator = XskGenerator::create({.device = "gen0", .traffic = {.frame_bytes = {9018}}});
//   generator->start({.frames_per_second = 1e5, .count = 1'000'000});
//   generator->wait(30'000);
//   SendReport sent = generator->read();
//
// Open loop: a frame is stamped when it is written, right before it is handed to the kernel with those others
// that are due (64 at most). When the kernel or the device cannot take more, frames wait here, late, and are
// caught up with: nothing is skipped. After the last frame, and after stop(), everything that was handed over is
// waited for, at most a second without progress, so that SendReport::sent is exact.
//
// What "sent" and "dropped" mean is in xsk_transmitter.h. If the device goes down or away the run ends, and
// outcome() says so.
//
// Threads: start() makes one, pinned to `cpu`; it sleeps only if the next frame is not due for a while (0.15 ms).
// Members may be called from one thread at a time; read() and running() from any. create() in the device's network
// namespace; afterwards it does not matter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/result.h"
#include "starocean/bench/capture.h"
#include "starocean/bench/frame_sources.h"
#include "starocean/bench/send_report.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/xsk/socket.h"

namespace starocean::bench {

class XskGenerator {
 public:
  struct Options {
    std::string device;
    TrafficSpec traffic = {};
    // Instead of the traffic, if there is one; its frames carry no probes, and no receiver counts them.
    std::shared_ptr<const Capture> capture = nullptr;
    Replay replay = {};
    int cpu = -1;        // of the generating thread; -1: any
    uint32_t queue = 0;  // of the device; no other AF_XDP socket may have it
    xsk::ZeroCopy zero_copy = xsk::ZeroCopy::kAuto;
  };

  // Refused: a bad spec, frames longer than the device's MTU allows, no such device, a device that is down, a
  // queue that is taken, no privileges, several buffers before Linux 6.6.
  static Result<XskGenerator> create(const Options& options);
  XskGenerator(XskGenerator&&) noexcept;
  XskGenerator& operator=(XskGenerator&&) noexcept;
  ~XskGenerator();  // stop()

  // Begins a run: sequence numbers begin at 0. An error if one is going on.
  Status start(const Load& load);
  bool running() const;
  // Waits for the end of the run: true if it has ended. Does not end it.
  bool wait(uint64_t timeout_ms);
  // Ends the run; the counts are final when it returns. Idempotent.
  void stop();

  SendReport read() const;
  // Why the run ended by itself before its limit, if it did.
  Status outcome() const;

  // What the kernel has granted.
  bool zero_copy() const;
  bool multi_buffer() const;
  const std::string& note() const;  // a sentence about it, or empty

 private:
  struct State;
  explicit XskGenerator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
