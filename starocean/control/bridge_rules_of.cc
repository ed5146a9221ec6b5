#include "starocean/control/bridge_rules_of.h"

#include <algorithm>

namespace starocean::control {
namespace {

std::shared_ptr<dataplane::StormControl> storm_control_of(const StormLimits& limits) {
  if (limits == StormLimits{}) return nullptr;
  using enum dataplane::StormKind;
  auto storm = std::make_shared<dataplane::StormControl>();
  if (limits.broadcast) storm->limit(kBroadcast, *limits.broadcast);
  if (limits.multicast) storm->limit(kMulticast, *limits.multicast);
  if (limits.unknown_unicast) storm->limit(kUnknownUnicast, *limits.unknown_unicast);
  return storm;
}

dataplane::BridgeMember member_of(const BridgeMember& from) {
  dataplane::BridgeMember member;
  if (from.trunk) {
    member.vlans = *from.trunk;
  } else if (from.vlan != 0) {
    member.vlans.set(from.vlan);
  }
  member.untagged = from.untagged_vlan();
  member.tunnel = from.qinq;
  member.tag_type =
      from.tag_type == TagType::kDot1ad ? net::kEtherTypeServiceVlan : net::kEtherTypeVlan;
  member.sticky = from.sticky;
  member.mac_limit = from.mac_limit.value_or(dataplane::BridgeMember::kNoLimit);
  member.storm = storm_control_of(from.storm_control);
  return member;
}

}  // namespace

std::shared_ptr<const dataplane::BridgeRules> bridge_rules_of(
    const BridgeConfig& bridge, const std::function<PortId(const std::string&)>& port_of) {
  const bool is_plain = !bridge.is_vlan_aware() && !bridge.multicast_snooping &&
                        std::all_of(bridge.interfaces.begin(), bridge.interfaces.end(),
                                    [](const BridgeMember& member) { return member.is_plain(); });
  if (is_plain) return nullptr;
  auto rules = std::make_shared<dataplane::BridgeRules>();
  rules->vlan_aware = bridge.is_vlan_aware();
  rules->multicast_snooping = bridge.multicast_snooping;
  for (const BridgeMember& from : bridge.interfaces) {
    dataplane::BridgeMember& member = rules->members.emplace_back(member_of(from));
    member.port = port_of(from.interface);
    rules->any_sticky |= from.sticky;
    if (from.mirror_to.empty()) continue;
    member.mirror_to = port_of(from.mirror_to);
    member.mirror_in = from.mirror != MirrorDirection::kOut;
    member.mirror_out = from.mirror != MirrorDirection::kIn;
  }
  return rules;
}

}  // namespace starocean::control
