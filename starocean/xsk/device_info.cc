#include "starocean/xsk/device_info.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "starocean/xsk/link_monitor.h"

namespace starocean::xsk {
namespace {

// errno, or 0.
int ethtool(const std::string& device, void* command) {
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

// Directories rx-0, rx-1 … tx-0 …: one per queue in use. Zeroes where /sys shows another namespace.
QueueCounts counts_in_sysfs(const std::string& device) {
  QueueCounts counts;
  std::error_code error;
  const auto folder = std::filesystem::path("/sys/class/net") / device / "queues";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    counts.receive += name.starts_with("rx-") ? 1 : 0;
    counts.transmit += name.starts_with("tx-") ? 1 : 0;
  }
  return counts;
}

}  // namespace

Result<QueueCounts> queue_counts(const std::string& device) {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  const int error = ethtool(device, &channels);
  if (error != 0 && error != EOPNOTSUPP) return cannot_ask("queue count", device, error);
  QueueCounts counts;
  if (error == 0) {
    counts.receive = channels.combined_count + channels.rx_count;
    counts.transmit = channels.combined_count + channels.tx_count;
  }
  if (counts.receive == 0) {
    // Asked first, since /sys may be that of another namespace with a device of the same name.
    const auto link = find_link(device);
    if (!link) return fail(link.error());
    if (!*link) return cannot_ask("queue count", device, ENODEV);
    const QueueCounts listed = counts_in_sysfs(device);
    const QueueCounts allocated{(*link)->rx_queues, (*link)->tx_queues};
    const bool plausible = listed.receive != 0 && listed.receive <= allocated.receive;
    counts = plausible ? listed : allocated;
  }
  return QueueCounts{std::max(counts.receive, 1u), std::max(counts.transmit, 1u)};
}

Result<uint32_t> queue_count(const std::string& device) {
  const auto counts = queue_counts(device);
  if (!counts) return fail(counts.error());
  return counts->receive;
}

Result<std::string> driver_name(const std::string& device) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (const int error = ethtool(device, &info); error != 0) {
    return cannot_ask("driver", device, error);
  }
  return std::string(info.driver, strnlen(info.driver, sizeof(info.driver)));
}

}  // namespace starocean::xsk
