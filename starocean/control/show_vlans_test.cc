#include "starocean/control/show_vlans.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace starocean::control {
namespace {

VlanStatus sample() {
  VlanStatus status;
  status.memberships = {{"office", "lan1", "access", "10", 10, ""},
                        {"office", "lan2", "trunk", "10, 20-30", 0, "802.1ad"},
                        {"office", "office10", "linux", "10", 10, ""}};
  status.groups = {{"office", 10, "01:00:5e:01:02:03", {"lan1", "lan2"}},
                   {"plain", 0, "33:33:00:00:00:05", {"lan3"}}};
  return status;
}

TEST(ShowVlans, AsJson) {
  const Json json = vlans_json(sample());
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(
      to_text(json["vlans"][1]),
      R"({"bridge":"office","interface":"lan2","kind":"trunk","vlans":"10, 20-30","untagged":0,)"
      R"("tag_type":"802.1ad"})");
  EXPECT_EQ(
      to_text(json["groups"][0]),
      R"({"bridge":"office","vlan":10,"group":"01:00:5e:01:02:03","interfaces":["lan1","lan2"]})");
}

TEST(ShowVlans, AsTables) {
  EXPECT_EQ(vlans_text(vlans_json(sample())),
            "BRIDGE  INTERFACE  KIND    UNTAGGED  TAG      VLANS\n"
            "office  lan1       access        10  -        10\n"
            "office  lan2       trunk          -  802.1ad  10, 20-30\n"
            "office  office10   linux         10  -        10\n"
            "\n"
            "BRIDGE  VLAN  GROUP              INTERFACES\n"
            "office    10  01:00:5e:01:02:03  lan1, lan2\n"
            "plain      -  33:33:00:00:00:05  lan3\n");
  EXPECT_EQ(vlans_text(vlans_json({})), "No bridge tells VLANs apart.\n");
}

}  // namespace
}  // namespace starocean::control
