#include "starocean/control/collect_vlans.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

VlanMembership membership_of(const BridgeConfig& bridge, const BridgeMember& member) {
  VlanMembership item;
  item.bridge = bridge.name;
  item.interface = member.interface;
  item.kind = member.trunk ? "trunk" : member.qinq ? "qinq" : "access";
  item.vlans = member.trunk ? format_vlans(*member.trunk) : std::to_string(member.vlan);
  item.untagged = member.untagged_vlan();
  if (member.trunk) item.tag_type = to_string(member.tag_type);
  return item;
}

std::vector<GroupMembership> groups_of(const dataplane::Engine& engine) {
  std::map<PortId, std::string> names;
  for (const auto& view : engine.ports()) names[view.id] = view.options.name;
  std::vector<GroupMembership> groups;
  for (const auto& heard : engine.snooping().memberships()) {
    GroupMembership& item = groups.emplace_back();
    item.bridge = engine.bridge_name(heard.bridge);
    item.vlan = heard.vlan;
    item.group = dataplane::mac_from_u64(heard.group).to_string();
    for (const PortId port : heard.ports) item.interfaces.push_back(names[port]);
  }
  std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return std::tie(a.bridge, a.vlan, a.group) < std::tie(b.bridge, b.vlan, b.group);
  });
  return groups;
}

}  // namespace

VlanStatus collect_vlans(const Config& config, const dataplane::Engine& engine) {
  VlanStatus status;
  for (const BridgeConfig& bridge : config.bridges) {
    if (!bridge.is_vlan_aware()) continue;
    for (const BridgeMember& member : bridge.interfaces) {
      status.memberships.push_back(membership_of(bridge, member));
    }
    for (const VlanInterfaceConfig& interface : bridge.vlan_interfaces) {
      status.memberships.push_back({bridge.name, interface.name, "linux",
                                    std::to_string(interface.vlan), interface.vlan, ""});
    }
  }
  status.groups = groups_of(engine);
  return status;
}

}  // namespace starocean::control
