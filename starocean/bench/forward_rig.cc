#include "starocean/bench/forward_rig.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "starocean/bench/generator.h"

namespace starocean::bench {
namespace {

using testbed::NetNamespace;
using testbed::WireEnd;

constexpr int kHoldTries = 5;
constexpr std::chrono::milliseconds kHoldTest{5};
constexpr uint64_t kPolls = 2'000'000'000;  // without a frame, until sending schedules again: a day

uint64_t polls(const std::vector<NapiCount>& by_cpu) {
  uint64_t sum = 0;
  for (const NapiCount& count : by_cpu) sum += count.polls;
  return sum;
}

// Sends a frame to the other end, from that CPU: the NAPI there runs on it.
Status knock(const WireEnd& from, int cpu) {
  const auto inside = from.where.enter();
  auto generator = Generator::create({.device = from.device, .traffic = {}, .cpu = cpu});
  if (!generator) return fail(generator.error());
  if (Status started = generator->start({.count = 1}); !started) return started;
  constexpr uint64_t kLongestMs = 2000;
  if (!generator->wait(kLongestMs)) {
    return fail(fmt::format("cannot send a frame from {}", from.device), "it takes too long");
  }
  return generator->outcome();
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

Status ForwardRig::set_interval(const WireEnd& end, uint64_t interval_ns, bool polled) const {
  return end.where.do_run({"sh", "-c",
                           fmt::format("echo {} > /sys/class/net/{}/gro_flush_timeout && "
                                       "echo {} > /sys/class/net/{}/napi_defer_hard_irqs",
                                       interval_ns, end.device, polled ? kPolls : 0, end.device)});
}

Status ForwardRig::hold_one(const WireEnd& end, const WireEnd& other, int cpu, size_t watched) {
  for (int i = 0; i < kHoldTries; ++i) {
    Status done = set_interval(end, kPollIntervalNs, true);
    if (done) done = knock(other, cpu);
    if (!done) return done;
    const auto before = watch_->read(watched);
    std::this_thread::sleep_for(kHoldTest);
    const auto after = watch_->read(watched);
    const auto there = static_cast<size_t>(cpu);
    const uint64_t polled_there = after[there].polls - before[there].polls;
    if (polled_there != 0 && polled_there == polls(after) - polls(before)) {
      polled_.push_back(end);
      return {};
    }
    // It is being polled elsewhere; let that run out.
    done = set_interval(end, kPollIntervalNs, false);
    if (!done) return done;
    std::this_thread::sleep_for(kHoldTest);
  }
  return fail(fmt::format("cannot hold the receive processing of {} on CPU {}", end.device, cpu),
              "it does not stay there", "is the machine busy?");
}

Status ForwardRig::hold(const Placement& placement, int receive_cpu, bool back) {
  const WireEnd in{device_, kIn};
  const WireEnd generator{sender_, kGenerator};
  const WireEnd end = back ? generator : WireEnd{sink_, kSink};
  const WireEnd before_end = back ? in : WireEnd{device_, kOut};
  polled_.clear();
  auto watch = NapiWatch::create({in, end});
  if (!watch) return fail(watch.error());
  watch_.emplace(std::move(*watch));
  Status done = hold_one(end, before_end, placement.checker_cpu, 1);
  if (done && receive_cpu != placement.generator_cpu) {
    done = hold_one(in, generator, receive_cpu, 0);
  }
  return done;
}

Status ForwardRig::set_poll_interval(uint64_t interval_ns) {
  for (const WireEnd& end : polled_) {
    if (Status done = set_interval(end, interval_ns, true); !done) return done;
  }
  return {};
}

}  // namespace starocean::bench
