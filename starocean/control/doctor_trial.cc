#include "starocean/control/doctor_trial.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/control/doctor_quote.h"
#include "starocean/control/privileges.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/socket.h"
#include "starocean/xsk/umem.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::control::doctor {
namespace {

constexpr uint64_t kTearDown_ns = 500'000'000;
constexpr std::chrono::milliseconds kTearDownPoll{5};
constexpr uint32_t kRingSize = 512;
constexpr uint32_t kFrames = 2048;
constexpr uint64_t kMemoryBytes = uint64_t{16} << 20;  // more than the frames and their arrays take

Attempt attempt_of(const Status& status) {
  if (status) return {Attempt::Outcome::kGranted, {}};
  return {Attempt::Outcome::kRefused, status.error().message()};
}

// Where a refusal has an alternative, the error's own advice ("cause; remedy") is none here.
Attempt without_advice(Attempt attempt) {
  attempt.reason = attempt.reason.substr(0, attempt.reason.find("; "));
  return attempt;
}

// Sockets and programs of a process that has just ended, doctor's own included, are taken down
// asynchronously, within milliseconds. What stays longer belongs to somebody alive.
void await_tear_down(InterfaceFacts& interface) {
  const uint64_t deadline_ns = monotonic_ns() + kTearDown_ns;
  const auto is_taken = [&] {
    return interface.program ||
           std::ranges::any_of(interface.queues, &xsk::QueueReport::has_socket);
  };
  while (is_taken() && monotonic_ns() < deadline_ns) {
    std::this_thread::sleep_for(kTearDownPoll);
    if (auto queues = xsk::queue_reports(interface.ifindex)) interface.queues = std::move(*queues);
    if (auto program = xsk::present_program(interface.ifindex, interface.name)) {
      interface.program = std::move(*program);
    }
  }
}

std::string why_not(const HostFacts& host, const InterfaceFacts& interface, bool force) {
  if (!host.missing_capabilities.empty()) {
    return fmt::format("this process lacks {}", enumerate(host.missing_capabilities));
  }
  if (!host.may_lock_memory && !host.may_lift_limits && host.memlock.hard < kMemoryBytes) {
    return "the limit of locked memory is too low";
  }
  if (interface.program) {
    return fmt::format("the XDP program with id {} is attached, and is left alone",
                       interface.program->id);
  }
  for (const xsk::QueueReport& queue : interface.queues) {
    if (queue.has_socket) {
      return fmt::format("somebody's AF_XDP socket has queue {}, and is left alone", queue.queue);
    }
  }
  if (!interface.up) return "the interface is down";
  if (force) return {};
  if (!interface.master.empty()) return fmt::format("it belongs to '{}'", interface.master);
  if (interface.has_default_route && !interface.is_veth()) {
    return fmt::format(
        "Linux reaches the world through it, and a trial may interrupt the link for a moment; "
        "`starocean doctor --trial always {}` tries it",
        shell_quoted(interface.name));
  }
  return {};
}

// Frames for the sockets of one trial.
struct Memory {
  std::unique_ptr<xsk::Umem> umem;
  std::unique_ptr<xsk::FrameDepot> depot;
  std::unique_ptr<xsk::FramePool> pool;
};

Result<Memory> make_memory(uint32_t frame_size_bytes) {
  xsk::UmemOptions options;
  options.frames = kFrames;
  options.frame_size_bytes = frame_size_bytes;
  options.hugepages = xsk::HugePages::kNone;
  options.array_bytes = xsk::FrameDepot::array_bytes(kFrames) + xsk::FramePool::array_bytes();
  auto umem = xsk::Umem::create(options);
  if (!umem) return fail(umem.error());
  auto depot = xsk::FrameDepot::create(**umem);
  if (!depot) return fail(depot.error());
  auto pool = xsk::FramePool::create(**depot);
  if (!pool) return fail(pool.error());
  return Memory{std::move(*umem), std::move(*depot), std::move(*pool)};
}

class Attached {
 public:
  Attached(const InterfaceFacts& interface, Memory memory)
      : interface_(interface), memory_(std::move(memory)) {}

  Attempt attach(xsk::AttachMode mode, bool fragments) {
    auto program = xsk::XdpProgram::attach({.device = interface_.name,
                                            .ifindex = interface_.ifindex,
                                            .queues = std::max(interface_.rx_queues, 1u),
                                            .mode = mode,
                                            .multi_buffer = fragments,
                                            .claim = xsk::ClaimMode::kByRule});
    if (!program) return attempt_of(fail(program.error()));
    program_ = std::make_unique<xsk::XdpProgram>(std::move(*program));
    return attempt_of({});
  }

  Attempt bind(xsk::ZeroCopy zero_copy, bool fragments, uint32_t* napi_id = nullptr) {
    xsk::XskOptions options;
    options.device = interface_.name;
    options.rx_size = options.tx_size = kRingSize;
    options.fill_size = options.completion_size = kRingSize;
    options.zero_copy = zero_copy;
    options.multi_buffer = fragments;
    auto socket = xsk::XskSocket::open(*memory_.umem, options, memory_.pool.get());
    if (!socket) return attempt_of(fail(socket.error()));
    (*socket)->kick_receive();
    if (napi_id != nullptr) {
      socklen_t length = sizeof *napi_id;
      getsockopt((*socket)->fd(), SOL_SOCKET, SO_INCOMING_NAPI_ID, napi_id, &length);
    }
    (*socket)->close(*memory_.pool);
    return attempt_of({});
  }

 private:
  const InterfaceFacts& interface_;
  Memory memory_;
  std::unique_ptr<xsk::XdpProgram> program_;
};

}  // namespace

Trial try_interface(const HostFacts& host, InterfaceFacts& interface, const TrialOptions& options) {
  Trial trial;
  await_tear_down(interface);
  trial.skipped = why_not(host, interface, options.force);
  if (!trial.skipped.empty()) return trial;
  auto memory = make_memory(options.frame_size_bytes);
  if (!memory) {
    trial.skipped = memory.error().message();
    return trial;
  }
  Attached attached(interface, std::move(*memory));
  // A program for several frames serves for packets of one, too: attach it first, and only once.
  if (host.kernel.multi_buffer.value_or(false)) {
    trial.fragments = without_advice(attached.attach(xsk::AttachMode::kNative, true));
  }
  trial.native = trial.fragments.granted()
                     ? trial.fragments
                     : without_advice(attached.attach(xsk::AttachMode::kNative, false));
  if (trial.native.refused()) {
    trial.generic = attached.attach(xsk::AttachMode::kGeneric, false);
    if (trial.generic.refused()) return trial;
  } else {
    trial.zero_copy = without_advice(attached.bind(xsk::ZeroCopy::kRequire, false, &trial.napi_id));
  }
  trial.copy = attached.bind(xsk::ZeroCopy::kOff, false);
  if (trial.fragments.granted()) {
    trial.multi_buffer = without_advice(attached.bind(xsk::ZeroCopy::kAuto, true));
  }
  return trial;
}

}  // namespace starocean::control::doctor
