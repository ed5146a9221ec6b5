// Trials of a forwarding benchmark: frames of one description are sent at a given rate for a given time, and
// every one that comes out is checked.
//
// Offered is what the generator handed to its device; a frame that found the ring of in0 full (256 frames,
// the veth's receive ring) is lost like any other. The rate counts from the first frame to the last. After
// the last, a trial waits until nothing has come for 60 ms, 2 s at most (RFC 2544, section 23: 2 s). Switches are taught
// with the shortest frames, whatever is measured.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/forward_results.h"
#include "starocean/bench/forward_rig.h"
#include "starocean/bench/send_engine.h"
#include "starocean/bench/traffic_spec.h"

namespace starocean::bench {

// What a device under test can say of itself, read before and after a trial. Absent: it cannot say.
struct DutCounts {
  std::optional<uint64_t> system_calls;
  std::optional<uint64_t> flooded;
  std::optional<uint64_t> routed;
  std::optional<uint64_t> redirected;     // sent by XDP_REDIRECT instead of through a socket
  std::optional<int64_t> frames_missing;  // packet buffers that are nowhere
};

class TrialRunner {
 public:
  struct Options {
    const ForwardRig* rig = nullptr;  // outlives this; not held yet
    TrafficSpec traffic;
    Placement placement;
    bool check_at_sender = false;             // the device under test sends frames back
    bool routed = false;                      // it is a router: TTL and MAC address are checked
    const std::atomic<bool>* stop = nullptr;  // outlives this; true: end soon
  };
  // Attaches the checker to the sink.
  static Result<std::unique_ptr<TrialRunner>> create(const Options& options);
  ~TrialRunner();

  // What sends: AF_XDP where frames are longer than live frames can be (send_engine.h).
  const EngineInfo& engine() const;

  // Of the device under test, once it runs and the rig is held.
  struct Watched {
    int receive_cpu = 0;
    std::vector<pid_t> processes = {};  // for CPU time
    std::function<DutCounts()> counts = {};
  };
  void watch(Watched watched);

  // Sends a few frames until some come out: bounded by `timeout_ms`.
  Status wait_until_forwarding(uint64_t timeout_ms);
  // Lets a switch learn where every address is, both ways: until a frame of each has come out at the other side.
  Status teach();

  // `pps` 0: flood. An error if interrupted, or the generator fails.
  Result<Trial> run(double pps, double seconds);
  // The same for so long that leaks show.
  Result<Soak> soak(double pps, double seconds);

 private:
  struct State;
  explicit TrialRunner(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The error of what ends because the user wants it.
tl::unexpected<Error> interrupted();

}  // namespace starocean::bench
