// What a bridge does beyond learning: VLANs, sticky members, limits, snooping, mirrors. Compiled from the
// configuration, immutable, shared by the snapshots; a bridge without any of it has no BridgeRules, and pays
// nothing.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/storm_control.h"
#include "starocean/net/ethernet.h"

namespace starocean::dataplane {

// Ports that a data plane can have over its life; counters are laid out for as many.
inline constexpr uint32_t kMaxPorts = 256;

class PortSet {
 public:
  void add(PortId port) { words_[port.index() / 64] |= bit(port); }
  void remove(PortId port) { words_[port.index() / 64] &= ~bit(port); }
  bool contains(PortId port) const { return (words_[port.index() / 64] & bit(port)) != 0; }
  bool empty() const { return *this == PortSet(); }
  PortSet& operator|=(const PortSet& other) {
    for (size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
    return *this;
  }
  bool operator==(const PortSet&) const = default;

 private:
  static uint64_t bit(PortId port) { return uint64_t{1} << (port.index() % 64); }
  std::array<uint64_t, kMaxPorts / 64> words_{};
};

// VLAN numbers: 1 to 4094 (IEEE 802.1Q-2018, table 9-2: 0 is no VLAN, 4095 is reserved). In bridges that do
// not look at VLANs every frame belongs to kNoVlan.
using VlanSet = std::bitset<4096>;
inline constexpr uint16_t kNoVlan = 0;

struct BridgeMember {
  static constexpr uint32_t kNoLimit = UINT32_MAX;

  PortId port;
  // Of a VLAN-aware bridge. Frames without a tag, and those with a priority tag (VLAN 0), belong to `untagged`
  // (0: they are dropped), whose frames leave without a tag; those of all others in `vlans` come and leave
  // with one of type `tag_type`. Any other type of tag is payload.
  VlanSet vlans;
  uint16_t untagged = 0;
  uint16_t tag_type = net::kEtherTypeVlan;
  // IEEE 802.1Q-2018, 15.3, a port-based service interface: every frame belongs to `untagged`, and all of its
  // tags are payload.
  bool tunnel = false;

  bool sticky = false;                  // what is learned here does not move elsewhere
  uint32_t mac_limit = kNoLimit;        // addresses learned here
  std::shared_ptr<StormControl> storm;  // null: no limits
  PortId mirror_to = PortId::none();    // gets copies of what this member
  bool mirror_in = false;               // receives
  bool mirror_out = false;              // sends
};

struct BridgeRules {
  bool vlan_aware = false;
  bool any_sticky = false;
  bool multicast_snooping = false;
  std::vector<BridgeMember> members;

  const BridgeMember* member(PortId port) const {
    for (const BridgeMember& member : members) {
      if (member.port == port) return &member;
    }
    return nullptr;
  }
};

// The key under which a bridge's MAC table keeps the addresses of a VLAN.
inline BridgeId learning_domain(const BridgeRules* rules, BridgeId bridge, uint16_t vlan) {
  return rules != nullptr && rules->vlan_aware ? BridgeId(vlan) : bridge;
}

}  // namespace starocean::dataplane
