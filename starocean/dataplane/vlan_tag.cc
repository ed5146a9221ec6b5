#include "starocean/dataplane/vlan_tag.h"

#include <cstring>

#include "starocean/net/view.h"

namespace starocean::dataplane {
namespace {

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

bool change_tag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now,
                const BridgeMember& to) {
  if (to.untagged == now.vlan) {
    untag(packet, umem, now);
    return true;
  }
  const auto control = static_cast<uint16_t>(now.priority | now.vlan);
  if (now.tag_type == 0) return push_tag(packet, umem, {to.tag_type, control});
  *tag_at(packet, umem) = {be16(to.tag_type), be16(control)};
  return true;
}

}  // namespace starocean::dataplane
