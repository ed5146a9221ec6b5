#include "starocean/dataplane/vlan_tag.h"

#include <cstring>

#include "starocean/net/view.h"

namespace starocean::dataplane {
namespace {

constexpr uint16_t kVlanMask = 0x0fff;
constexpr uint16_t kPriorityMask = 0xf000;
constexpr size_t kMacsBytes = 2 * net::MacAddress::kSize;
constexpr uint16_t kTagBytes = 4;

struct Tag {
  be16 type;
  be16 control;
};
static_assert(sizeof(Tag) == kTagBytes);

Tag* tag_at(const Packet& packet, const xsk::Umem& umem) {
  return net::mutable_view<Tag>(umem.bytes(packet.head), kMacsBytes);
}

}  // namespace

FrameVlan classify(const Packet& packet, const xsk::Umem& umem, const BridgeMember& from) {
  FrameVlan frame;
  const auto* ethernet = net::view<net::EthernetHeader>(umem.bytes(packet.head));
  if (ethernet == nullptr) {
    frame.refusal = PortCounter::drop_runt;
    return frame;
  }
  if (!from.tunnel && ethernet->ethertype.host() == from.tag_type) {
    const auto* vlan =
        net::view<net::VlanHeader>(umem.bytes(packet.head), sizeof(net::EthernetHeader));
    if (vlan == nullptr) {
      frame.refusal = PortCounter::drop_runt;
      return frame;
    }
    const uint16_t control = vlan->tci.host();
    frame.tag_type = from.tag_type;
    frame.tag_vlan = control & kVlanMask;
    frame.priority = control & kPriorityMask;
  }
  frame.vlan = frame.tag_vlan != 0 ? frame.tag_vlan : from.untagged;
  if (frame.vlan == kNoVlan) {
    frame.refusal = PortCounter::drop_untagged;
  } else if (!from.vlans[frame.vlan]) {
    frame.refusal = PortCounter::drop_vlan_not_allowed;
  }
  return frame;
}

bool push_tag(Packet& packet, const xsk::Umem& umem, net::VlanTag tag) {
  if (packet.head.offset_bytes < kTagBytes) return false;
  std::byte* const before = umem.data(packet.head);
  std::memmove(before - kTagBytes, before, kMacsBytes);
  packet.head.offset_bytes = static_cast<uint16_t>(packet.head.offset_bytes - kTagBytes);
  packet.head.len_bytes = static_cast<uint16_t>(packet.head.len_bytes + kTagBytes);
  packet.len_bytes += kTagBytes;
  *tag_at(packet, umem) = {be16(tag.tpid), be16(tag.tci)};
  return true;
}

void untag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now) {
  if (now.tag_type == 0) return;
  std::byte* const before = umem.data(packet.head);
  std::memmove(before + kTagBytes, before, kMacsBytes);
  packet.head.offset_bytes = static_cast<uint16_t>(packet.head.offset_bytes + kTagBytes);
  packet.head.len_bytes = static_cast<uint16_t>(packet.head.len_bytes - kTagBytes);
  packet.len_bytes -= kTagBytes;
}

bool retag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now, const BridgeMember& to) {
  if (to.untagged == now.vlan) {
    untag(packet, umem, now);
    return true;
  }
  const auto control = static_cast<uint16_t>(now.priority | now.vlan);
  if (now.tag_type == 0) return push_tag(packet, umem, {to.tag_type, control});
  if (now.tag_type != to.tag_type || now.tag_vlan != now.vlan) {
    *tag_at(packet, umem) = {be16(to.tag_type), be16(control)};
  }
  return true;
}

}  // namespace starocean::dataplane
