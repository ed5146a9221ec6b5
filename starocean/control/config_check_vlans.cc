// What the VLANs, mirrors and static addresses of bridges refer to, and what they contradict.

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "starocean/control/config_bind.h"
#include "starocean/control/config_value.h"
#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

std::string member_name(const BridgeConfig& bridge, const BridgeMember& member) {
  return "interface " + quote(member.interface) + " of bridge " + quote(bridge.name);
}

void check_member_vlans(const BridgeConfig& bridge, const BridgeMember& member,
                        Problems& problems) {
  const std::string what = "cannot use " + member_name(bridge, member);
  if (member.vlan != 0 && member.trunk) {
    problems.add(member.mark_of("trunk"), what, "it has both 'vlan' and 'trunk'",
                 "keep 'vlan' for an access interface, or 'trunk' (and 'native') for a trunk");
  } else if (member.native != 0 && !member.trunk) {
    problems.add(member.mark_of("native"), what, "it has 'native' and no 'trunk'",
                 member.vlan != 0 ? "remove 'native', or write 'trunk' instead of 'vlan'"
                                  : "add 'trunk', or write 'vlan' instead of 'native'");
  } else if (member.native != 0 && !(*member.trunk)[member.native]) {
    const std::string native = std::to_string(member.native);
    problems.add(member.mark_of("native"), what,
                 "its native VLAN " + native + " is not in its trunk",
                 "add " + native + " to 'trunk', or name one that is in it");
  } else if (!member.has_vlans() && bridge.is_vlan_aware()) {
    problems.add(member.mark, what, "the bridge is VLAN-aware, and this interface has no VLAN",
                 "write 'vlan' or 'trunk' for it");
  }
  if (member.qinq && (member.vlan == 0 || member.trunk)) {
    problems.add(member.mark_of("qinq"), what, "'qinq' is for interfaces with 'vlan'",
                 "write the VLAN that all its frames belong to, or remove 'qinq'");
  }
  if (member.tag_type != TagType::kDot1q && !member.trunk) {
    problems.add(member.mark_of("tag_type"), what, "'tag_type' is for interfaces with 'trunk'",
                 "write it for the trunk, or remove it");
  }
}

class VlanCheck {
 public:
  VlanCheck(const Config& config, Problems& problems) : problems_(problems) {
    for (const InterfaceConfig& interface : config.interfaces) {
      names_.emplace(interface.name, interface.mark);
      devices_.emplace(interface.name, interface.mark);
      devices_.emplace(interface.device, interface.mark);
    }
    for (const VlanConfig& vlan : config.vlans) {
      devices_.emplace(vlan.name, vlan.mark);
      used_.emplace(vlan.link, "carries the VLAN " + quote(vlan.name));
    }
    for (const BridgeConfig& bridge : config.bridges) {
      for (const BridgeMember& member : bridge.interfaces) {
        used_.emplace(member.interface, "is in bridge " + quote(bridge.name));
      }
    }
    for (const VrfConfig& vrf : config.vrfs) {
      for (const RoutedConfig& routed : vrf.interfaces) {
        used_.emplace(routed.name, "is in VRF " + quote(vrf.name));
      }
    }
    for (const BridgeConfig& bridge : config.bridges) check_bridge(bridge);
  }

 private:
  void check_bridge(const BridgeConfig& bridge) {
    for (const BridgeMember& member : bridge.interfaces) {
      check_member_vlans(bridge, member, problems_);
      check_mirror(bridge, member);
    }
    for (const VlanInterfaceConfig& interface : bridge.vlan_interfaces) {
      check_interface(bridge, interface);
    }
    check_static(bridge);
  }

  void check_mirror(const BridgeConfig& bridge, const BridgeMember& member) {
    const std::string& to = member.mirror_to;
    if (to.empty()) {
      if (member.mirror == MirrorDirection::kBoth) return;
      problems_.add(member.mark_of("mirror"), "cannot use " + member_name(bridge, member),
                    "it has 'mirror' and no 'mirror_to'",
                    "name the interface that gets the copies in 'mirror_to'");
      return;
    }
    const std::string what = "cannot mirror " + member_name(bridge, member) + " to " + quote(to);
    const std::string remedy = "name an interface that is in no bridge and does not route";
    const Mark mark = member.mark_of("mirror_to");
    if (to == member.interface) {
      problems_.add(mark, what, "it is the same interface", remedy);
    } else if (!names_.contains(to)) {
      if (problems_.full()) return;
      std::vector<std::string_view> names;
      for (const auto& [name, place] : names_) names.push_back(name);
      problems_.add(mark, what, "there is no such interface", remedy_for_interface(to, names));
    } else if (const auto used = used_.find(to); used != used_.end()) {
      problems_.add(mark, what, "it " + used->second + ", where copies would be taken for traffic",
                    remedy);
    }
  }

