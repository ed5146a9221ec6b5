// VLANs, mirrors and limits of bridges: what is read, and what is refused.

#include <gtest/gtest.h>

#include "starocean/control/config.h"
#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

constexpr std::string_view kInterfaces = "version: 1\ninterfaces: {a: , b: , c: , mon: }\n";

std::string text_of(std::string_view bridge) {
  return std::string(kInterfaces).append("bridges:\n  x: ").append(bridge) += "\n";
}

std::string error_of(std::string_view bridge) {
  const auto config = parse_config(text_of(bridge), "t");
  return config ? "no error" : config.error().message();
}

BridgeConfig bridge_of(std::string_view bridge) {
  const auto config = parse_config(text_of(bridge), "t");
  EXPECT_TRUE(config) << config.error().message();
  return config ? config->bridges.at(0) : BridgeConfig{};
}

TEST(Vlans, AllKindsOfMembersAreRead) {
  const BridgeConfig bridge = bridge_of(
      "{interfaces: {a: {vlan: 10, qinq: true}, b: {trunk: [10, 20, 100-102], native: 20}, "
      "c: {trunk: all, tag_type: 802.1ad, sticky: true, mac_limit: 5, mirror_to: mon, mirror: in, "
      "storm_control: {broadcast: 100, unknown_unicast: 0}}}, multicast_snooping: true, "
      "static: {\"02:00:00:00:00:01\": a, \"02:00:00:00:00:02\": {10: b, 101: b}}, "
      "vlan_interfaces: {office10: {vlan: 10}}}");
  ASSERT_EQ(bridge.interfaces.size(), 3u);
  const BridgeMember& access = bridge.interfaces[0];
  EXPECT_TRUE(access.qinq);
  EXPECT_EQ(access.untagged_vlan(), 10);
  EXPECT_TRUE(access.carries(10));
  EXPECT_FALSE(access.carries(20));
  EXPECT_FALSE(access.carries(0));
  const BridgeMember& trunk = bridge.interfaces[1];
  EXPECT_EQ(format_vlans(*trunk.trunk), "10, 20, 100-102");
  EXPECT_EQ(trunk.untagged_vlan(), 20);
  const BridgeMember& all = bridge.interfaces[2];
  EXPECT_EQ(format_vlans(*all.trunk), "1-4094");
  EXPECT_EQ(all.tag_type, TagType::kDot1ad);
  EXPECT_TRUE(all.sticky);
  EXPECT_EQ(all.mac_limit, 5u);
  EXPECT_EQ(all.mirror_to, "mon");
  EXPECT_EQ(all.mirror, MirrorDirection::kIn);
  EXPECT_EQ(all.storm_control.broadcast, 100u);
  EXPECT_FALSE(all.storm_control.multicast);
  EXPECT_EQ(all.storm_control.unknown_unicast, 0u);
  ASSERT_EQ(bridge.static_macs.size(), 3u);
  EXPECT_EQ(bridge.static_macs[0].vlan, 0);
  EXPECT_EQ(bridge.static_macs[1].vlan, 10);
  EXPECT_EQ(bridge.static_macs[2].vlan, 101);
  ASSERT_EQ(bridge.vlan_interfaces.size(), 1u);
  EXPECT_EQ(bridge.vlan_interfaces[0].name, "office10");
  EXPECT_EQ(bridge.vlan_interfaces[0].vlan, 10);
  EXPECT_TRUE(bridge.multicast_snooping);
  EXPECT_TRUE(bridge.is_vlan_aware());
}

TEST(Vlans, WhatIsWrittenOutIsReadBack) {
  const std::string text = text_of(
      "{interfaces: {a: {vlan: 10, qinq: true, storm_control: {multicast: 7}}, b: {trunk: [10, "
      "20], "
      "native: 20, mirror_to: mon}, c: {trunk: all, tag_type: 802.1ad, mac_limit: 5}}, "
      "static: {02-00-00-00-00-02: {20: b}, \"02:00:00:00:00:01\": a, \"02:00:00:00:00:02\": {10: "
      "b}}, "
      "vlan_interfaces: {office10: {vlan: 10}, office20: {vlan: 20}}}");
  const auto config = parse_config(text, "t");
  ASSERT_TRUE(config) << config.error().message();
  const auto again = parse_config(describe(*config), "again");
  ASSERT_TRUE(again) << again.error().message() << describe(*config);
  EXPECT_TRUE(*again == *config) << describe(*config);
}

