// The wires of a forwarding benchmark: three machines, two cables.
//
//   [sender] gen0 ──────▶ in0 [device under test] out0 ──────▶ sink0 [sink]
//
// Frames go from left to right. Receive processing of every end runs in a NAPI thread that is pinned and has real-time
// priority (SCHED_FIFO): when frames arrive it runs at once, as a softirq on that CPU would, and not when
// the generator's time slice is over. Where it is pinned is part of the result.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/testbed/netns.h"

namespace starocean::bench {

struct Placement {
  int generator_cpu = 0;  // also receives at the sink
  int forwarder_cpu = 1;
};

struct NapiThread {
  std::string device;
  pid_t thread = 0;
  int cpu = -1;
};

// Control thread. Goes with the object, or with the process.
class ForwardRig {
 public:
  static constexpr const char* kGenerator = "gen0";
  static constexpr const char* kIn = "in0";
  static constexpr const char* kOut = "out0";
  static constexpr const char* kSink = "sink0";
  // Of the devices; no test frame has them but those sent to a router.
  static constexpr const char* kInMac = "02:53:4f:fe:00:02";
  static constexpr const char* kSinkMac = "02:53:4f:fe:00:04";

  static Result<std::unique_ptr<ForwardRig>> create(uint32_t mtu);

  const testbed::NetNamespace& sender() const { return sender_; }
  const testbed::NetNamespace& device() const { return device_; }
  const testbed::NetNamespace& sink() const { return sink_; }

  // Threads and pins the receive processing of all ends: that of in0 and out0 to `receive_cpu`, the others' to
  // the generator's. To be called once the device under test has set up its ends, which may replace the
  // threads.
  Status pin(const Placement& placement, int receive_cpu);
  const std::vector<NapiThread>& napi() const { return napi_; }
  // Empty, or what is no longer as pin() left it.
  std::string pinning_lost() const;

 private:
  ForwardRig(testbed::NetNamespace sender, testbed::NetNamespace device, testbed::NetNamespace sink)
      : sender_(std::move(sender)), device_(std::move(device)), sink_(std::move(sink)) {}
  Status pin_one(const testbed::WireEnd& end, int cpu);

  testbed::NetNamespace sender_;
  testbed::NetNamespace device_;
  testbed::NetNamespace sink_;
  std::vector<NapiThread> napi_;
  std::vector<pid_t> strangers_;  // threads of devices of the same names elsewhere
};

// CPU time that a thread, or all threads of a process, have had, from /proc/PID/schedstat: exact, unlike ticks. 0 when
// it has ended.
uint64_t run_time_ns(pid_t thread);

}  // namespace starocean::bench
