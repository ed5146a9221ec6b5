// Any bytes at all through what a router does to packets: TTL, MSS, fragments, errors, flow hashes. Besides crashes
// and wild reads, it looks for broken promises: a checksum that was right and is not, or was wrong and no longer is;
// a refused packet that was changed; errors about errors; pieces that leave gaps.
//
// The first four bytes are an MSS and an MTU; the rest is the frame.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/net/checksum.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/fragment.h"
#include "starocean/net/icmp.h"
#include "starocean/net/icmp_error.h"
#include "starocean/net/mss_clamp.h"

namespace starocean::net {
namespace {

using Frame = std::vector<std::byte>;

// A heap block that ends with the bytes.
Frame copy(ConstBytes bytes) {
  Frame frame(bytes.begin(), bytes.end());
  frame.shrink_to_fit();
  return frame;
}

void check_mss(const Frame& original, uint16_t mss) {
  Frame frame = original;
  const ParsedPacket packet = parse(frame);
  if (!clamp_mss(frame, packet, mss)) {
    SO_CHECK(frame == original, "nothing done, nothing changed");
    return;
  }
  SO_CHECK(packet.is_tcp(), "only TCP is changed");
  SO_CHECK(!clamp_mss(frame, packet, mss), "done once is done");
  size_t changed = 0;
  for (size_t i = 0; i < frame.size(); ++i) changed += frame[i] != original[i];
  SO_CHECK(changed <= 4, "an MSS and a checksum are changed");
  const size_t length = std::min<size_t>(packet.l4_length(), frame.size() - packet.l4_offset);
  ChecksumBuilder before, after;
  before.add(ConstBytes(original).subspan(packet.l4_offset, length));
  after.add(ConstBytes(frame).subspan(packet.l4_offset, length));
  SO_CHECK(before.sum() == after.sum(), "what the checksum says is as it was");
}

void check_ttl(const Frame& original, size_t offset) {
  Frame frame = original;
  auto* header = mutable_view<Ipv4Header>(frame, offset);
  if (header == nullptr || header->ttl == 0) return;
  const auto is_right = [&] {
    return compute_checksum(ConstBytes(frame).subspan(offset, sizeof(Ipv4Header))) == be16(0);
  };
  const bool before = is_right();
  SO_CHECK(before == plain_checksum_ok(*header), "both ways find the same");
  decrement_ttl(*header);
  SO_CHECK(before == is_right(), "right stays right, wrong stays wrong");
}

void check_fragments(ConstBytes frame, size_t offset, uint32_t mtu_bytes) {
  const auto* header = view<Ipv4Header>(frame, offset);
  if (header == nullptr) return;
  const FragmentPlan plan = plan_fragments(*header, mtu_bytes);
  uint32_t next = header->fragment_offset_bytes();
  for (uint16_t number = 0; number < plan.count; ++number) {
    const Ipv4Header piece = fragment_header(*header, plan, number);
    const bool last = number + 1 == plan.count;
    SO_CHECK(plain_checksum_ok(piece), "a piece's checksum is right");
    SO_CHECK(piece.total_length.host() > sizeof(Ipv4Header), "a piece has payload");
    SO_CHECK(piece.total_length.host() <= mtu_bytes, "a piece fits");
    SO_CHECK(piece.fragment_offset_bytes() == next, "pieces follow each other");
    SO_CHECK(piece.more_fragments() == (!last || header->more_fragments()), "the last is the last");
    next += piece.total_length.host() - uint32_t{sizeof(Ipv4Header)};
    SO_CHECK(last || next % 8 == 0, "pieces end between units");
  }
  if (plan.count == 0) return;
  const uint32_t end = header->fragment_offset_bytes() + header->total_length.host();
  SO_CHECK(next + sizeof(Ipv4Header) == end, "pieces are all of the packet");
}

bool may_cause(ConstBytes packet, const IcmpErrorFields& fields) {
  return may_cause_icmp_error(packet, parse_ip(packet, packet.size()), fields);
}

bool is_checksum_right(ConstBytes error, bool v6) {
  if (!v6) {
    return ipv4_checksum_ok(ipv4_header_bytes(error)) &&
           compute_checksum(error.subspan(sizeof(Ipv4Header))) == be16(0);
  }
  const auto& ip = *view<Ipv6Header>(error);
  ChecksumBuilder sum =
      pseudo_header(ip.src, ip.dst, kProtoIcmpv6, uint32_t{ip.payload_length.host()});
  sum.add(error.subspan(sizeof(Ipv6Header)));
  return sum.checksum() == be16(0);
}

// About any bytes that have room for an IP header, as of one version and of the other.
void check_error(ConstBytes about, bool v6, const IcmpErrorFields& fields, size_t headroom) {
  const size_t ip_bytes = v6 ? sizeof(Ipv6Header) : sizeof(Ipv4Header);
  const size_t headers = ip_bytes + sizeof(IcmpError);
  Frame room(headroom + about.size());
  std::copy(about.begin(), about.end(), room.begin() + static_cast<std::ptrdiff_t>(headroom));
  room.shrink_to_fit();
  PacketBuffer packet(room, headroom, about.size());
  const bool made = v6 ? make_icmpv6_error(packet, fields, Ipv6Address())
                       : make_icmp_error(packet, fields, Ipv4Address(0x0a000001), 7);
  SO_CHECK(made == (headroom >= headers && about.size() >= ip_bytes), "room is all that it takes");
  if (!made) {
    SO_CHECK(copy(packet.bytes()) == copy(about), "a refused packet is unchanged");
    return;
  }
  const ConstBytes error = packet.bytes();
  const size_t most = v6 ? kMaxIcmpv6ErrorBytes : kMaxIcmpErrorBytes;
  SO_CHECK(error.size() == std::min(headers + about.size(), most), "as much is quoted as fits");
  SO_CHECK(
      std::equal(error.begin() + static_cast<std::ptrdiff_t>(headers), error.end(), about.begin()),
      "the quote is the packet");
  SO_CHECK(parse_ip(error, error.size()).status == ParseStatus::kOk, "an error is well-formed");
  SO_CHECK(is_checksum_right(error, v6), "an error's checksum is right");
  for (const uint8_t type : {uint8_t{2}, uint8_t{3}, uint8_t{11}}) {
    SO_CHECK(!may_cause(error, {type, 0, 0}), "there is no error about an error");
  }
}

void check_errors(const Frame& frame, uint16_t mtu_bytes) {
  const ParsedPacket packet = parse(frame);
  const IcmpErrorFields too_big{kIcmpv6PacketTooBig, 0, mtu_bytes};
  const IcmpErrorFields expired{kIcmpv6TimeExceeded, 0, 0};
  const bool may = may_cause_icmp_error(frame, packet, expired);
  SO_CHECK(!may || packet.ip_version != 0, "errors are about IP");
  SO_CHECK(!may || may_cause_icmp_error(frame, packet, too_big),
           "that a packet is too big may always be said");
  SO_CHECK(!may || packet.ip_version != 4 || packet.fragment != Fragment::kLater,
           "not about later fragments");
  // With padding behind it, and without.
  const ConstBytes behind = ConstBytes(frame).subspan(packet.l3_offset);
  const ConstBytes ip = behind.first(std::min<size_t>(behind.size(), packet.l3_length));
  for (const ConstBytes about : {ip, behind, ConstBytes(frame)}) {
    for (const size_t headroom : {size_t{27}, size_t{28}, size_t{47}, size_t{48}}) {
      check_error(about, false, {kIcmpDestinationUnreachable, kIcmpFragmentationNeeded, mtu_bytes},
                  headroom);
      check_error(about, true, too_big, headroom);
      check_error(about, true, expired, headroom);
    }
  }
}

void check_flow_hash(ConstBytes frame) {
  FiveTuple tuple;
  if (!parse_five_tuple(frame, tuple)) return;
  const uint32_t both = symmetric_flow_hash(tuple);
  SO_CHECK(both == symmetric_flow_hash(tuple.reversed()), "both ways have one hash");
  SO_CHECK(both == flow_hash(tuple) || both == flow_hash(tuple.reversed()), "that of one of them");
}

void check_frame(ConstBytes bytes, uint16_t mss, uint16_t mtu_bytes) {
  const Frame frame = copy(bytes);
  const size_t l3_offset = parse(frame).l3_offset;
  check_mss(frame, mss);
  check_ttl(frame, l3_offset);
  check_fragments(frame, l3_offset, mtu_bytes);
  check_fragments(frame, l3_offset, uint32_t{mtu_bytes} + 0x10000);
  check_errors(frame, mtu_bytes);
  check_flow_hash(frame);
}

}  // namespace
}  // namespace starocean::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const std::span<const uint8_t> input(data, size);
  const auto number = [&](size_t at) {
    return static_cast<uint16_t>(data[at] << 8 | data[at + 1]);
  };
  starocean::net::check_frame(std::as_bytes(input.subspan(4)), number(0), number(2));
  return 0;
}
