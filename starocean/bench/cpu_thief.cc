#include "starocean/bench/cpu_thief.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

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

// The clock of a CPU as a perf event, an overflow each period. Its descriptor, or a negative errno.
int open_clock(int cpu) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = kThiefPeriodNs;
  constexpr pid_t kEverybody = -1;
  constexpr int kNoGroup = -1;
  const long fd =
      syscall(SYS_perf_event_open, &attributes, kEverybody, cpu, kNoGroup, PERF_FLAG_FD_CLOEXEC);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

}  // namespace

struct CpuThief::State {
  std::unique_ptr<cpu_thief_bpf, DestroySkeleton> skeleton;
  std::unique_ptr<bpf_link, DestroyLink> link;  // closes the event
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
  state->skeleton->bss->take_ns =
      static_cast<uint64_t>(static_cast<double>(kThiefPeriodNs) * (1 - share));
  const int clock_fd = open_clock(cpu);
  if (clock_fd < 0) {
    return fail_system(fmt::format("{}, {}", kWhat, cpu), -clock_fd,
                       "perf events of a whole CPU need CAP_PERFMON");
  }
  state->link.reset(bpf_program__attach_perf_event(state->skeleton->progs.cpu_thief, clock_fd));
  if (!state->link) {
    const int error = errno;
    close(clock_fd);
    return fail_system(kWhat, error, "the kernel must be built with CONFIG_BPF_EVENTS");
  }
  return CpuThief(std::move(state));
}

uint64_t CpuThief::taken_ns() const {
  return *const_cast<volatile __u64*>(&state_->skeleton->bss->state.taken_ns);
}

uint64_t CpuThief::pieces() const {
  return *const_cast<volatile __u64*>(&state_->skeleton->bss->state.pieces);
}

}  // namespace starocean::bench
