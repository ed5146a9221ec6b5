// Any bytes as messages of the kernel: no crash, no read past the end, and what is parsed keeps its promises.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/control/address_parse.h"
#include "starocean/control/neighbour_parse.h"
#include "starocean/control/netlink_values.h"
#include "starocean/control/next_hop_parse.h"
#include "starocean/control/route_parse.h"
#include "starocean/control/rule_parse.h"

namespace {

using namespace starocean;
using namespace starocean::control;

void check_prefix(const net::IpPrefix& prefix) {
  SO_CHECK(prefix.length <= (prefix.family == net::IpFamily::kIpv4 ? 32 : 128), "too long");
  SO_CHECK(has_no_host_bits(prefix), "host bits");
  SO_CHECK(prefix.family == net::IpFamily::kIpv6 || prefix.address.is_mapped(), "not IPv4");
}

void check_message(std::span<const std::byte> message) {
  static RouteMessage route;
  if (parse_route(message, route)) {
    check_prefix(route.prefix);
    SO_CHECK(route.kind != table::RouteKind::kNone, "no kind");
    for (const RouteHop& hop : route.hops) {
      SO_CHECK(hop.weight >= 1 && hop.weight <= 256, "a weight out of range");
    }
  }
  if (const auto object = parse_next_hop(message)) {
    SO_CHECK(object->id != 0, "an object without id");
    for (const NextHopMember& member : object->members) {
      SO_CHECK(member.weight >= 1 && member.weight <= 65536, "a weight out of range");
    }
  }
  if (const auto rule = parse_rule(message)) {
    check_prefix(rule->rule.source);
    SO_CHECK(!rule->rule.to_string().empty(), "a rule without words");
  }
  if (const auto neighbour = parse_neighbour(message)) {
    SO_CHECK(neighbour->ifindex != 0, "a neighbour nowhere");
  }
  if (const auto address = parse_address(message)) {
    SO_CHECK(address->ifindex != 0, "an address nowhere");
  }
  if (const auto netconf = parse_netconf(message)) {
    SO_CHECK(netconf->ifindex != 0, "settings of nothing");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Aligned as the kernel's messages are, and of exactly this size, so that the sanitizer sees a step too far.
  std::vector<uint32_t> aligned((size + 3) / 4);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const std::span bytes(reinterpret_cast<const std::byte*>(aligned.data()), size);
  check_message(bytes);
  if (size < sizeof(nlmsghdr)) return 0;
  // Again with a length that is right, so that most inputs come past the header.
  auto* const header = reinterpret_cast<nlmsghdr*>(aligned.data());
  header->nlmsg_len = static_cast<uint32_t>(size);
  check_message(bytes);
  return 0;
}
