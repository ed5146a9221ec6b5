#include "starocean/bench/forward_rig.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include <fmt/format.h>

namespace starocean::bench {
namespace {

using testbed::NetNamespace;
using testbed::WireEnd;

constexpr const char* kGeneratorMac = "02:53:4f:fe:00:01";
constexpr const char* kOutMac = "02:53:4f:fe:00:03";
constexpr int kNapiPriority = 1;

Status raise_priority(pid_t thread) {
  const sched_param parameters{.sched_priority = kNapiPriority};
  if (sched_setscheduler(thread, SCHED_FIFO, &parameters) == 0) return {};
  return fail_system("cannot give a NAPI thread real-time priority", errno,
                     "run as root, or with CAP_SYS_NICE");
}

bool pinned_to(pid_t thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  return sched_getaffinity(thread, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1 &&
         CPU_ISSET(static_cast<size_t>(cpu), &cpus);
}

}  // namespace

Result<std::unique_ptr<ForwardRig>> ForwardRig::create(uint32_t mtu) {
  auto sender = NetNamespace::create();
  if (!sender) return fail(sender.error());
  auto device = NetNamespace::create();
  if (!device) return fail(device.error());
  auto sink = NetNamespace::create();
  if (!sink) return fail(sink.error());
  std::unique_ptr<ForwardRig> rig(
      new ForwardRig(std::move(*sender), std::move(*device), std::move(*sink)));
  for (const char* name : {kGenerator, kIn, kOut, kSink}) {
    for (const pid_t thread : testbed::napi_threads(name)) rig->strangers_.push_back(thread);
  }
  const testbed::WireOptions options{.mtu = mtu};
  Status made =
      make_wire({rig->sender_, kGenerator, kGeneratorMac}, {rig->device_, kIn, kInMac}, options);
  if (made) {
    made = make_wire({rig->device_, kOut, kOutMac}, {rig->sink_, kSink, kSinkMac}, options);
  }
  // Without GRO or an XDP program a veth has no NAPI, and takes no redirected frames.
  for (const auto& [where, name] :
       {std::pair{&rig->sender_, kGenerator}, std::pair{&rig->device_, kIn},
        std::pair{&rig->device_, kOut}, std::pair{&rig->sink_, kSink}}) {
    if (made) made = where->do_run({"ethtool", "-K", name, "gro", "on"});
  }
  if (!made) return fail(made.error());
  return rig;
}

Status ForwardRig::pin_one(const WireEnd& end, int cpu) {
  if (auto pinned = testbed::pin_napi(end, cpu); !pinned) return fail(pinned.error());
  for (const pid_t thread : testbed::napi_threads(end.device)) {
    if (std::ranges::find(strangers_, thread) != strangers_.end()) continue;
    if (Status raised = raise_priority(thread); !raised) return raised;
    napi_.push_back({.device = end.device, .thread = thread, .cpu = cpu});
  }
  return {};
}

Status ForwardRig::pin(const Placement& placement, int receive_cpu) {
  napi_.clear();
  Status done = pin_one({sender_, kGenerator}, placement.generator_cpu);
  if (done) done = pin_one({device_, kIn}, receive_cpu);
  if (done) done = pin_one({device_, kOut}, receive_cpu);
  if (done) done = pin_one({sink_, kSink}, placement.generator_cpu);
  return done;
}

std::string ForwardRig::pinning_lost() const {
  for (const NapiThread& napi : napi_) {
    if (!pinned_to(napi.thread, napi.cpu)) {
      return fmt::format("the NAPI thread of {} did not stay on CPU {}", napi.device, napi.cpu);
    }
  }
  return "";
}

uint64_t run_time_ns(pid_t thread) {
  std::ifstream file(fmt::format("/proc/{}/schedstat", thread));
  uint64_t ran_ns = 0;
  file >> ran_ns;
  return ran_ns;
}

}  // namespace starocean::bench
