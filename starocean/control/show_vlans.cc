#include "starocean/control/show_vlans.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/control/json_fields.h"

namespace starocean::control {
namespace {

std::string vlan_or_dash(const Json& item, const char* key) {
  const uint64_t vlan = number(item, key);
  return vlan == 0 ? "-" : fmt::to_string(vlan);
}

}  // namespace

Json vlans_json(const VlanStatus& status) {
  Json memberships = Json::array();
  for (const VlanMembership& item : status.memberships) {
    memberships.push_back({{"bridge", item.bridge},
                           {"interface", item.interface},
                           {"kind", item.kind},
                           {"vlans", item.vlans},
                           {"untagged", item.untagged},
                           {"tag_type", item.tag_type}});
  }
  Json groups = Json::array();
  for (const GroupMembership& item : status.groups) {
    groups.push_back({{"bridge", item.bridge},
                      {"vlan", item.vlan},
                      {"group", item.group},
                      {"interfaces", item.interfaces}});
  }
  return {{"schema_version", kSchemaVersion},
          {"vlans", std::move(memberships)},
          {"groups", std::move(groups)}};
}

std::string vlans_text(const Json& answer) {
  TextTable vlans(
      {{"BRIDGE"}, {"INTERFACE"}, {"KIND"}, {"UNTAGGED", Align::kRight}, {"TAG"}, {"VLANS"}});
  for (const Json& item : member(answer, "vlans")) {
    vlans.add_row({word(item, "bridge"), word(item, "interface"), word(item, "kind"),
                   vlan_or_dash(item, "untagged"), word_or_dash(item, "tag_type"),
                   word(item, "vlans")});
  }
  TextTable groups({{"BRIDGE"}, {"VLAN", Align::kRight}, {"GROUP"}, {"INTERFACES"}});
  for (const Json& item : member(answer, "groups")) {
    const auto interfaces = member(item, "interfaces").get<std::vector<std::string>>();
    groups.add_row({word(item, "bridge"), vlan_or_dash(item, "vlan"), word(item, "group"),
                    fmt::format("{}", fmt::join(interfaces, ", "))});
  }
  const std::string text = vlans.empty() ? "No bridge tells VLANs apart.\n" : vlans.text();
  return groups.empty() ? text : text + '\n' + groups.text();
}

}  // namespace starocean::control
