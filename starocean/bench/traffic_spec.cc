#include "starocean/bench/traffic_spec.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "starocean/net/ethernet.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kEthernetBytes = 14;
constexpr uint32_t kTagBytes = 4;
constexpr uint32_t kIpv4Bytes = 20;
constexpr uint32_t kIpv6Bytes = 40;
constexpr uint32_t kUdpBytes = 8;
constexpr uint64_t kLargestVlan = 4094;  // IEEE 802.1Q-2018, table 9-2: 4095 is reserved

constexpr std::string_view kWhat = "cannot generate this traffic";

// Adds to the last 32 bits of an address, the last 48 of a MAC address, in network order.
template <size_t kSize>
std::array<uint8_t, kSize> plus(std::array<uint8_t, kSize> bytes, uint64_t amount) {
  for (size_t i = kSize; i-- > 0 && amount != 0;) {
    amount += bytes[i];
    bytes[i] = static_cast<uint8_t>(amount);
    amount >>= 8;
  }
  return bytes;
}

net::MacAddress nth(const Range<net::MacAddress>& range, uint64_t n) {
  return net::MacAddress(plus(range.first.bytes(), n % range.count));
}

IpAddress nth(const Range<IpAddress>& range, uint64_t n) {
  n %= range.count;
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&range.first)) {
    return net::Ipv4Address(static_cast<uint32_t>(v4->host() + n));
  }
  return net::Ipv6Address(plus(std::get<net::Ipv6Address>(range.first).bytes(), n));
}

uint16_t nth(const Range<uint16_t>& range, uint64_t n) {
  return static_cast<uint16_t>(range.first + n % range.count);
}

uint64_t stations(const TrafficSpec& spec) {
  return std::max({spec.source.count, spec.destination.count, spec.source_mac.count,
                   spec.destination_mac.count, spec.vlan ? spec.vlan->count : 1});
}

Status check_numbers(const char* name, const Range<uint16_t>& range, uint64_t largest) {
  if (range.count != 0 && range.first + range.count - 1 <= largest) return {};
  return fail(kWhat, fmt::format("the range of {} ends above {}", name, largest));
}

Status check_ranges(const TrafficSpec& spec) {
  if (spec.source.first.index() != spec.destination.first.index()) {
    return fail(kWhat, "one address is IPv4 and the other IPv6", "give both of one family");
  }
  for (const Range<IpAddress>* range : {&spec.source, &spec.destination}) {
    const auto* v4 = std::get_if<net::Ipv4Address>(&range->first);
    if (range->count == 0 || range->count > uint64_t{1} << 32 ||
        (v4 != nullptr && v4->host() + range->count - 1 > UINT32_MAX)) {
      return fail(kWhat, "a range of addresses is empty or ends above 255.255.255.255");
    }
  }
  for (const Range<net::MacAddress>* range : {&spec.source_mac, &spec.destination_mac}) {
    if (range->count == 0 || range->count > uint64_t{1} << 32) {
      return fail(kWhat, "a range of MAC addresses is empty or larger than 2^32");
    }
  }
  if (spec.source_mac.first.is_multicast()) {
    return fail(kWhat, fmt::format("the source MAC {} is a group address",
                                   spec.source_mac.first.to_string()));
  }
  if (Status ports = check_numbers("source ports", spec.source_port, UINT16_MAX); !ports) {
    return ports;
  }
  if (Status ports = check_numbers("destination ports", spec.destination_port, UINT16_MAX);
      !ports) {
    return ports;
  }
  return spec.vlan ? check_numbers("VLAN ids", *spec.vlan, kLargestVlan) : Status();
}

Status check_sizes(const TrafficSpec& spec) {
  if (spec.frame_bytes.empty() || spec.frame_bytes.size() > kMaxSizes) {
    return fail(kWhat, fmt::format("it has {} frame sizes", spec.frame_bytes.size()),
                fmt::format("give 1 to {}", kMaxSizes));
  }
  for (const uint32_t size : spec.frame_bytes) {
    if (size >= spec.shortest_frame_bytes() && size <= kMaxFrameBytes) continue;
    return fail(kWhat,
                fmt::format("frames of {} bytes cannot carry a probe behind {}{} headers", size,
                            spec.ipv6() ? "IPv6" : "IPv4", spec.vlan ? ", VLAN" : ""),
                fmt::format("use {} to {} bytes, FCS included", spec.shortest_frame_bytes(),
                            kMaxFrameBytes));
  }
  return {};
}

}  // namespace

uint32_t TrafficSpec::header_bytes() const {
  return kEthernetBytes + (vlan ? kTagBytes : 0) + (ipv6() ? kIpv6Bytes : kIpv4Bytes) + kUdpBytes;
}

uint32_t TrafficSpec::shortest_frame_bytes() const {
  return header_bytes() + kProbeBytes + kFcsBytes;
}

uint32_t TrafficSpec::longest_frame_bytes() const {
  return *std::max_element(frame_bytes.begin(), frame_bytes.end());
}

double TrafficSpec::mean_frame_bytes() const {
  return std::accumulate(frame_bytes.begin(), frame_bytes.end(), 0.0) /
         static_cast<double>(frame_bytes.size());
}

uint64_t TrafficSpec::distinct_flows() const {
  return stations(*this) * source_port.count * destination_port.count;
}

void TrafficSpec::set_default_ipv6() {
  source = {net::Ipv6Address({0x20, 0x01, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}), 1};
  destination = {net::Ipv6Address({0x20, 0x01, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1}), 1};
}

Status check(const TrafficSpec& spec) {
  if (Status ranges = check_ranges(spec); !ranges) return ranges;
  if (Status sizes = check_sizes(spec); !sizes) return sizes;
  if (!net::is_vlan_ethertype(spec.vlan_tpid)) {
    return fail(kWhat, fmt::format("{:#06x} is no EtherType of a VLAN tag", spec.vlan_tpid),
                "use 0x8100 or 0x88a8");
  }
  if (spec.flows == 0 || spec.flows > kMaxFlows) {
    return fail(kWhat, fmt::format("it has {} flows", spec.flows),
                fmt::format("use 1 to {}", kMaxFlows));
  }
  if (spec.flows > spec.distinct_flows()) {
    return fail(kWhat,
                fmt::format("{} flows are asked for, but the ranges tell only {} apart", spec.flows,
                            spec.distinct_flows()),
                "widen the range of addresses or ports");
  }
  return {};
}

std::vector<uint32_t> simple_imix() {
  return {64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 64, 594};
}

FlowHeaders headers_of(const TrafficSpec& spec, uint32_t flow) {
  const uint64_t station = flow % stations(spec);
  const uint64_t port = flow / stations(spec);
  return {.source_mac = nth(spec.source_mac, station),
          .destination_mac = nth(spec.destination_mac, station),
          .vlan = spec.vlan ? nth(*spec.vlan, station) : uint16_t{0},
          .source = nth(spec.source, station),
          .destination = nth(spec.destination, station),
          .source_port = nth(spec.source_port, port),
          .destination_port = nth(spec.destination_port, port / spec.source_port.count)};
}

}  // namespace starocean::bench
