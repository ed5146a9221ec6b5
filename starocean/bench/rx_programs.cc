#include "starocean/bench/rx_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <cerrno>
#include <numeric>
#include <utility>
#include <vector>

#include "bpf/rx_path.h"
#include "bpf/rx_path.skel.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

struct DestroySkeleton {
  void operator()(rx_path_bpf* skeleton) const { rx_path_bpf__destroy(skeleton); }
};

}  // namespace

struct RxPrograms::State {
  ~State() {
    if (link_fd >= 0) close(link_fd);
  }
  std::unique_ptr<rx_path_bpf, DestroySkeleton> skeleton;
  int link_fd = -1;
  int cpus = 0;
};

RxPrograms::RxPrograms(std::unique_ptr<State> state) : state_(std::move(state)) {}
RxPrograms::RxPrograms(RxPrograms&&) noexcept = default;
RxPrograms& RxPrograms::operator=(RxPrograms&&) noexcept = default;
RxPrograms::~RxPrograms() = default;

Result<RxPrograms> RxPrograms::load() {
  constexpr auto kWhat = "cannot load the programs of the receive-path ladder";
  xsk::steering::route_libbpf_messages();
  auto state = std::make_unique<State>();
  state->skeleton.reset(rx_path_bpf__open());
  if (!state->skeleton) return fail_system(kWhat, errno);
  if (const int error = rx_path_bpf__load(state->skeleton.get()); error != 0) {
    return refuse_program(kWhat, -error);
  }
  state->cpus = libbpf_num_possible_cpus();
  return RxPrograms(std::move(state));
}

Status RxPrograms::attach_xdp(uint32_t ifindex, bool native) {
  LIBBPF_OPTS(bpf_link_create_opts, options,
              .flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
  state_->link_fd = bpf_link_create(bpf_program__fd(state_->skeleton->progs.drop_in_xdp),
                                    static_cast<int>(ifindex), BPF_XDP, &options);
  if (state_->link_fd >= 0) return {};
  return fail_system(native ? "cannot attach an XDP program in native mode"
                            : "cannot attach an XDP program in generic mode",
                     -state_->link_fd);
}

Status RxPrograms::attach_tc(uint32_t ifindex) {
  constexpr auto kWhat = "cannot attach a classifier at tc ingress";
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
              .attach_point = BPF_TC_INGRESS);
  if (const int error = bpf_tc_hook_create(&hook); error != 0) {
    return fail_system(kWhat, -error, "the kernel needs CONFIG_NET_SCH_INGRESS");
  }
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(state_->skeleton->progs.drop_in_tc));
  if (const int error = bpf_tc_attach(&hook, &options); error != 0) {
    return fail_system(kWhat, -error, "the kernel needs CONFIG_NET_CLS_BPF");
  }
  return {};
}

uint64_t RxPrograms::count(uint32_t key) const {
  std::vector<uint64_t> values(static_cast<size_t>(state_->cpus));
  // Cannot fail: the key is in the array.
  bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.counts), &key, values.data());
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

uint64_t RxPrograms::dropped() const {
  return count(RX_PATH_DROPPED);
}

uint64_t RxPrograms::passed() const {
  return count(RX_PATH_PASSED);
}

}  // namespace starocean::bench
