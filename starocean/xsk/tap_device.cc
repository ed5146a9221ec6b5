#include "starocean/xsk/tap_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "starocean/xsk/punt_link.h"

namespace starocean::xsk {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

std::string what_for(const std::string& name) {
  return fmt::format("cannot make the device '{}'", name);
}

// False: there is no such device. An error: it is not one that may be adopted.
Result<bool> is_adoptable(rtnl::Connection& rtnetlink, const std::string& name) {
  auto found = rtnetlink.find(name);
  if (!found && found.error().code() == ENODEV) return false;
  if (!found) return fail(found.error());
  if (found->kind == "tun" && found->alias == kTapAlias) return true;
  return fail(what_for(name),
              fmt::format("Linux has a device of this name already{}, which starocean did not make",
                          found->kind.empty() ? "" : fmt::format(" ({})", found->kind)),
              fmt::format("choose another name, or remove it with `ip link del {}`", name));
}

}  // namespace

Result<TapDevice> TapDevice::open(const std::string& name,
                                  std::optional<std::array<uint8_t, 6>> mac) {
  auto rtnetlink = rtnl::Connection::open();
  if (!rtnetlink) return fail(rtnetlink.error());
  auto adopt = is_adoptable(*rtnetlink, name);
  if (!adopt) return fail(adopt.error());
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return fail_system(what_for(name) + ": /dev/net/tun does not open", errno,
                       "load the module with `modprobe tun`, and run as root");
  }
  TapDevice tap(name, fd);
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) != 0) {
    const int error = errno;
    return fail_system(what_for(name), error,
                       error == EBUSY
                           ? "another process has it: is another starocean running with the "
                             "same configuration?"
                           : "CAP_NET_ADMIN is needed");
  }
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return fail_system(what_for(name), errno);
  tap.ifindex_ = index;
  tap.adopted_ = *adopt;
  if (*adopt) {
    Status set = mac ? rtnetlink->set(index, {.mac = mac}) : Status{};
    if (!set) return fail(set.error());
    return tap;
  }
  // The alias first: a device that cannot be told to be ours must not outlive us.
  const rtnl::DeviceChange ours{.alias = std::string(kTapAlias), .mac = mac, .up = true};
  if (Status set = rtnetlink->set(index, ours); !set) return fail(set.error());
  if (ioctl(fd, TUNSETPERSIST, 1) != 0) return fail_system(what_for(name), errno);
  return tap;
}

TapDevice::TapDevice(TapDevice&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::exchange(other.fd_, -1)),
      ifindex_(other.ifindex_),
      adopted_(other.adopted_) {}

TapDevice& TapDevice::operator=(TapDevice&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  std::swap(ifindex_, other.ifindex_);
  std::swap(adopted_, other.adopted_);
  return *this;
}

TapDevice::~TapDevice() {
  if (fd_ >= 0) ::close(fd_);
}

size_t TapDevice::read(std::span<const iovec> pieces) {
  const ssize_t length = ::readv(fd_, pieces.data(), static_cast<int>(pieces.size()));
  return length > 0 ? static_cast<size_t>(length) : 0;
}

bool TapDevice::write(std::span<const iovec> pieces) {
  return ::writev(fd_, pieces.data(), static_cast<int>(pieces.size())) > 0;
}

void TapDevice::remove() {
  if (fd_ < 0) return;
  ioctl(fd_, TUNSETPERSIST, 0);
  ::close(std::exchange(fd_, -1));
}

}  // namespace starocean::xsk
