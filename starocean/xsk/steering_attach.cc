#include "starocean/xsk/steering_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <spdlog/fmt/fmt.h>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
#include "starocean/xsk/left_programs.h"
#include "starocean/xsk/present_program.h"

namespace starocean::xsk::steering {
namespace {

constexpr useconds_t kBusyPause_us = 20'000;
constexpr uint32_t kXdpHeadroom_bytes = 256;    // XDP_PACKET_HEADROOM
constexpr uint32_t kSkbSharedInfo_bytes = 320;  // rounded up to the cache line
constexpr uint32_t kEthernetHeader_bytes = 14;

std::string describe(const PresentProgram& present) {
  if (present.name.empty()) return "an XDP program whose name needs CAP_SYS_ADMIN to read";
  return fmt::format("the XDP program '{}' of {}", present.name,
                     present.is_ours() ? "another starocean" : "somebody else");
}

tl::unexpected<Error> refuse_present(const XdpProgram::Options& options,
                                     const PresentProgram& present) {
  std::string remedy;
  if (present.is_ours() && present.link_id == 0) {
    remedy = fmt::format(
        "stop that starocean; if it has ended and left it (on_exit: block), detach it with "
        "`ip link set dev {} {} off`",
        options.device, present.generic ? "xdpgeneric" : "xdp");
  } else if (present.is_ours() || present.link_id != 0) {
    remedy = fmt::format("stop the process that attached it (`bpftool prog show id {}` names it)",
                         present.id);
  } else {
    remedy = fmt::format("detach it with `ip link set dev {} {} off`", options.device,
                         present.generic ? "xdpgeneric" : "xdp");
  }
  return fail(fmt::format("cannot attach to interface '{}'", options.device),
              fmt::format("{} is attached (id {})", describe(present), present.id),
              remedy + ", or take another interface", EBUSY);
}

uint32_t device_mtu(const std::string& device) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  ifreq request{};
  std::strncpy(request.ifr_name, device.c_str(), sizeof(request.ifr_name) - 1);
  const int error = ioctl(fd, SIOCGIFMTU, &request);
  close(fd);
  return error == 0 ? static_cast<uint32_t>(request.ifr_mtu) : 0;
}

// Drivers say it differently: veth ERANGE (and means its peer's MTU), others EINVAL.
bool mtu_too_large(const XdpProgram::Options& options, int error) {
  if (options.multi_buffer) return false;
  return error == ERANGE ||
         (error == EINVAL && device_mtu(options.device) > largest_single_page_mtu());
}

tl::unexpected<Error> explain(const XdpProgram::Options& options, int error) {
  const std::string what = fmt::format("cannot attach to interface '{}'", options.device);
  if (mtu_too_large(options, error)) {
    return fail(
        what,
        fmt::format(
            "its MTU (now {}), or that of the other end of a veth, is above {}, the most that "
            "fits without multi-buffer",
            device_mtu(options.device), largest_single_page_mtu()),
        fmt::format("`ip link set dev {} mtu {}`, at both ends, or use multi-buffer",
                    options.device, largest_single_page_mtu()),
        error);
  }
  switch (error) {
    case EPERM:
    case EACCES:
      return fail_system(what, error, kPrivileges);
    case EOPNOTSUPP:
      return fail(what,
                  fmt::format("its driver has no {} XDP{}", to_string(options.mode),
                              options.multi_buffer ? " with multi-buffer" : ""),
                  "attach in generic mode (attach: auto)", error);
    default:
      return fail_system(what, error, "`dmesg` may hold the driver's reason");
  }
}

// A descriptor of the link, 0 for an attachment by netlink, or the negative errno.
int create_link(const XdpProgram::Options& options, int program_fd, uint32_t flags) {
  const int ifindex = static_cast<int>(options.ifindex);
  if (options.outlives_process) {
    return bpf_xdp_attach(ifindex, program_fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  }
  LIBBPF_OPTS(bpf_link_create_opts, create, .flags = flags);
  const int fd = bpf_link_create(program_fd, ifindex, BPF_XDP, &create);
  return fd < 0 ? -errno : fd;
}

bool may_fall_back(const XdpProgram::Options& options, int error) {
  if (options.mode != AttachMode::kAuto || mtu_too_large(options, error)) return false;
  return error == EOPNOTSUPP || error == EINVAL || error == ENOMEM || error == ENOSPC;
}

// As create_link().
int try_modes(const XdpProgram::Options& options, int program_fd, AttachMode& granted) {
  granted = AttachMode::kNative;
  if (options.mode != AttachMode::kGeneric) {
    const int fd = create_link(options, program_fd, XDP_FLAGS_DRV_MODE);
    if (fd >= 0 || !may_fall_back(options, -fd)) return fd;
    log_warning(
        "interface '{}' takes no native XDP program ({}); attaching in generic mode, which is "
        "slower",
        options.device, std::strerror(-fd));
  }
  granted = AttachMode::kGeneric;
  return create_link(options, program_fd, XDP_FLAGS_SKB_MODE);
}

uint32_t flags_of(const PresentProgram& present) {
  return present.generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
}

// What takes the place of `present` in one step (-1 for `program_fd`: nothing). 0 or the negative errno.
int exchange(uint32_t ifindex, const PresentProgram& present, int program_fd) {
  const int old_fd = bpf_prog_get_fd_by_id(present.id);
  LIBBPF_OPTS(bpf_xdp_attach_opts, expected, .old_prog_fd = std::max(old_fd, 0));
  const int error =
      bpf_xdp_attach(static_cast<int>(ifindex), program_fd, flags_of(present), &expected);
  if (old_fd >= 0) close(old_fd);
  return error;
}

bool mode_suits(const XdpProgram::Options& options, const PresentProgram& present) {
  return options.mode == AttachMode::kAuto ||
         (options.mode == AttachMode::kGeneric) == present.generic;
}

// A program that an earlier process left gives way: to ours in the same instant, where it is to stay and
// the mode is the same, so that nothing slips through in between. False: the device is free now.
Result<bool> replace_left(const XdpProgram::Options& options, const PresentProgram& present,
                          int program_fd, Link& link) {
  if (!options.outlives_process || !mode_suits(options, present)) {
    if (Status done = take_off(options.ifindex, present); !done) return fail(done.error());
  } else {
    const int error = exchange(options.ifindex, present, program_fd);
    if (error != 0) return explain(options, -error);
    link = {.fd = -1,
            .by_netlink = true,
            .mode = present.generic ? AttachMode::kGeneric : AttachMode::kNative};
  }
  if (Status done = options.left->remove(options.ifindex, present.id); !done) {
    return fail(done.error());
  }
  return link.by_netlink;
}

}  // namespace

Status take_off(uint32_t ifindex, const PresentProgram& present) {
  const int error = exchange(ifindex, present, -1);
  if (error == 0 || error == -ENODEV) return {};
  return fail_system(
      fmt::format("cannot take the XDP program {} off device {}", present.id, ifindex), -error);
}

uint32_t program_id(int program_fd) {
  bpf_prog_info info{};
  uint32_t info_len = sizeof(info);
  return bpf_obj_get_info_by_fd(program_fd, &info, &info_len) == 0 ? info.id : 0;
}

uint32_t largest_single_page_mtu() {
  return static_cast<uint32_t>(sysconf(_SC_PAGESIZE)) - kXdpHeadroom_bytes - kSkbSharedInfo_bytes -
         kEthernetHeader_bytes;
}

namespace {

Result<Link> attach_patiently(const XdpProgram::Options& options, int program_fd) {
  const uint64_t deadline_ns = monotonic_ns() + options.busy_patience_ms * kNsPerMs;
  for (;;) {
    const auto present = present_program(options.ifindex, options.device);
    if (!present) return fail(present.error());
    const bool patient = monotonic_ns() < deadline_ns;
    Link link;
    if (*present && options.left != nullptr && options.left->has(options.ifindex, (*present)->id)) {
      const auto replaced = replace_left(options, **present, program_fd, link);
      if (!replaced) return fail(replaced.error());
      if (*replaced) return link;
      continue;
    }
    if (*present) {
      const bool maybe_ours = (*present)->is_ours() || (*present)->name.empty();
      if (!maybe_ours || !patient) return refuse_present(options, **present);
    } else {
      link.by_netlink = options.outlives_process;
      const int attached = try_modes(options, program_fd, link.mode);
      if (attached >= 0 && !link.by_netlink) link.fd = attached;
      if (attached >= 0) return link;
      // Somebody attached between the question and the attempt, or the driver is still being torn
      // down.
      if ((-attached != EBUSY && -attached != EEXIST) || !patient) {
        return explain(options, -attached);
      }
    }
    usleep(kBusyPause_us);
  }
}

}  // namespace

Result<Link> attach_link(const XdpProgram::Options& options, int program_fd) {
  if (!options.outlives_process) return attach_patiently(options, program_fd);
  // Noted first: a process that dies after attaching leaves nothing that its successor does not know.
  const uint32_t id = program_id(program_fd);
  if (Status noted = options.left->add(options.ifindex, id); !noted) return fail(noted.error());
  auto link = attach_patiently(options, program_fd);
  if (!link) {
    if (Status done = options.left->remove(options.ifindex, id); !done) {
      log_warning("{}", done.error().message());
    }
  }
  return link;
}

}  // namespace starocean::xsk::steering
