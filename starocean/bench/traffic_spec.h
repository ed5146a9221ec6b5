// What traffic to generate: sizes, addresses, flows. Pure values; any thread.
//
// Sizes are those of RFC 2544 (section 9) and RFC 5180: the Ethernet frame with its 4-byte FCS, so that
// "64" is the shortest frame. On veth and AF_XDP there is no FCS: a 64-byte frame is 60 bytes there.
// Bits per second count the same bytes; the share of a line rate also counts preamble, start delimiter
// and inter-frame gap, 20 bytes a frame (IEEE 802.3-2018, 4.2.3 and 4.4.2).
//
// Flows are numbered from 0. With S the largest of the counts of the MAC, VLAN and address ranges, flow
// f belongs to station f mod S. The station number picks from each of those ranges, modulo its count, so
// that station n has the n-th MAC address, the n-th VLAN and the n-th IP address. The ports tell the flows of
// a station apart: p = f / S picks source port p mod (count of source ports), and destination port
// p / (count of source ports).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"

namespace starocean::bench {

inline constexpr uint32_t kFcsBytes = 4;
inline constexpr uint32_t kLineOverheadBytes = 20;
inline constexpr uint32_t kMaxFlows = 1u << 20;
inline constexpr uint32_t kMaxFrameBytes =
    9618;  // MTU 9600 and a tag: the largest common jumbo frame
inline constexpr size_t kMaxSizes = 16;
// RFC 768's length field ends UDP; this is what a probe needs of its payload (bpf/probe.h).
inline constexpr uint32_t kProbeBytes = 18;

using IpAddress = std::variant<net::Ipv4Address, net::Ipv6Address>;

// `count` values, each one more than the one before; at least 1.
template <class T>
struct Range {
  T first{};
  uint64_t count = 1;
  bool operator==(const Range&) const = default;
};

struct TrafficSpec {
  // One size, or a mix that is repeated in this order; with FCS. At most 16.
  std::vector<uint32_t> frame_bytes = {64};

  // Both IPv4 or both IPv6. The defaults are the benchmark networks 198.18.0.0/15 (RFC 2544, C.2.2);
  // for IPv6, 2001:2::/48 (RFC 5180, 8): default_addresses().
  Range<IpAddress> source = {net::Ipv4Address(0xc6120001), 1};
  Range<IpAddress> destination = {net::Ipv4Address(0xc6130001), 1};
  Range<net::MacAddress> source_mac = {net::MacAddress({0x02, 0x53, 0x4f, 0, 0, 1}), 1};
  Range<net::MacAddress> destination_mac = {net::MacAddress({0x02, 0x53, 0x4f, 0x80, 0, 1}), 1};
  // Wide enough for kMaxFlows.
  Range<uint16_t> source_port = {1024, 64512};
  Range<uint16_t> destination_port = {7000, 17};
  std::optional<Range<uint16_t>> vlan = std::nullopt;  // ids 0 to 4094; absent: untagged
  uint16_t vlan_tpid = 0x8100;

  uint32_t flows = 1;
  bool random_order = false;  // each frame's flow at random, evenly; else the flows in turn

  bool ipv6() const { return std::holds_alternative<net::Ipv6Address>(source.first); }
  // Ethernet, tag, IP and UDP.
  uint32_t header_bytes() const;
  // With FCS: header_bytes(), a probe, and 4; for IPv4 without a tag this is 64.
  uint32_t shortest_frame_bytes() const;
  uint32_t longest_frame_bytes() const;
  double mean_frame_bytes() const;
  uint64_t distinct_flows() const;  // how many the ranges can tell apart
  void set_default_ipv6();
};

// Whether it can be generated; the error names the first thing that is wrong.
Status check(const TrafficSpec& spec);

// "Simple IMIX": of 12 frames 7 have IP packets of 40 bytes, 4 of 576, 1 of 1500; as frames 64 (padded), 594
// and 1518 bytes. Spread out, always in the same order.
std::vector<uint32_t> simple_imix();

// The headers of one flow.
struct FlowHeaders {
  net::MacAddress source_mac{};
  net::MacAddress destination_mac{};
  uint16_t vlan = 0;  // the id; meaningful if the spec has a VLAN range
  IpAddress source{};
  IpAddress destination{};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};
// `flow` below spec.flows, of a spec that check() has passed.
FlowHeaders headers_of(const TrafficSpec& spec, uint32_t flow);

}  // namespace starocean::bench
