// What `vlans` and `vrfs` refer to, and what they contradict.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "starocean/control/config_bind.h"
#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

class RoutingCheck {
 public:
  RoutingCheck(const Config& config, Problems& problems) : problems_(problems) {
    for (const InterfaceConfig& interface : config.interfaces) {
      declared_.emplace(interface.name, interface.mark);
    }
    for (const BridgeConfig& bridge : config.bridges) {
      for (const BridgeMember& member : bridge.interfaces) {
        bridged_.emplace(member.interface, &bridge);
      }
      for (const VlanInterfaceConfig& interface : bridge.vlan_interfaces) {
        vlans_.emplace(interface.name, interface.mark);
      }
    }
    for (const VlanConfig& vlan : config.vlans) check_vlan(vlan);
    for (const VrfConfig& vrf : config.vrfs) check_vrf(vrf);
  }

 private:
  void check_vlan(const VlanConfig& vlan) {
    const std::string what = "cannot use the VLAN " + quote(vlan.name);
    if (const auto same = declared_.find(vlan.name); same != declared_.end()) {
      problems_.add(vlan.mark, what, "an interface has that name at " + at(same->second),
                    "give it another name");
    }
    if (vlan.link.empty()) return;  // that is told already
    if (!declared_.contains(vlan.link)) {
      no_such(vlan.mark_of("link"), what + " of interface " + quote(vlan.link), vlan.link,
              declared_);
    } else if (const auto in = bridged_.find(vlan.link); in != bridged_.end()) {
      problems_.add(vlan.mark_of("link"), what,
                    "its link " + quote(vlan.link) + " is in bridge " + quote(in->second->name),
                    "take the link out of the bridge, or use `vlan_interfaces` of the bridge");
    }
    const auto [earlier, is_new] = ids_.emplace(std::pair(vlan.link, vlan.id), &vlan);
    if (!is_new) {
      problems_.add(vlan.mark_of("id"), what,
                    "VLAN " + std::to_string(vlan.id) + " of " + quote(vlan.link) + " is already " +
                        quote(earlier->second->name) + " at " + at(earlier->second->mark),
                    "write it once");
    }
    vlans_.emplace(vlan.name, vlan.mark);
  }

  void check_vrf(const VrfConfig& vrf) {
    const auto [same, is_new_table] = tables_.emplace(vrf.table.value_or(kMainTable), &vrf);
    if (!is_new_table) {
      problems_.add(vrf.mark_of("table"), "cannot use VRF " + quote(vrf.name),
                    "VRF " + quote(same->second->name) + " at " + at(same->second->mark) +
                        " has the same table",
                    "put the interfaces of both into one VRF, or name another table");
    }
    for (const RoutedConfig& member : vrf.interfaces) check_member(vrf, member);
  }

  void check_member(const VrfConfig& vrf, const RoutedConfig& member) {
    const std::string what =
        "cannot put interface " + quote(member.name) + " into VRF " + quote(vrf.name);
    const auto [earlier, is_new] = routed_.emplace(member.name, std::pair(&vrf, member.mark));
    if (!is_new) {
      problems_.add(member.mark, what,
                    "it is in VRF " + quote(earlier->second.first->name) + " at " +
                        at(earlier->second.second),
                    "name it once");
    } else if (const auto in = bridged_.find(member.name); in != bridged_.end()) {
      problems_.add(member.mark, what,
                    "it is in bridge " + quote(in->second->name) +
                        ", and an interface is bridged or routed, not both",
                    "take it out of one, or route a `vlan_interfaces` device of the bridge");
    } else if (!declared_.contains(member.name) && !vlans_.contains(member.name)) {
      std::map<std::string_view, Mark> candidates = declared_;
      candidates.insert(vlans_.begin(), vlans_.end());
      no_such(member.mark, what, member.name, candidates);
    }
  }

  void no_such(Mark mark, const std::string& what, std::string_view name,
               const std::map<std::string_view, Mark>& known) {
    if (problems_.full()) return;
    std::vector<std::string_view> names;
    for (const auto& [known_name, place] : known) names.push_back(known_name);
    problems_.add(mark, what, "there is no such interface", remedy_for_interface(name, names));
  }

  static constexpr uint32_t kMainTable = 254;  // RT_TABLE_MAIN, linux/rtnetlink.h

  Problems& problems_;
  std::map<std::string_view, Mark> declared_, vlans_;
  std::map<std::string_view, const BridgeConfig*> bridged_;
  std::map<std::pair<std::string_view, uint16_t>, const VlanConfig*> ids_;
  std::map<uint32_t, const VrfConfig*> tables_;
  std::map<std::string_view, std::pair<const VrfConfig*, Mark>> routed_;
};

}  // namespace

void check_routing(const Config& config, Problems& problems) {
  const RoutingCheck check(config, problems);
}

}  // namespace starocean::control
