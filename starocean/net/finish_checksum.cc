#include "starocean/net/finish_checksum.h"

#include <algorithm>

#include "starocean/net/checksum.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

using Pieces = std::span<const MutableBytes>;

// Adds the bytes [offset, offset + length) of the frame. The caller knows that they are there.
void add_range(Pieces pieces, size_t offset, size_t length, ChecksumBuilder& builder) {
  for (const MutableBytes piece : pieces) {
    if (length == 0) return;
    if (offset >= piece.size()) {
      offset -= piece.size();
      continue;
    }
    const size_t here = std::min(length, piece.size() - offset);
    builder.add(piece.subspan(offset, here));
    length -= here;
    offset = 0;
  }
}

size_t total_size(Pieces pieces) {
  size_t size = 0;
  for (const MutableBytes piece : pieces) size += piece.size();
  return size;
}

ChecksumBuilder pseudo_header_of(ConstBytes head, size_t base, const ParsedPacket& packet) {
  if (packet.ip_version == 4) {
    const auto& ip = *view<Ipv4Header>(head, base + packet.l3_offset);
    return pseudo_header(ip.src, ip.dst, packet.protocol, packet.l4_length());
  }
  const auto& src = view<Ipv6Header>(head, base + packet.l3_offset)->src;
  const auto& dst = *view<Ipv6Address>(head, base + packet.pseudo_dst_offset);
  return pseudo_header(src, dst, packet.protocol, packet.l4_length());
}

// `base` is where the packet's frame begins in the first piece: 0, or the inner frame's place.
bool finish_one(Pieces pieces, size_t base, const ParsedPacket& packet) {
  const MutableBytes head = pieces.front();
  const size_t l4 = base + packet.l4_offset;
  be16* field = nullptr;
  if (packet.is_tcp()) {
    field = &mutable_view<TcpHeader>(head, l4)->checksum;
  } else {
    field = &mutable_view<UdpHeader>(head, l4)->checksum;
  }
  ChecksumBuilder builder = pseudo_header_of(head, base, packet);
  if (field->raw() != builder.sum().raw()) return false;
  // The bytes said to be the packet must be there (a piece may have been lost on the way here).
  if (!fits(total_size(pieces), l4, packet.l4_length())) return false;
  *field = be16(0);
  add_range(pieces, l4, packet.l4_length(), builder);
  const be16 checksum = builder.checksum();
  *field = checksum.raw() == 0 && packet.is_udp() ? be16(0xffff) : checksum;
  return true;
}

// Whether there is a field to look at, wholly inside the first piece.
bool has_checksum(ConstBytes head, size_t base, const ParsedPacket& packet) {
  return packet.has_ports && packet.status == ParseStatus::kOk &&
         packet.fragment == Fragment::kNone && packet.pseudo_dst_offset != 0 &&
         fits(head.size(), base, packet.payload_offset);
}

bool finish_inner(Pieces pieces, size_t vxlan_offset) {
  const ConstBytes head = pieces.front();
  const auto* vxlan = view<VxlanHeader>(head, vxlan_offset);
  if (vxlan == nullptr || !vxlan->has_vni()) return false;
  const size_t base = vxlan_offset + sizeof(VxlanHeader);
  const ParsedPacket inner = parse(head.subspan(base), total_size(pieces) - base);
  return has_checksum(head, base, inner) && finish_one(pieces, base, inner);
}

}  // namespace

bool finish_transport_checksum(Pieces pieces, const ParsedPacket& packet) {
  if (pieces.empty() || !has_checksum(pieces.front(), 0, packet)) return false;
  bool finished = false;
  // The inner one first: the outer checksum covers it.
  if (packet.is_udp() && packet.dst_port == kVxlanPort) [[unlikely]] {
    finished = finish_inner(pieces, packet.payload_offset);
  }
  return finish_one(pieces, 0, packet) || finished;
}

}  // namespace starocean::net
