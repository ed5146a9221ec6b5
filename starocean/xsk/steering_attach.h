// Internal to XdpProgram: hanging a loaded program on a device, and saying why not.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"
#include "starocean/xsk/present_program.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk::steering {

struct Link {
  int fd = -1;              // a bpf_link; closing it detaches
  bool by_netlink = false;  // instead of a bpf_link: attached until somebody takes it off
  AttachMode mode = AttachMode::kNative;
};

inline constexpr const char* kPrivileges =
    "run as root, or with CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON";

// The MTU up to which a frame fits one page with the room that XDP needs in front (256 bytes) and
// the kernel behind (skb_shared_info, 320 bytes): what veth and most drivers take without
// multi-buffer.
uint32_t largest_single_page_mtu();

Result<Link> attach_link(const XdpProgram::Options& options, int program_fd);

// 0 if the kernel does not say.
uint32_t program_id(int program_fd);

// Takes off a program that is attached by netlink; never another one that came in its place meanwhile, if
// we may open programs by number (CAP_SYS_ADMIN).
Status take_off(uint32_t ifindex, const PresentProgram& present);

}  // namespace starocean::xsk::steering
