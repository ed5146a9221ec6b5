#include "starocean/xsk/steering_attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <spdlog/fmt/fmt.h>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
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
  if (present.is_ours() || present.link_id != 0) {
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

int create_link(int program_fd, uint32_t ifindex, uint32_t flags) {
  LIBBPF_OPTS(bpf_link_create_opts, create, .flags = flags);
  const int fd = bpf_link_create(program_fd, static_cast<int>(ifindex), BPF_XDP, &create);
  return fd < 0 ? -errno : fd;
}

bool may_fall_back(const XdpProgram::Options& options, int error) {
  if (options.mode != AttachMode::kAuto || mtu_too_large(options, error)) return false;
  return error == EOPNOTSUPP || error == EINVAL || error == ENOMEM || error == ENOSPC;
}

// A descriptor, or the negative errno.
int try_modes(const XdpProgram::Options& options, int program_fd, AttachMode& granted) {
  granted = AttachMode::kNative;
  if (options.mode != AttachMode::kGeneric) {
    const int fd = create_link(program_fd, options.ifindex, XDP_FLAGS_DRV_MODE);
    if (fd >= 0 || !may_fall_back(options, -fd)) return fd;
    log_warning(
        "interface '{}' takes no native XDP program ({}); attaching in generic mode, which is "
        "slower",
        options.device, std::strerror(-fd));
  }
  granted = AttachMode::kGeneric;
  return create_link(program_fd, options.ifindex, XDP_FLAGS_SKB_MODE);
}

}  // namespace

uint32_t largest_single_page_mtu() {
  return static_cast<uint32_t>(sysconf(_SC_PAGESIZE)) - kXdpHeadroom_bytes - kSkbSharedInfo_bytes -
         kEthernetHeader_bytes;
}

Result<Link> attach_link(const XdpProgram::Options& options, int program_fd) {
  const uint64_t deadline_ns = monotonic_ns() + options.busy_patience_ms * kNsPerMs;
  for (;;) {
    const auto present = present_program(options.ifindex, options.device);
    if (!present) return fail(present.error());
    const bool patient = monotonic_ns() < deadline_ns;
    if (*present) {
      const bool maybe_ours = (*present)->is_ours() || (*present)->name.empty();
      if (!maybe_ours || !patient) return refuse_present(options, **present);
    } else {
      Link link;
      link.fd = try_modes(options, program_fd, link.mode);
      if (link.fd >= 0) return link;
      const int error = -link.fd;
      // Somebody attached between the question and the attempt, or the driver is still being torn
      // down.
      if ((error != EBUSY && error != EEXIST) || !patient) return explain(options, error);
    }
    usleep(kBusyPause_us);
  }
}

}  // namespace starocean::xsk::steering
