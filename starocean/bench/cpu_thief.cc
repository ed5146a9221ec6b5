#include "starocean/bench/cpu_thief.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>

#include <cerrno>
#include <thread>

#include <fmt/format.h>

#include "bpf/cpu_thief.h"
#include "bpf/cpu_thief.skel.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

constexpr const char* kWhat = "cannot take time away from a CPU";

struct DestroySkeleton {
  void operator()(cpu_thief_bpf* skeleton) const { cpu_thief_bpf__destroy(skeleton); }
};

// Runs the program on that CPU. 0, or a negative errno.
int begin_on(int cpu, int program_fd) {
  int outcome = 0;
  std::thread([&] {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<size_t>(cpu), &only);
    if (sched_setaffinity(0, sizeof only, &only) != 0) {
      outcome = -errno;
      return;
    }
    LIBBPF_OPTS(bpf_test_run_opts, options);
    outcome = bpf_prog_test_run_opts(program_fd, &options);
    if (outcome == 0) outcome = static_cast<int>(options.retval);
  }).join();
  return outcome;
}

}  // namespace

struct CpuThief::State {
  ~State() {
    if (skeleton && skeleton->bss != nullptr) skeleton->bss->control.take_ns = 0;
  }
  std::unique_ptr<cpu_thief_bpf, DestroySkeleton> skeleton;
};

CpuThief::CpuThief(std::unique_ptr<State> state) : state_(std::move(state)) {}
CpuThief::CpuThief(CpuThief&&) noexcept = default;
CpuThief& CpuThief::operator=(CpuThief&&) noexcept = default;
CpuThief::~CpuThief() = default;

Result<CpuThief> CpuThief::create(int cpu, double share) {
  if (!(share >= kLeastCpuShare && share < 1)) {
    return fail(kWhat, fmt::format("a share of {} cannot be left", share),
                fmt::format("leave from {} to less than 1", kLeastCpuShare), EINVAL);
  }
  auto state = std::make_unique<State>();
  xsk::steering::route_libbpf_messages();
  state->skeleton.reset(cpu_thief_bpf__open_and_load());
  if (!state->skeleton) return refuse_program(kWhat, errno);
  auto& control = state->skeleton->bss->control;
  control.period_ns = kThiefPeriodNs;
  control.take_ns = static_cast<uint64_t>(static_cast<double>(kThiefPeriodNs) * (1 - share));
  const int error = begin_on(cpu, bpf_program__fd(state->skeleton->progs.cpu_thief_begin));
  if (error == -EINVAL) {
    return fail(kWhat, "the kernel keeps no timer on one CPU", "Linux 6.7 and later do", EINVAL);
  }
  if (error != 0) return fail_system(kWhat, -error);
  return CpuThief(std::move(state));
}

uint64_t CpuThief::taken_ns() const {
  return *const_cast<volatile __u64*>(&state_->skeleton->bss->state.taken_ns);
}

uint64_t CpuThief::pieces() const {
  return *const_cast<volatile __u64*>(&state_->skeleton->bss->state.periods);
}

}  // namespace starocean::bench
