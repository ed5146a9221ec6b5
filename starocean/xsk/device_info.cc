#include "starocean/xsk/device_info.h"

#include <linux/ethtool.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "starocean/xsk/ethtool_request.h"
#include "starocean/xsk/link_monitor.h"

namespace starocean::xsk {
namespace {

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
  const int error = ethtool::request(device, &channels);
  if (error != 0 && error != EOPNOTSUPP) return ethtool::cannot_ask("queue count", device, error);
  QueueCounts counts;
  if (error == 0) {
    counts.receive = channels.combined_count + channels.rx_count;
    counts.transmit = channels.combined_count + channels.tx_count;
  }
  if (counts.receive == 0) {
    // Asked first, since /sys may be that of another namespace with a device of the same name.
    const auto link = find_link(device);
    if (!link) return fail(link.error());
    if (!*link) return ethtool::cannot_ask("queue count", device, ENODEV);
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
  if (const int error = ethtool::request(device, &info); error != 0) {
    return ethtool::cannot_ask("driver", device, error);
  }
  return std::string(info.driver, strnlen(info.driver, sizeof(info.driver)));
}

}  // namespace starocean::xsk
