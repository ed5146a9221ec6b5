#include "starocean/dataplane/packet.h"

#include "starocean/net/ethernet.h"
#include "starocean/net/finish_checksum.h"
#include "starocean/net/parse.h"

namespace starocean::dataplane {

uint64_t finish_checksums(Batch& batch, const xsk::Umem& umem) {
  uint64_t finished = 0;
  for (Packet& packet : batch.all()) {
    const net::ParsedPacket parsed = net::parse(umem.bytes(packet.head), packet.len_bytes);
    if (packet.rest.empty()) {
      finished += net::finish_transport_checksum(umem.bytes(packet.head), parsed);
      continue;
    }
    std::array<net::MutableBytes, kMaxBuffers + 1> pieces;
    size_t count = 0;
    pieces[count++] = umem.bytes(packet.head);
    for (const xsk::Buffer& buffer : packet.rest) pieces[count++] = umem.bytes(buffer);
    finished += net::finish_transport_checksum({pieces.data(), count}, parsed);
  }
  return finished;
}

bool fits_mtu_by_its_tag(const Packet& packet, const xsk::Umem& umem, uint32_t mtu_bytes) {
  if (packet.len_bytes > mtu_bytes + sizeof(net::EthernetHeader) + sizeof(net::VlanHeader)) {
    return false;
  }
  const auto* ethernet = net::view<net::EthernetHeader>(umem.bytes(packet.head));
  return ethernet != nullptr && net::is_vlan_ethertype(ethernet->ethertype.host());
}

}  // namespace starocean::dataplane
