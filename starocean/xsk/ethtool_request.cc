#include "starocean/xsk/ethtool_request.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace starocean::xsk::ethtool {

int request(const std::string& device, void* command) {
  if (device.empty() || device.size() >= IFNAMSIZ) return ENODEV;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  ifreq request{};
  std::memcpy(request.ifr_name, device.data(), device.size());
  request.ifr_data = static_cast<char*>(command);
  const int error = ioctl(fd, SIOCETHTOOL, &request) == 0 ? 0 : errno;
  close(fd);
  return error;
}

tl::unexpected<Error> cannot_ask(const char* about, const std::string& device, int error) {
  const std::string what = fmt::format("cannot read the {} of '{}'", about, device);
  if (error == ENODEV) {
    return fail(what, "there is no such device", "`ip link` lists those that there are", error);
  }
  return fail_system(what, error);
}

}  // namespace starocean::xsk::ethtool
