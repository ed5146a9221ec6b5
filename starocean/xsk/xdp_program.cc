#include "starocean/xsk/xdp_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

#include "bpf/steer.h"
#include "bpf/steer.skel.h"
#include "starocean/base/check.h"
#include "starocean/base/log.h"
#include "starocean/xsk/present_program.h"
#include "starocean/xsk/steering_attach.h"
#include "starocean/xsk/steering_claim.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::xsk {
namespace {

struct DestroySkeleton {
  void operator()(steer_bpf* skeleton) const { steer_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<steer_bpf, DestroySkeleton>;

steer_mode kernel_mode(ClaimMode mode) {
  switch (mode) {
    case ClaimMode::kWholeInterface:
      return STEER_WHOLE;
    case ClaimMode::kTransit:
      return STEER_TRANSIT;
    case ClaimMode::kByRule:
      break;
  }
  return STEER_BY_RULE;
}

Result<Skeleton> load(const XdpProgram::Options& options) {
  const std::string what =
      fmt::format("cannot load the steering program for interface '{}'", options.device);
  Skeleton skeleton(steer_bpf__open());
  if (!skeleton) return fail_system(what, errno);
  bpf_program__set_autoload(skeleton->progs.steer_xdp, !options.multi_buffer);
  bpf_program__set_autoload(skeleton->progs.steer_xdp_frags, options.multi_buffer);
  bpf_map__set_max_entries(skeleton->maps.xsks, options.queues);
  skeleton->bss->steer_mode = kernel_mode(options.claim);
  skeleton->rodata->look_through_vlan = options.look_through_vlan;
  skeleton->rodata->stamp_arrival = options.stamp_arrival;
  skeleton->rodata->no_socket_verdict = options.outlives_process ? XDP_DROP : XDP_PASS;
  if (const int error = steer_bpf__load(skeleton.get()); error != 0) {
    return fail_system(what, -error,
                       error == -EPERM ? steering::kPrivileges
                                       : "Linux 6.1 or newer is needed; with --log-level debug the "
                                         "kernel's reasons are logged");
  }
  return skeleton;
}

}  // namespace

struct XdpProgram::State {
  State(Options wanted, Skeleton loaded, steering::Link attached_by)
      : options(std::move(wanted)),
        skeleton(std::move(loaded)),
        link(attached_by),
        claims(bpf_map__fd(skeleton->maps.claims), bpf_map__fd(skeleton->maps.fragments),
               &skeleton->bss->steer_shapes) {}
  ~State() { detach(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void detach() {
    if (link.fd >= 0) close(link.fd);
    if (link.by_netlink) take_off();
    link = {.mode = link.mode};
  }
  // Whether the device has this program, by netlink.
  bool present() const {
    const auto found = present_program(options.ifindex, options.device);
    return found && *found && (*found)->id == steering::program_id(program_fd());
  }
  void take_off() {
    const uint32_t id = steering::program_id(program_fd());
    Status done;
    if (present()) {
      done = steering::take_off(
          options.ifindex, {.id = id, .name = {}, .generic = link.mode == AttachMode::kGeneric});
    }
    if (done) done = options.left->remove(options.ifindex, id);
    if (!done) log_warning("interface '{}': {}", options.device, done.error().message());
  }
  int program_fd() const {
    return bpf_program__fd(options.multi_buffer ? skeleton->progs.steer_xdp_frags
                                                : skeleton->progs.steer_xdp);
  }

  void note_local(const Claim::Ip6& address, bool local) {
    steer_address key;
    std::memcpy(&key, address.data(), sizeof key);
    const uint32_t bit = steer_local_bit(&key);
    uint32_t& addresses = local_by_bit[bit];
    addresses += local ? 1 : -1;
    const uint64_t mask = 1ULL << bit % 64;
    auto* const word = &skeleton->bss->steer_local[bit / 64];
    __atomic_store_n(word, addresses != 0 ? *word | mask : *word & ~mask, __ATOMIC_RELEASE);
  }

  Options options;
  std::array<uint32_t, STEER_LOCAL_BITS> local_by_bit{};  // addresses in the map
  Skeleton skeleton;
  steering::Link link;
  steering::ClaimTable claims;
};

const char* to_string(AttachMode mode) {
  switch (mode) {
    case AttachMode::kAuto:
      return "auto";
    case AttachMode::kNative:
      return "native";
    case AttachMode::kGeneric:
      return "generic";
  }
  return "unknown";
}

Result<XdpProgram> XdpProgram::attach(const Options& options) {
  steering::route_libbpf_messages();
  const std::string what = fmt::format("cannot attach to interface '{}'", options.device);
  char name[IF_NAMESIZE];
  if (if_indextoname(options.ifindex, name) == nullptr) {
    return fail(what, "there is no such device", "`ip link` lists those of this network namespace",
                ENODEV);
  }
  if (options.queues == 0) return fail(what, "it has no receive queues", {}, EINVAL);
  SO_CHECK(options.left != nullptr || !options.outlives_process,
           "a program that outlives its process has to be noted");
  auto skeleton = load(options);
  if (!skeleton) return fail(skeleton.error());
  const bpf_program* program =
      options.multi_buffer ? (*skeleton)->progs.steer_xdp_frags : (*skeleton)->progs.steer_xdp;
  const auto link = steering::attach_link(options, bpf_program__fd(program));
  if (!link) return fail(link.error());
  return XdpProgram(std::make_unique<State>(options, std::move(*skeleton), *link));
}

XdpProgram::XdpProgram(std::unique_ptr<State> state) : state_(std::move(state)) {}
XdpProgram::XdpProgram(XdpProgram&&) noexcept = default;
XdpProgram& XdpProgram::operator=(XdpProgram&&) noexcept = default;
XdpProgram::~XdpProgram() = default;

Status XdpProgram::set_socket(uint32_t queue, int xsk_fd) {
  const std::string what = fmt::format("cannot direct queue {} of interface '{}' to a socket",
                                       queue, state_->options.device);
  if (queue >= state_->options.queues) {
    return fail(what, fmt::format("it has {} queue(s), counted from 0", state_->options.queues), {},
                EINVAL);
  }
  if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.xsks), &queue, &xsk_fd, BPF_ANY) !=
      0) {
    return fail_system(what, errno);
  }
  return {};
}

void XdpProgram::clear_socket(uint32_t queue) {
  bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.xsks), &queue);
}