  void check_interface(const BridgeConfig& bridge, const VlanInterfaceConfig& interface) {
    const std::string what = "cannot make the VLAN interface " + quote(interface.name) +
                             " of bridge " + quote(bridge.name);
    const auto [same, is_new] = devices_.emplace(interface.name, interface.mark);
    if (!is_new) {
      problems_.add(interface.mark, what, "its name is taken at " + at(same->second),
                    "give it another name");
    }
    if (interface.vlan == 0) return;  // that is told already
    const auto [earlier, is_first] =
        vlans_.emplace(std::pair(&bridge, interface.vlan), interface.mark);
    if (!is_first) {
      problems_.add(
          interface.mark_of("vlan"), what,
          "VLAN " + std::to_string(interface.vlan) + " has one already at " + at(earlier->second),
          "write one for each VLAN");
    }
  }

  void check_static(const BridgeConfig& bridge) {
    std::map<std::pair<MacBytes, uint16_t>, Mark> seen;
    std::map<MacBytes, const StaticMac*> first;
    const bool aware = bridge.is_vlan_aware();
    for (const StaticMac& entry : bridge.static_macs) {
      const std::string what = "cannot use the static address " + format_mac(entry.mac) +
                               " of bridge " + quote(bridge.name);
      const BridgeMember* member = bridge.member(entry.interface);
      const uint16_t vlan =
          entry.vlan != 0 || member == nullptr ? entry.vlan : member->untagged_vlan();
      const auto [earlier, is_new] = seen.emplace(std::pair(entry.mac, vlan), entry.mark);
      const StaticMac& other = *first.emplace(entry.mac, &entry).first->second;
      const bool mixed = (other.vlan == 0) != (entry.vlan == 0);  // in two spellings
      if (!is_unicast(entry.mac)) {
        problems_.add(entry.mark, what, "it is not the address of one station",
                      "write a unicast address");
      } else if (!is_new || mixed) {
        problems_.add(entry.mark, what,
                      "it already stands at " + at(mixed ? other.mark : earlier->second),
                      "write it once");
      } else if (member == nullptr) {
        problems_.add(entry.mark, what,
                      "interface " + quote(entry.interface) + " is not in this bridge",
                      "name one of the bridge's interfaces");
      } else if (entry.vlan != 0 && !aware) {
        problems_.add(entry.mark, what, "it has a VLAN, and the bridge does not tell VLANs apart",
                      "write the interface alone");
      } else if (aware && vlan == 0) {
        problems_.add(
            entry.mark, what,
            "interface " + quote(entry.interface) + " has no VLAN for frames without a tag",
            "write the VLAN too: `{10: " + entry.interface + "}`");
      } else if (aware && !member->carries(vlan)) {
        problems_.add(
            entry.mark, what,
            "interface " + quote(entry.interface) + " does not carry VLAN " + std::to_string(vlan),
            "name an interface or a VLAN of this bridge that fits");
      }
    }
    if (bridge.static_macs.size() > bridge.mac_limit) {
      problems_.add(bridge.mark, "cannot use bridge " + quote(bridge.name),
                    "it has " + std::to_string(bridge.static_macs.size()) +
                        " static addresses and a mac_limit of " + std::to_string(bridge.mac_limit),
                    "raise mac_limit");
    }
  }

  Problems& problems_;
  std::map<std::string_view, Mark> names_;        // of interfaces
  std::map<std::string_view, Mark> devices_;      // names that Linux devices of ours have
  std::map<std::string_view, std::string> used_;  // interfaces, and what for
  std::map<std::pair<const BridgeConfig*, uint16_t>, Mark> vlans_;
};

}  // namespace

void check_vlans(const Config& config, Problems& problems) {
  const VlanCheck check(config, problems);
}

}  // namespace starocean::control
