#include "starocean/xsk/netdev_family.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include <array>
#include <cerrno>
#include <map>
#include <span>

#include <fmt/format.h>

#include "starocean/xsk/netlink_attributes.h"
#include "starocean/xsk/netlink_query.h"

namespace starocean::xsk {
namespace {

constexpr const char* kFamily = "netdev";
constexpr uint8_t kFamilyVersion = 1;

enum Command : uint8_t { kDeviceGet = 1, kQueueGet = 10, kNapiGet = 11 };
enum DeviceAttribute : uint16_t {
  kDeviceIfindex = 1,
  kDeviceXdpFeatures = 3,
  kDeviceZeroCopySegments = 4,
  kDeviceRxMetadata = 5,
  kDeviceTxMetadata = 6,
};
enum QueueAttribute : uint16_t {
  kQueueId = 1,
  kQueueIfindex = 2,
  kQueueType = 3,  // 0 receive, 1 transmit
  kQueueNapiId = 4,
  kQueueSocket = 7,
};
enum NapiAttribute : uint16_t { kNapiIfindex = 1, kNapiId = 2, kNapiIrq = 3 };

using Buffer = std::array<char, 512>;

// Integers come as 32 or 64 bits (type "uint" of the specification).
uint64_t integer(const nlattr* attribute) {
  switch (mnl_attr_get_payload_len(attribute)) {
    case sizeof(uint64_t):
      return mnl_attr_get_u64(attribute);
    case sizeof(uint32_t):
      return mnl_attr_get_u32(attribute);
    case sizeof(uint16_t):
      return mnl_attr_get_u16(attribute);
    default:
      return 0;
  }
}

using Attributes = std::map<uint16_t, uint64_t>;

Attributes attributes_of(const nlmsghdr* message) {
  Attributes found;
  each_attribute_of(message, sizeof(genlmsghdr), [&](uint16_t type, const nlattr* attribute) {
    found[type] = integer(attribute);
  });
  return found;
}

uint64_t value(const Attributes& attributes, uint16_t type) {
  const auto found = attributes.find(type);
  return found == attributes.end() ? 0 : found->second;
}

nlmsghdr* start(Buffer& buffer, uint16_t family, uint8_t command, uint16_t flags) {
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = family;
  request->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  auto* const header =
      static_cast<genlmsghdr*>(mnl_nlmsg_put_extra_header(request, sizeof(genlmsghdr)));
  header->cmd = command;
  header->version = kFamilyVersion;
  return request;
}

// The number that the kernel gave the family at boot; 0 if it has none.
Result<uint16_t> family_id() {
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr* const request = start(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
  mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, kFamily);
  uint64_t id = 0;
  const int error = netlink_query(NETLINK_GENERIC, request, [&](const nlmsghdr* message) {
    id = value(attributes_of(message), CTRL_ATTR_FAMILY_ID);
  });
  if (error != 0 && error != ENOENT && error != EPROTONOSUPPORT) {
    return fail_system("cannot look up the netlink family 'netdev'", error);
  }
  return static_cast<uint16_t>(id);
}

std::vector<std::string> bit_names(uint64_t bits, std::span<const char* const> names) {
  std::vector<std::string> found;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    found.push_back(bit < names.size() ? names[bit] : fmt::format("bit {}", bit));
  }
  return found;
}

// Errors that mean "not in this kernel", not "went wrong".
bool is_absent(int error) {
  return error == EOPNOTSUPP || error == EINVAL || error == ENOENT;
}

}  // namespace

Result<std::optional<XdpReport>> xdp_report(uint32_t ifindex) {
  const auto family = family_id();
  if (!family) return fail(family.error());
  if (*family == 0) return std::optional<XdpReport>();
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr* const request = start(buffer, *family, kDeviceGet, 0);
  mnl_attr_put_u32(request, kDeviceIfindex, ifindex);
  std::optional<XdpReport> report;
  const int error = netlink_query(NETLINK_GENERIC, request, [&](const nlmsghdr* message) {
    const Attributes told = attributes_of(message);
    report = {.features = value(told, kDeviceXdpFeatures),
              .zero_copy_segments = static_cast<uint32_t>(value(told, kDeviceZeroCopySegments)),
              .rx_metadata = value(told, kDeviceRxMetadata),
              .tx_metadata = value(told, kDeviceTxMetadata)};
  });
  if (error != 0) {
    return fail_system(fmt::format("cannot ask for the XDP features of device {}", ifindex), error);
  }
  return report;
}

std::vector<std::string> rx_metadata_names(uint64_t bits) {
  static constexpr const char* kNames[] = {"timestamp", "hash", "vlan-tag"};
  return bit_names(bits, kNames);
}

std::vector<std::string> tx_metadata_names(uint64_t bits) {
  static constexpr const char* kNames[] = {"tx-timestamp", "tx-checksum", "tx-launch-time-fifo"};
  return bit_names(bits, kNames);
}

Result<std::vector<QueueReport>> queue_reports(uint32_t ifindex) {
  const auto family = family_id();
  if (!family) return fail(family.error());
  std::vector<QueueReport> reports;
  if (*family == 0) return reports;
  const std::string what = fmt::format("cannot list the queues of device {}", ifindex);
  alignas(nlmsghdr) Buffer buffer{};
  nlmsghdr* request = start(buffer, *family, kQueueGet, NLM_F_DUMP);
  mnl_attr_put_u32(request, kQueueIfindex, ifindex);
  int error = netlink_query(NETLINK_GENERIC, request, [&](const nlmsghdr* message) {
    const Attributes told = attributes_of(message);
    reports.push_back({.queue = static_cast<uint32_t>(value(told, kQueueId)),
                       .receive = value(told, kQueueType) == 0,
                       .napi_id = static_cast<uint32_t>(value(told, kQueueNapiId)),
                       .has_socket = told.contains(kQueueSocket)});
  });
  if (is_absent(error)) return std::vector<QueueReport>();
  if (error != 0) return fail_system(what, error);
  std::map<uint32_t, int32_t> irqs;
  request = start(buffer, *family, kNapiGet, NLM_F_DUMP);
  mnl_attr_put_u32(request, kNapiIfindex, ifindex);
  error = netlink_query(NETLINK_GENERIC, request, [&](const nlmsghdr* message) {
    const Attributes told = attributes_of(message);
    if (!told.contains(kNapiIrq)) return;
    irqs[static_cast<uint32_t>(value(told, kNapiId))] = static_cast<int32_t>(value(told, kNapiIrq));
  });
  if (error != 0 && !is_absent(error)) return fail_system(what, error);
  for (QueueReport& report : reports) {
    if (const auto irq = irqs.find(report.napi_id); irq != irqs.end()) report.irq = irq->second;
  }
  return reports;
}

}  // namespace starocean::xsk