void XdpProgram::set_mode(ClaimMode mode) {
  state_->options.claim = mode;
  __atomic_store_n(&state_->skeleton->bss->steer_mode, uint32_t{kernel_mode(mode)},
                   __ATOMIC_RELEASE);
}

void XdpProgram::set_route_filter(const RouteFilter& filter) {
  steer_route next{};
  std::copy(filter.mac.begin(), filter.mac.end(), next.mac);
  next.untagged = filter.untagged ? 1 : 0;
  for (const uint16_t vlan : filter.vlans) next.vlans[vlan / 64] |= 1ULL << vlan % 64;
  for (const uint16_t vlan : filter.whole_vlans) next.whole_vlans[vlan / 64] |= 1ULL << vlan % 64;
  std::memcpy(&state_->skeleton->bss->steer_route, &next, sizeof next);
}

Status XdpProgram::set_local(const Claim::Ip6& address, bool local) {
  const int map = bpf_map__fd(state_->skeleton->maps.local);
  const uint8_t present = 1;
  const int error = local ? bpf_map_update_elem(map, address.data(), &present, BPF_NOEXIST)
                          : bpf_map_delete_elem(map, address.data());
  if (error == 0) {
    state_->note_local(address, local);
    return {};
  }
  if (errno == (local ? EEXIST : ENOENT)) return {};
  return fail_system(
      fmt::format("cannot tell the steering program of interface '{}' of a local address",
                  state_->options.device),
      errno);
}

Status XdpProgram::add_claim(const Claim& claim) {
  if (state_->options.claim == ClaimMode::kWholeInterface) {
    return fail(fmt::format("cannot claim {} on interface '{}'", steering::describe(claim),
                            state_->options.device),
                "the whole interface is claimed", {}, EINVAL);
  }
  auto status = state_->claims.add(claim);
  if (!status)
    return fail(status.error().in(fmt::format("interface '{}'", state_->options.device)));
  return {};
}

Status XdpProgram::remove_claim(const Claim& claim) {
  auto status = state_->claims.remove(claim);
  if (!status)
    return fail(status.error().in(fmt::format("interface '{}'", state_->options.device)));
  return {};
}

XdpCounters XdpProgram::counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return {};
  std::vector<steer_counters> per_cpu(static_cast<size_t>(cpus));
  const uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.counters), &zero, per_cpu.data()) != 0)
    return {};
  XdpCounters sum;
  for (const steer_counters& counted : per_cpu) {
    sum.redirected += counted.redirected;
    sum.passed += counted.passed;
    sum.no_socket += counted.no_socket;
  }
  return sum;
}

void XdpProgram::detach() {
  state_->detach();
}

void XdpProgram::leave() {
  SO_CHECK(state_->options.outlives_process, "a program that goes with its process cannot be left");
  if (!state_->link.by_netlink) return;
  for (uint32_t queue = 0; queue < state_->options.queues; ++queue) clear_socket(queue);
  if (!state_->present()) return detach();  // the device is gone: nothing is left of it
  state_->link = {.mode = state_->link.mode};
}

bool XdpProgram::attached() const {
  if (state_->link.by_netlink) return state_->present();
  if (state_->link.fd < 0) return false;
  bpf_link_info info{};
  uint32_t info_len = sizeof(info);
  // The kernel leaves the link behind without a device when the device goes.
  return bpf_obj_get_info_by_fd(state_->link.fd, &info, &info_len) == 0 && info.xdp.ifindex != 0;
}

AttachMode XdpProgram::mode() const {
  return state_->link.mode;
}
bool XdpProgram::multi_buffer() const {
  return state_->options.multi_buffer;
}

uint32_t XdpProgram::program_id() const {
  return steering::program_id(program_fd());
}

int XdpProgram::program_fd() const {
  return state_->program_fd();
}

}  // namespace starocean::xsk
