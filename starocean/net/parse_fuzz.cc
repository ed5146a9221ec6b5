// Any bytes at all through the parser, the answers, the builders and the checksum finisher. Besides
// crashes and wild reads, it looks for broken promises: offsets outside the frame, the fast path
// and the full one disagreeing, a refused frame that was changed, an answer that is itself
// malformed.
//
// The first byte says where the frame is cut into pieces; the rest is the frame.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/net/build.h"
#include "starocean/net/checksum.h"
#include "starocean/net/finish_checksum.h"
#include "starocean/net/five_tuple.h"
#include "starocean/net/icmp.h"
#include "starocean/net/options.h"
#include "starocean/net/parse.h"
#include "starocean/net/reply.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

using Frame = std::vector<std::byte>;

Frame copy(ConstBytes bytes) {
  Frame frame(bytes.begin(), bytes.end());
  frame.shrink_to_fit();
  return frame;
}

void check_offsets(ConstBytes frame, const ParsedPacket& packet) {
  SO_CHECK(packet.status < ParseStatus::kCount, "the status has a name");
  SO_CHECK(packet.l3_offset <= frame.size(), "the network header begins inside the frame");
  SO_CHECK(packet.l4_offset <= frame.size(), "the transport header begins inside the frame");
  SO_CHECK(packet.payload_offset <= frame.size(), "the payload begins inside the frame");
  SO_CHECK(packet.l4_offset == 0 || packet.l4_offset >= packet.l3_offset, "headers are in order");
  SO_CHECK(packet.payload_offset == 0 || packet.payload_offset > packet.l4_offset,
           "headers are in order");
  if (packet.pseudo_dst_offset != 0) {
    const size_t size = packet.ip_version == 4 ? sizeof(Ipv4Address) : sizeof(Ipv6Address);
    SO_CHECK(fits(frame.size(), packet.pseudo_dst_offset, size), "the destination is there");
  }
  if (!is_malformed(packet.status) && packet.ip_version != 0) {
    SO_CHECK(packet.l3_offset + packet.l3_length <= frame.size(), "a good packet is all there");
    SO_CHECK(packet.l4_length() <= packet.l3_length, "the transport is part of the packet");
  }
}

template <class Walker>
void walk(Walker options) {
  size_t length = 0;
  while (options.next()) length += options.bytes().size() + options.value().size();
  SO_CHECK(length < SIZE_MAX, "options were read");
}

void check_options(ConstBytes frame, const ParsedPacket& packet) {
  if (packet.ip_version == 4 && packet.l4_offset != 0) {
    walk(Ipv4Options(ipv4_header_bytes(frame, packet.l3_offset).subspan(sizeof(Ipv4Header))));
  }
  if (packet.is_tcp() && packet.payload_offset != 0) {
    const size_t begin = packet.l4_offset + sizeof(TcpHeader);
    walk(TcpOptions(frame.subspan(begin, packet.payload_offset - begin)));
  }
  const ConstBytes rest = frame.subspan(packet.payload_offset);
  walk(NdOptions(rest));
  walk(Ipv6Options(rest));
}

void check_five_tuple(ConstBytes frame, const ParsedPacket& packet) {
  FiveTuple fast;
  FiveTuple full;
  const bool fast_made = parse_five_tuple(frame, fast);
  const bool full_made = five_tuple(frame, packet, full);
  SO_CHECK(fast_made == full_made, "both paths accept the same frames");
  SO_CHECK(!full_made || fast == full, "both paths read the same");
}

// A finished packet is finished: the second call has nothing to do.
void check_finish(const Frame& original, size_t cut) {
  Frame frame = original;
  const MutableBytes all(frame);
  const MutableBytes pieces[] = {all.first(cut), all.subspan(cut)};
  const ParsedPacket packet = parse(pieces[0], frame.size());
  const bool finished = finish_transport_checksum(pieces, packet);
  SO_CHECK(finished || frame == original, "nothing done, nothing changed");

  Frame whole = original;
  const bool whole_finished = finish_transport_checksum(whole, parse(whole));
  // With the headers in the first piece, the pieces do not matter.
  if (finished && packet.dst_port != kVxlanPort) {
    SO_CHECK(whole_finished && whole == frame, "a frame in pieces is the same frame");
  }
  const be16 sum_in_pieces = [&] {
    ChecksumBuilder builder;
    builder.add(pieces[0]);
    builder.add(pieces[1]);
    return builder.checksum();
  }();
  SO_CHECK(sum_in_pieces == compute_checksum(all), "pieces add up to the whole");
}

void check_reply(const Frame& original, Reply (*make)(MutableBytes)) {
  Frame frame = original;
  const Reply reply = make(frame);
  if (reply != Reply::kMade) {
    SO_CHECK(frame == original, "a refused frame is unchanged");
    return;
  }
  SO_CHECK(parse(frame).status == ParseStatus::kOk, "an answer is well-formed");
  Frame again = frame;
  SO_CHECK(make(again) == Reply::kNotARequest, "an answer is no request");
}

void check_advertisement(const Frame& original, size_t tailroom) {
  Frame room = original;
  room.insert(room.end(), tailroom, std::byte{0});
  PacketBuffer packet(room, 0, original.size());
  const Reply reply = make_neighbor_advertisement(packet, MacAddress({2, 0, 0, 0, 0, 1}));
  if (reply == Reply::kMade) {
    SO_CHECK(parse(packet.bytes()).status == ParseStatus::kOk, "an answer is well-formed");
  } else {
    SO_CHECK(copy(packet.bytes()) == original, "a refused frame is unchanged");
  }
}

void check_building(const Frame& original, size_t headroom) {
  Frame room(headroom + original.size());
  std::copy(original.begin(), original.end(), room.begin() + static_cast<std::ptrdiff_t>(headroom));
  PacketBuffer packet(room, headroom, original.size());
  const auto tag = pop_vlan(packet);
  if (tag) {
    SO_CHECK(push_vlan(packet, *tag), "there is room for what was taken off");
    SO_CHECK(copy(packet.bytes()) == original, "off and on again is as before");
  }
  const Ipv4Address address(0x0a000001);
  const VxlanFields tunnel{.vni = 7};
  if (encapsulate_vxlan(packet, tunnel, Ipv4Fields{.src = address, .dst = address})) {
    const ParsedPacket outer = parse(packet.bytes());
    SO_CHECK(outer.status == ParseStatus::kOk, "what is built is well-formed");
    packet.pull(outer.payload_offset + sizeof(VxlanHeader));
  }
  SO_CHECK(copy(packet.bytes()) == original, "off again is as before");
}

void check_frame(ConstBytes bytes, size_t parameter) {
  const Frame frame = copy(bytes);
  const ParsedPacket packet = parse(frame);
  check_offsets(frame, packet);
  check_options(frame, packet);
  check_five_tuple(frame, packet);
  check_finish(frame, std::min(frame.size(), parameter));
  check_reply(frame, [](MutableBytes one) { return make_arp_reply(one, MacAddress()); });
  check_reply(frame, make_icmp_echo_reply);
  check_reply(frame, make_icmpv6_echo_reply);
  check_advertisement(frame, parameter % 16);
  check_building(frame, parameter);
}

}  // namespace
}  // namespace starocean::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> input(data, size);
  starocean::net::check_frame(std::as_bytes(input.subspan(1)), data[0]);
  return 0;
}
