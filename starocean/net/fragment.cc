#include "starocean/net/fragment.h"

#include <algorithm>
#include <cstring>

#include "starocean/net/checksum.h"

namespace starocean::net {
namespace {

constexpr uint32_t kMaxDatagramBytes = 65535;

}  // namespace

FragmentPlan plan_fragments(const Ipv4Header& header, uint32_t mtu_bytes) {
  FragmentPlan plan;
  const uint16_t total = header.total_length.host();
  mtu_bytes = std::min<uint32_t>(mtu_bytes, UINT16_MAX);  // no IPv4 packet is longer
  if (total <= sizeof(Ipv4Header) || mtu_bytes < sizeof(Ipv4Header) + 8) return plan;
  // Beyond what a datagram can be: the offsets of the pieces would not fit either.
  if (header.fragment_offset_bytes() + total > kMaxDatagramBytes) return plan;
  plan.payload_bytes = static_cast<uint16_t>(total - sizeof(Ipv4Header));
  // More than a datagram can be is as good as a datagram; and it fits the plan's numbers.
  const auto room =
      static_cast<uint32_t>(std::min(mtu_bytes, kMaxDatagramBytes) - sizeof(Ipv4Header));
  plan.piece_bytes = static_cast<uint16_t>(room & ~uint32_t{7});
  const uint32_t before_last = plan.payload_bytes > room ? plan.payload_bytes - room : 0;
  plan.count = static_cast<uint16_t>(1 + (before_last + plan.piece_bytes - 1) / plan.piece_bytes);
  return plan;
}

Ipv4Header fragment_header(const Ipv4Header& header, const FragmentPlan& plan, uint16_t number) {
  Ipv4Header piece = header;
  const uint32_t begin = uint32_t{number} * plan.piece_bytes;
  const bool last = number + 1 == plan.count;
  const uint32_t length = last ? plan.payload_bytes - begin : plan.piece_bytes;
  const bool more = !last || header.more_fragments();
  const uint32_t offset = (header.fragment_offset_bytes() + begin) / 8;
  piece.total_length = be16(static_cast<uint16_t>(sizeof(Ipv4Header) + length));
  piece.flags_offset = be16(static_cast<uint16_t>((more ? kIpv4MoreFragments : 0u) | offset));
  piece.checksum = be16(0);
  std::array<std::byte, sizeof(Ipv4Header)> bytes;
  std::memcpy(bytes.data(), &piece, sizeof piece);
  piece.checksum = compute_checksum(bytes);
  return piece;
}

}  // namespace starocean::net
