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

namespace starocean::dataplane {

struct FrameVlan {
  uint16_t vlan = kNoVlan;
  uint16_t priority = 0;  // PCP and DEI, where they stand in the tag
  uint16_t tag_type = 0;  // of the tag that the frame bears; 0: none, or one that is payload
  uint16_t tag_vlan = 0;  // what stands in that tag
  PortCounter refusal = PortCounter::kCount;  // why the frame is dropped; kCount: it is not
};

// Where the frame comes from: a member of a VLAN-aware bridge.
FrameVlan classify(const Packet& packet, const xsk::Umem& umem, const BridgeMember& from);

// Gives the frame the tag with which it leaves by a member that carries its VLAN, or takes it off. `now` says
// what it has. False, with the frame unchanged, when there is no room before it.
bool retag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now, const BridgeMember& to);
// Puts a tag on. False, with the frame unchanged, when there is no room before it.
bool push_tag(Packet& packet, const xsk::Umem& umem, net::VlanTag tag);
// Takes the tag off that the frame bears.
void untag(Packet& packet, const xsk::Umem& umem, const FrameVlan& now);

}  // namespace starocean::dataplane
