#include "starocean/control/doctor_interface.h"

#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "starocean/control/doctor_affinity.h"
#include "starocean/control/doctor_peer.h"
#include "starocean/xsk/device_info.h"
#include "starocean/xsk/link_monitor.h"
#include "starocean/xsk/netlink_attributes.h"
#include "starocean/xsk/netlink_query.h"

namespace starocean::control::doctor {
namespace {

bool is_wide(const sockaddr& address) {
  if (address.sa_family == AF_INET) return true;
  if (address.sa_family != AF_INET6) return false;
  return !IN6_IS_ADDR_LINKLOCAL(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
}

bool has_address(const std::string& device) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    found |= entry->ifa_addr != nullptr && device == entry->ifa_name && is_wide(*entry->ifa_addr);
  }
  freeifaddrs(list);
  return found;
}

// The device by which Linux would reach an address that is nobody's neighbour (TEST-NET-3, RFC 5737; the
// documentation prefix of RFC 3849); 0 if it has no way. One look-up: listing the routes may take seconds.
template <size_t N>
uint32_t route_to(uint8_t family, const std::array<uint8_t, N>& address) {
  alignas(nlmsghdr) std::array<char, 128> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  auto* const route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  route->rtm_family = family;
  route->rtm_dst_len = N * 8;
  mnl_attr_put(request, RTA_DST, N, address.data());
  uint32_t ifindex = 0;
  xsk::netlink_query(NETLINK_ROUTE, request, [&](const nlmsghdr* message) {
    xsk::each_attribute_of(message, sizeof(rtmsg), [&](uint16_t type, const nlattr* attribute) {
      if (type != RTA_OIF || mnl_attr_get_payload_len(attribute) < sizeof ifindex) return;
      ifindex = mnl_attr_get_u32(attribute);
    });
  });
  return ifindex;
}

bool has_default_route(uint32_t ifindex) {
  constexpr std::array<uint8_t, 4> kFar4 = {203, 0, 113, 1};
  constexpr std::array<uint8_t, 16> kFar6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                                             0,    0,    0,    0,    0, 0, 0, 1};
  return route_to(AF_INET, kFar4) == ifindex || route_to(AF_INET6, kFar6) == ifindex;
}

// Keeps the first reason why something could not be asked.
template <class T>
void keep(InterfaceFacts& facts, Result<T> answer, T& into) {
  if (answer) {
    into = std::move(*answer);
  } else if (facts.problem.empty()) {
    facts.problem = answer.error().message();
  }
}

void read_link(const xsk::LinkInfo& link, InterfaceFacts& facts) {
  facts.exists = true;
  facts.ifindex = link.ifindex;
  facts.kind = link.kind;
  facts.up = link.up;
  facts.carrier = link.carrier;
  facts.mtu = link.mtu;
  if (link.master_ifindex != 0) {
    const auto master = xsk::find_link(link.master_ifindex);
    if (master && *master) facts.master = (*master)->name;
  }
  facts.has_address = has_address(link.name);
  facts.has_vlan_devices = has_vlan_devices(link.ifindex);
  facts.has_default_route = has_default_route(link.ifindex);
}

}  // namespace

InterfaceFacts gather_interface(const std::string& device) {
  InterfaceFacts facts;
  facts.name = device;
  const auto link = xsk::find_link(device);
  if (!link) facts.problem = link.error().message();
  if (!link || !*link) return facts;
  read_link(**link, facts);
  if (auto driver = xsk::driver_name(device)) facts.driver = std::move(*driver);
  xsk::QueueCounts counts;
  keep(facts, xsk::queue_counts(device), counts);
  facts.rx_queues = counts.receive;
  facts.tx_queues = counts.transmit;
  keep(facts, xsk::channels(device), facts.channels);
  keep(facts, xsk::present_program(facts.ifindex, device), facts.program);
  keep(facts, xsk::xdp_report(facts.ifindex), facts.report);
  keep(facts, xsk::queue_reports(facts.ifindex), facts.queues);
  keep(facts, xsk::offloads(device), facts.offloads);
  keep(facts, xsk::device_rings(device), facts.rings);
  keep(facts, xsk::coalescing(device), facts.coalescing);
  read_affinity(facts);
  facts.peer = find_peer(**link);
  return facts;
}

Result<std::vector<std::string>> interesting_devices() {
  // By what they are made of (IFLA_INFO_KIND), hardware having none.
  static constexpr const char* kKinds[] = {"",     "veth",    "tun",      "bond",
                                           "team", "macvlan", "netdevsim"};
  std::vector<std::string> names;
  const Status listed = xsk::list_links([&](const xsk::LinkInfo& link) {
    const bool ours = link.kind == "veth" && link.name.starts_with("sopunt");
    if (link.hardware_type == ARPHRD_ETHER && !ours &&
        std::ranges::find(kKinds, link.kind) != std::end(kKinds)) {
      names.push_back(link.name);
    }
  });
  if (!listed) return fail(listed.error());
  return names;
}

}  // namespace starocean::control::doctor
