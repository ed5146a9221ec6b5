#include "starocean/xsk/punt_helper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "bpf/punt.skel.h"
#include "starocean/base/log.h"
#include "starocean/xsk/punt_link.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::xsk {
namespace {

constexpr std::string_view kPrefix = "sopunt";
constexpr uint32_t kSlots = 256;              // daemons per network namespace, at most
constexpr uint32_t kHelperMtu_bytes = 65535;  // the most that veth has
constexpr const char* kAlias = "starocean: way back into Linux";
constexpr const char* kPrivileges = "run as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF";

// N of "sopunt<N>a".
std::optional<uint32_t> slot_of(std::string_view device) {
  if (!device.starts_with(kPrefix) || !device.ends_with('a')) return std::nullopt;
  const std::string_view digits = device.substr(kPrefix.size(), device.size() - kPrefix.size() - 1);
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || number >= kSlots)
    return std::nullopt;
  return number;
}

// Helpers whose owner is dead. Removing one end removes both.
Status remove_leftovers(rtnl::Connection& links) {
  const auto present = links.list();
  if (!present) return fail(present.error());
  for (const rtnl::Device& link : *present) {
    const auto number = slot_of(link.name);
    if (!number || link.kind != "veth" || link.alias != kAlias) continue;
    const auto slot = PuntSlot::take(*number);
    if (!slot) continue;
    if (const auto status = links.remove(link.ifindex); !status) return fail(status.error());
    log_info("removed the helper device '{}' that a process had left behind", link.name);
  }
  return {};
}

Result<PuntSlot> take_free_slot(rtnl::Connection& links) {
  const auto present = links.list();
  if (!present) return fail(present.error());
  const auto exists = [&](const std::string& name) {
    return std::ranges::any_of(*present,
                               [&](const rtnl::Device& link) { return link.name == name; });
  };
  for (uint32_t number = 0; number < kSlots; ++number) {
    auto slot = PuntSlot::take(number);
    if (!slot && slot.error().code() != EADDRINUSE) return slot;
    if (slot && !exists(slot->near_end()) && !exists(slot->far_end())) return slot;
  }
  return fail("cannot create a helper device", fmt::format("all {} names are in use", kSlots),
              "remove devices named sopunt… that nobody uses");
}

}  // namespace

Result<PuntSlot> PuntSlot::take(uint32_t number) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A leading zero byte makes the name abstract: no file, and gone with the socket.
  const std::string name = fmt::format("starocean/{}{}", kPrefix, number);
  std::ranges::copy(name, address.sun_path + 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail_system("cannot create a helper device", errno);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const int error = errno;
    close(fd);
    return fail_system(fmt::format("cannot take the name '{}'", name), error);
  }
  return PuntSlot(number, fd);
}

PuntSlot::PuntSlot(PuntSlot&& other) noexcept
    : number_(other.number_), fd_(std::exchange(other.fd_, -1)) {}

PuntSlot& PuntSlot::operator=(PuntSlot&& other) noexcept {
  std::swap(number_, other.number_);
  std::swap(fd_, other.fd_);
  return *this;
}

PuntSlot::~PuntSlot() {
  if (fd_ >= 0) close(fd_);
}

std::string PuntSlot::near_end() const {
  return fmt::format("{}{}a", kPrefix, number_);
}
std::string PuntSlot::far_end() const {
  return fmt::format("{}{}b", kPrefix, number_);
}

PuntHelper::PuntHelper(PuntSlot slot) : slot_(std::move(slot)), near_end_(slot_.near_end()) {}

Result<std::unique_ptr<PuntHelper>> PuntHelper::create() {
  steering::route_libbpf_messages();
  auto links = rtnl::Connection::open();
  if (!links) return fail(links.error());
  if (const auto status = remove_leftovers(*links); !status) return fail(status.error());
  auto slot = take_free_slot(*links);
  if (!slot) return fail(slot.error());
  std::unique_ptr<PuntHelper> helper(new PuntHelper(std::move(*slot)));
  if (const auto status = helper->build(); !status) return fail(status.error());
  return helper;
}

Status PuntHelper::build() {
  auto links = rtnl::Connection::open();
  if (!links) return fail(links.error());
  if (auto status = links->create_veth(near_end_, slot_.far_end(), kHelperMtu_bytes); !status)
    return status;
  near_ifindex_ = if_nametoindex(near_end_.c_str());
  const uint32_t far_ifindex = if_nametoindex(slot_.far_end().c_str());
  const rtnl::DeviceChange quiet{.alias = kAlias, .arp = false};
  for (const uint32_t ifindex : {near_ifindex_, far_ifindex}) {
    if (auto status = links->set(ifindex, quiet); !status) return status;
    // Fails only where the kernel has no IPv6, and then there is nothing to silence.
    (void)links->set(ifindex, {.no_ipv6_address = true});
  }
  if (auto status = attach_program(far_ifindex); !status) return status;
  // The far end first: an end that comes up without its peer sends only after the kernel has
  // noticed the carrier, some time later.
  if (auto status = links->set(far_ifindex, {.up = true}); !status) return status;
  return links->set(near_ifindex_, {.up = true});
}

Status PuntHelper::attach_program(uint32_t far_ifindex) {
  const std::string what =
      fmt::format("cannot put the tc program on the helper device '{}'", slot_.far_end());
  skeleton_ = punt_bpf__open_and_load();
  if (skeleton_ == nullptr) return fail_system(what, errno, kPrivileges);
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(far_ifindex),
              .attach_point = BPF_TC_INGRESS);
  if (const int error = bpf_tc_hook_create(&hook); error != 0) {
    return fail_system(what, -error,
                       "the kernel needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF");
  }
  LIBBPF_OPTS(bpf_tc_opts, attach, .prog_fd = bpf_program__fd(skeleton_->progs.punt_to_origin));
  if (const int error = bpf_tc_attach(&hook, &attach); error != 0) {
    return fail_system(what, -error,
                       "the kernel needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF");
  }
  return {};
}

PuntHelper::~PuntHelper() {
  punt_bpf__destroy(skeleton_);
  if (near_ifindex_ == 0) return;
  auto links = rtnl::Connection::open();
  const Status status = links ? links->remove(near_ifindex_) : fail(links.error());
  // Gone already: somebody removed it, or its network namespace has ended.
  if (!status && status.error().code() != ENODEV) {
    log_warning("helper device '{}' stays: {}", near_end_, status.error().message());
  }
}

}  // namespace starocean::xsk
