// Which VLAN a frame belongs to, and what tag it leaves with (IEEE 802.1Q-2018, 6.9 and 8.6.2; 9.3 to 9.6).
//
//   member                 receives                                  sends
//   access `vlan: 10`      no tag, VLAN 0 or 10 → 10; else dropped   10 without a tag
//   trunk                  its VLANs by their tag; no tag or         its VLANs with a tag,
//                          VLAN 0 → native, or dropped               native without
//   tunnel `qinq: true`    everything → its VLAN, tags are payload   its VLAN, as it came
//
// That a frame tagged with the access VLAN's own number is accepted is what Linux's bridge does with "pvid
// untagged" (net/bridge/br_vlan.c, __allowed_ingress); Open vSwitch drops it. A tag of another type than the
// member's is payload, as there.
//
// Priority and drop eligibility (PCP, DEI) are kept when a tag is exchanged for another, and when a
// priority-tagged frame gets a VLAN's tag; a frame that leaves without a tag has lost them. A frame that came
// without gets priority 0.
//
// Tags are put on and taken off in place, in the room before the packet: only the MAC addresses move. A frame
// that becomes shorter than 60 bytes is padded by the device, as those of Linux are. Pure functions on what
// the caller owns.
#pragma once

#include <cstdint>

#include "starocean/dataplane/bridge_rules.h"
#include "starocean/dataplane/counters.h"
#include "starocean/dataplane/packet.h"
#include "starocean/net/view.h"

namespace starocean::dataplane {

struct FrameVlan {
  uint16_t vlan = kNoVlan;
  uint16_t priority = 0;  // PCP and DEI, where they stand in the tag
  uint16_t tag_type = 0;  // of the tag that the frame bears; 0: none, or one that is payload
  uint16_t tag_vlan = 0;  // what stands in that tag
  PortCounter refusal = PortCounter::kCount;  // why the frame is dropped; kCount: it is not
};

// What the frame is that comes from this member of a VLAN-aware bridge.
inline void classify(net::ConstBytes bytes, const BridgeMember& from, FrameVlan& frame) {
  constexpr uint16_t kVlanMask = 0x0fff, kPriorityMask = 0xf000;
  frame = FrameVlan();
  const auto* ethernet = net::view<net::EthernetHeader>(bytes);
  if (ethernet == nullptr) [[unlikely]] {
    frame.refusal = PortCounter::drop_runt;
    return;
  }
  uint16_t number = from.untagged;
  if (ethernet->ethertype.host() == from.tag_type && !from.tunnel) {
    const auto* vlan = net::view<net::VlanHeader>(bytes, sizeof(net::EthernetHeader));
    if (vlan == nullptr) [[unlikely]] {
      frame.refusal = PortCounter::drop_runt;
      return;
    }
    const uint16_t control = vlan->tci.host();
    frame.tag_type = from.tag_type;
    frame.tag_vlan = control & kVlanMask;
    frame.priority = control & kPriorityMask;
    if ((control & kVlanMask) != 0) number = control & kVlanMask;
  }
  frame.vlan = number;
  if (!from.vlans[number]) [[unlikely]] {
    frame.refusal =
        number == kNoVlan ? PortCounter::drop_untagged : PortCounter::drop_vlan_not_allowed;
  }
}

// The part of retag() that has something to change.
bool change_tag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now,
                const BridgeMember& to);
// Gives the frame the tag with which it leaves by a member that carries its VLAN, or takes it off. `now` says
// what it has. False, with the frame unchanged, when there is no room before it.
inline bool retag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now,
                  const BridgeMember& to) {
  const bool leaves_untagged = to.untagged == now.vlan;
  const bool is_right =
      leaves_untagged ? now.tag_type == 0 : now.tag_type == to.tag_type && now.tag_vlan == now.vlan;
  return is_right || change_tag(packet, umem, now, to);
}
// Puts a tag on. False, with the frame unchanged, when there is no room before it.
bool push_tag(Packet& packet, const xsk::Umem& umem, net::VlanTag tag);
// Takes the tag off that the frame bears.
void untag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now);

}  // namespace starocean::dataplane