TEST(Vlans, ABridgeOfInterfacesWithLimitsOnlyTellsNoVlansApart) {
  EXPECT_FALSE(bridge_of("{interfaces: {a: {sticky: true}, b: {mac_limit: 1}}}").is_vlan_aware());
}

TEST(Vlans, TheSummaryShowsThem) {
  const auto config = parse_config(
      text_of("{interfaces: {a: {vlan: 10}, b: {trunk: [10, 20], native: 20, mirror_to: mon}}, "
              "vlan_interfaces: {office30: {vlan: 30}}}"),
      "t");
  ASSERT_TRUE(config) << config.error().message();
  const auto summary = check_summary(*config);
  ASSERT_TRUE(summary) << summary.error().message();
  EXPECT_NE(summary->find("bridge x: 2 interfaces (a VLAN 10, b trunk 10, 20 native 20 mirrored to "
                          "mon), 16384 addresses"),
            std::string::npos)
      << *summary;
  EXPECT_NE(summary->find("note: no interface of bridge x carries VLAN 30 of VLAN interface "
                          "office30\n"),
            std::string::npos)
      << *summary;
  EXPECT_EQ(summary->find("mon is in no bridge"), std::string::npos) << *summary;
}

struct Refused {
  std::string_view bridge;
  std::string_view message;
};

