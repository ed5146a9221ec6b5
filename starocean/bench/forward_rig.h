// The wires of a forwarding benchmark: three machines, two cables.
//
//   [sender] gen0 ──────▶ in0 [device under test] out0 ──────▶ sink0 [sink]
//
// Frames go from left to right. On which CPU frames are received is part of the result, and on a veth left
// to itself it is chance: a NAPI runs where it was last scheduled from, and stays there while it is busy.
// Here it is held in its place:
//
//   in0, on the generator's CPU   by itself: the generator schedules it, and it runs as a softirq between the
//                                 generator's batches
//   in0, on another CPU           like an interrupt that is moderated: once a frame has been received there
//   sink0                         (from a generator on that CPU), it is polled from then on by a timer on
//                                 that CPU every 50 us, and sending to it schedules nothing (napi_defer_hard_irqs,
//                                 gro_flush_timeout: Documentation/networking/napi.rst)
//
// A NAPI thread would do the same, but costs a switch, and from another CPU an interrupt, for each batch however
// small: several microseconds in a virtual machine, and the generator's CPU is full before the device is. Where
// frames were received is counted (napi_watch.h), not assumed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/bench/napi_watch.h"
#include "starocean/testbed/netns.h"

namespace starocean::bench {

struct Placement {
  int generator_cpu = 0;
  int forwarder_cpu = 1;
  int checker_cpu = 0;  // where frames are received at the end
};

// Of a NAPI that a timer polls. A veth's ring of 256 frames lasts 50 us at 5 million frames per second.
inline constexpr uint64_t kPollIntervalNs = 50'000;
inline constexpr uint64_t kDelayPollIntervalNs = 10'000;  // while delay is measured

// Control thread. Goes with the object, or with the process.
class ForwardRig {
 public:
  static constexpr const char* kGenerator = "gen0";
  static constexpr const char* kIn = "in0";
  static constexpr const char* kOut = "out0";
  static constexpr const char* kSink = "sink0";
  // Of the devices; no test frame has them but those sent to a router.
  static constexpr const char* kGeneratorMac = "02:53:4f:fe:00:01";
  static constexpr const char* kInMac = "02:53:4f:fe:00:02";
  static constexpr const char* kOutMac = "02:53:4f:fe:00:03";
  static constexpr const char* kSinkMac = "02:53:4f:fe:00:04";

  static Result<std::unique_ptr<ForwardRig>> create(uint32_t mtu);

  const testbed::NetNamespace& sender() const { return sender_; }
  const testbed::NetNamespace& device() const { return device_; }
  const testbed::NetNamespace& sink() const { return sink_; }

  // Receives at in0 on `receive_cpu`, and on the checker's CPU at sink0 or, for a device that sends frames back
  // (`back`), at gen0. To be called once the device under test has set up its ends: that may undo it.
  Status hold(const Placement& placement, int receive_cpu, bool back);
  // Of the ends that a timer polls.
  Status set_poll_interval(uint64_t interval_ns);

  // Frames and polls so far, by CPU: at in0, and where frames are checked.
  std::vector<NapiCount> received_at_in() const { return watch_->read(0); }
  std::vector<NapiCount> received_at_end() const { return watch_->read(1); }

 private:
  ForwardRig(testbed::NetNamespace sender, testbed::NetNamespace device, testbed::NetNamespace sink)
      : sender_(std::move(sender)), device_(std::move(device)), sink_(std::move(sink)) {}
  Status hold_one(const testbed::WireEnd& end, const testbed::WireEnd& other, int cpu,
                  size_t watched);
  Status set_interval(const testbed::WireEnd& end, uint64_t interval_ns, bool polled) const;

  testbed::NetNamespace sender_;
  testbed::NetNamespace device_;
  testbed::NetNamespace sink_;
  std::vector<testbed::WireEnd> polled_;
  std::optional<NapiWatch> watch_;
};

}  // namespace starocean::bench
