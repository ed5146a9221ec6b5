// The ceiling: bpf/redirect.bpf.c on both ports. Nothing runs in user space.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "bpf/redirect.skel.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/bench/dut.h"
#include "starocean/xsk/link_monitor.h"
#include "starocean/xsk/steering_attach.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

struct DestroySkeleton {
  void operator()(redirect_bpf* skeleton) const { redirect_bpf__destroy(skeleton); }
};

class XdpRedirect : public Dut {
 public:
  ~XdpRedirect() override { XdpRedirect::stop(); }

  Status start(const DutSite& site) override;
  void stop() override {
    for (int& fd : links_) {
      if (fd >= 0) close(std::exchange(fd, -1));
    }
    skeleton_.reset();
  }
  std::string version() const override { return "bpf/redirect.bpf.c"; }
  Settings settings() const override { return {{"attached", "native"}, {"map", "devmap"}}; }

 private:
  Status attach(const char* device, uint32_t ifindex, int program_fd, int& link_fd);

  std::unique_ptr<redirect_bpf, DestroySkeleton> skeleton_;
  int links_[2] = {-1, -1};
};

Status XdpRedirect::attach(const char* device, uint32_t ifindex, int program_fd, int& link_fd) {
  auto link = xsk::steering::attach_link(
      {.device = device, .ifindex = ifindex, .mode = xsk::AttachMode::kNative}, program_fd);
  if (!link) return fail(link.error());
  link_fd = link->fd;
  return {};
}

Status XdpRedirect::start(const DutSite& site) {
  constexpr const char* kWhat = "cannot load the redirecting program";
  const auto inside = site.rig.device().enter();
  const auto in = xsk::find_link(ForwardRig::kIn);
  const auto out = xsk::find_link(ForwardRig::kOut);
  if (!in || !out || !*in || !*out) return fail(kWhat, "its devices are gone");
  xsk::steering::route_libbpf_messages();
  skeleton_.reset(redirect_bpf__open_and_load());
  if (!skeleton_) return refuse_program(kWhat, errno);
  const std::pair<uint32_t, uint32_t> slots[] = {{0, (*out)->ifindex}, {1, (*in)->ifindex}};
  for (const auto& [slot, target] : slots) {
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.devices), &slot, &target, BPF_ANY) != 0) {
      return fail_system(kWhat, errno);
    }
  }
  Status attached = attach(ForwardRig::kIn, (*in)->ifindex,
                           bpf_program__fd(skeleton_->progs.redirect_first), links_[0]);
  if (attached) {
    attached = attach(ForwardRig::kOut, (*out)->ifindex,
                      bpf_program__fd(skeleton_->progs.redirect_second), links_[1]);
  }
  return attached;
}

}  // namespace

std::unique_ptr<Dut> make_xdp_redirect() {
  return std::make_unique<XdpRedirect>();
}

}  // namespace starocean::bench