constexpr Refused kRefused[] = {
    {"{interfaces: {a: {vlan: 10, trunk: [10]}}}",
     "t:4:41: cannot use interface 'a' of bridge 'x': it has both 'vlan' and 'trunk'; keep 'vlan' "
     "for "
     "an access interface, or 'trunk' (and 'native') for a trunk"},
    {"{interfaces: {a: {vlan: 10, native: 10}}}",
     "t:4:42: cannot use interface 'a' of bridge 'x': it has 'native' and no 'trunk'; remove "
     "'native', or write 'trunk' instead of 'vlan'"},
    {"{interfaces: {a: {native: 10}}}",
     "t:4:32: cannot use interface 'a' of bridge 'x': it has 'native' and no 'trunk'; add 'trunk', "
     "or write 'vlan' instead of 'native'"},
    {"{interfaces: {a: {trunk: [20], native: 10}}}",
     "t:4:45: cannot use interface 'a' of bridge 'x': its native VLAN 10 is not in its trunk; add "
     "10 "
     "to 'trunk', or name one that is in it"},
    {"{interfaces: {a: {vlan: 10}, b: }}",
     "t:4:35: cannot use interface 'b' of bridge 'x': the bridge is VLAN-aware, and this interface "
     "has no VLAN; write 'vlan' or 'trunk' for it"},
    {"{interfaces: [a], vlan_interfaces: {v: {vlan: 1}}}",
     "t:4:20: cannot use interface 'a' of bridge 'x': the bridge is VLAN-aware, and this interface "
     "has no VLAN; write 'vlan' or 'trunk' for it"},
    {"{interfaces: {a: {vlan: 4095}}}",
     "t:4:30: cannot use bridges.x.interfaces.a.vlan: 4095 is out of range; write a whole number "
     "from 1 to 4094"},
    {"{interfaces: {a: {vlan: 0}}}",
     "t:4:30: cannot use bridges.x.interfaces.a.vlan: 0 is out of range; write a whole number from "
     "1 to 4094"},
    {"{interfaces: {a: {trunk: [10, 5-12]}}}",
     "t:4:36: cannot use bridges.x.interfaces.a.trunk: 10 is already in the list; write a list of "
     "VLANs from 1 to 4094 and ranges such as 100-200, or all"},
    {"{interfaces: {a: {trunk: [20-10]}}}",
     "t:4:32: cannot use bridges.x.interfaces.a.trunk: '20-10' is not a VLAN or a range of VLANs; "
     "write a list of VLANs from 1 to 4094 and ranges such as 100-200, or all"},
    {"{interfaces: {a: {trunk: []}}}",
     "t:4:31: cannot use bridges.x.interfaces.a.trunk: the list is empty; write a list of VLANs "
     "from 1 to 4094 and ranges such as 100-200, or all"},
    {"{interfaces: {a: {trunk: all, qinq: true}}}",
     "t:4:42: cannot use interface 'a' of bridge 'x': 'qinq' is for interfaces with 'vlan'; write "
     "the VLAN that all its frames belong to, or remove 'qinq'"},
    {"{interfaces: {a: {vlan: 1, tag_type: 802.1ad}}}",
     "t:4:43: cannot use interface 'a' of bridge 'x': 'tag_type' is for interfaces with 'trunk'; "
     "write it for the trunk, or remove it"},
    {"{interfaces: {a: {mirror: in}}}",
     "t:4:32: cannot use interface 'a' of bridge 'x': it has 'mirror' and no 'mirror_to'; name the "
     "interface that gets the copies in 'mirror_to'"},
    {"{interfaces: {a: {mirror_to: a}}}",
     "t:4:35: cannot mirror interface 'a' of bridge 'x' to 'a': it is the same interface; name an "
     "interface that is in no bridge and does not route"},
    {"{interfaces: {a: {mirror_to: b}, b: }}",
     "t:4:35: cannot mirror interface 'a' of bridge 'x' to 'b': it is in bridge 'x', where copies "
     "would be taken for traffic; name an interface that is in no bridge and does not route"},
    {"{interfaces: {a: {mirror_to: mom}}}",
     "t:4:35: cannot mirror interface 'a' of bridge 'x' to 'mom': there is no such interface; did "
     "you mean 'mon'?"},
    {"{interfaces: {a: {trunk: all}}, vlan_interfaces: {b: {vlan: 1}}}",
     "t:4:56: cannot make the VLAN interface 'b' of bridge 'x': its name is taken at 2:19; give it "
     "another name"},
    {"{interfaces: {a: {trunk: all}}, vlan_interfaces: {v: {vlan: 1}, w: {vlan: 1}}}",
     "t:4:80: cannot make the VLAN interface 'w' of bridge 'x': VLAN 1 has one already at 4:56; "
     "write one for each VLAN"},
    {"{interfaces: {a: {trunk: all}}, vlan_interfaces: {v: }}",
     "t:4:56: cannot use bridges.x.vlan_interfaces.v: it has no key 'vlan'; add 'vlan:' with a "
     "whole "
     "number from 1 to 4094"},
    {"{interfaces: [a], static: {\"02:00:00:00:00:01\": {10: a}}}",
     "t:4:55: cannot use the static address 02:00:00:00:00:01 of bridge 'x': it has a VLAN, and "
     "the "
     "bridge does not tell VLANs apart; write the interface alone"},
    {"{interfaces: {a: {trunk: [10]}}, static: {\"02:00:00:00:00:01\": a}}",
     "t:4:48: cannot use the static address 02:00:00:00:00:01 of bridge 'x': interface 'a' has no "
     "VLAN for frames without a tag; write the VLAN too: `{10: a}`"},
    {"{interfaces: {a: {trunk: [10]}}, static: {\"02:00:00:00:00:01\": {11: a}}}",
     "t:4:70: cannot use the static address 02:00:00:00:00:01 of bridge 'x': interface 'a' does "
     "not "
     "carry VLAN 11; name an interface or a VLAN of this bridge that fits"},
    {"{interfaces: {a: {vlan: 1}}, static: {\"02:00:00:00:00:01\": a, 02-00-00-00-00-01: {1: a}}}",
     "t:4:88: cannot use the static address 02:00:00:00:00:01 of bridge 'x': it already stands at "
     "4:44; write it once"},
    {"{interfaces: {a: {vlan: 1}}, static: {\"02:00:00:00:00:01\": {4095: a}}}",
     "t:4:66: cannot use the key '4095' in bridges.x.static.02:00:00:00:00:01: it is not a VLAN; "
     "write a number from 1 to 4094"},
};

TEST(Vlans, ContradictionsAreRefusedWithPlaceAndRemedy) {
  for (const Refused& refused : kRefused) EXPECT_EQ(error_of(refused.bridge), refused.message);
}

TEST(Vlans, AMirrorMayNotBeWhatRoutes) {
  const auto config = parse_config(
      text_of("{interfaces: {a: {mirror_to: mon}}}") + "vrfs: {r: {interfaces: [mon]}}\n", "t");
  ASSERT_FALSE(config);
  EXPECT_NE(
      config.error().message().find("it is in VRF 'r', where copies would be taken for traffic"),
      std::string::npos);
}

TEST(Vlans, AVlanInterfaceMayRoute) {
  const auto config = parse_config(
      text_of("{interfaces: {a: {vlan: 10}}, vlan_interfaces: {office10: {vlan: 10}}}") +
          "vrfs: {r: {interfaces: [office10]}}\n",
      "t");
  EXPECT_TRUE(config) << config.error().message();
}

}  // namespace
}  // namespace starocean::control
