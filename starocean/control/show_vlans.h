// `show vlans`: which interface of which bridge carries which VLANs, and who has asked for which multicast
// group. Pure functions, as those of render_json.h and render_text.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "starocean/control/render_json.h"

namespace starocean::control {

struct VlanMembership {
  std::string bridge;
  std::string interface;
  std::string kind;       // "access", "qinq", "trunk", or "linux": a VLAN interface
  std::string vlans;      // "10, 20, 100-200"
  uint16_t untagged = 0;  // the one whose frames bear no tag; 0: none
  std::string tag_type;   // "802.1Q" or "802.1ad"; of trunks
};

struct GroupMembership {
  std::string bridge;
  uint16_t vlan = 0;  // 0 in a bridge that tells no VLANs apart
  std::string group;  // MAC address
  std::vector<std::string> interfaces;
};

struct VlanStatus {
  std::vector<VlanMembership> memberships;
  std::vector<GroupMembership> groups;
};

Json vlans_json(const VlanStatus& status);
std::string vlans_text(const Json& answer);

}  // namespace starocean::control
