// `vlans` and `vrfs`: what is read, and what is refused with place and remedy.
#include <gtest/gtest.h>

#include <string>

#include "starocean/control/config.h"

namespace starocean::control {
namespace {

constexpr std::string_view kSite = R"(version: 1
interfaces: {lan1: {}, lan2: {}, wan1: {}, wan2: {}}
bridges: {office: {interfaces: [lan1, lan2]}}
vlans:
  wan1.35: {link: wan1, id: 35}
  wan1.36: {link: wan1, id: 36}
vrfs:
  main: {interfaces: {wan1.35: {reverse_path: strict, mss_clamp: auto}, wan2: }}
  guests: {interfaces: [wan1.36], table: 100}
)";

TEST(ConfigRouting, IsRead) {
  const auto config = parse_config(kSite, "site.yaml");
  ASSERT_TRUE(config) << config.error().message();
  ASSERT_EQ(config->vlans.size(), 2U);
  EXPECT_EQ(config->vlans[0].name, "wan1.35");
  EXPECT_EQ(config->vlans[0].link, "wan1");
  EXPECT_EQ(config->vlans[0].id, 35);
  ASSERT_EQ(config->vrfs.size(), 2U);
  const VrfConfig& main = config->vrfs[0];
  EXPECT_EQ(main.table, std::nullopt);
  ASSERT_EQ(main.interfaces.size(), 2U);
  EXPECT_EQ(main.interfaces[0].name, "wan1.35");
  EXPECT_EQ(main.interfaces[0].reverse_path, ReversePathCheck::kStrict);
  EXPECT_EQ(main.interfaces[0].mss_clamp, MssClamp::kAuto);
  EXPECT_EQ(main.interfaces[1].name, "wan2");
  EXPECT_EQ(main.interfaces[1].reverse_path, ReversePathCheck::kNone);
  EXPECT_EQ(main.interfaces[1].mss_clamp, MssClamp::kOff);
  EXPECT_EQ(config->vrfs[1].table, 100U);
}

TEST(ConfigRouting, DescribedAsItWasRead) {
  const auto config = parse_config(kSite, "site.yaml");
  ASSERT_TRUE(config);
  const auto again = parse_config(describe(*config), "again.yaml");
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, *config);
}

std::string error_of(const std::string& rest) {
  const auto config = parse_config(
      "version: 1\ninterfaces: {a: {}, b: {}, c: {}}\nbridges: {x: {interfaces: [c]}}\n" + rest,
      "s");
  return config ? "no error" : config.error().message();
}

TEST(ConfigRouting, ContradictionsAreRefused) {
  EXPECT_EQ(
      error_of("vrfs: {m: {interfaces: [c]}}\n"),
      "s:4:25: cannot put interface 'c' into VRF 'm': it is in bridge 'x', and an interface is "
      "bridged or routed, not both; take it out of one, or route a `vlan_interfaces` device of "
      "the bridge");
  EXPECT_EQ(
      error_of("vrfs: {m: {interfaces: [a]}, n: {interfaces: [a], table: 7}}\n"),
      "s:4:47: cannot put interface 'a' into VRF 'n': it is in VRF 'm' at 4:25; name it once");
  EXPECT_EQ(
      error_of("vrfs: {m: {interfaces: [a]}, n: {interfaces: [b], table: 254}}\n"),
      "s:4:58: cannot use VRF 'n': VRF 'm' at 4:8 has the same table; put the interfaces of both "
      "into one VRF, or name another table");
  EXPECT_EQ(
      error_of("vlans: {c.5: {link: c, id: 5}}\n"),
      "s:4:21: cannot use the VLAN 'c.5': its link 'c' is in bridge 'x'; take the link out of the "
      "bridge, or use `vlan_interfaces` of the bridge");
  EXPECT_EQ(
      error_of("vlans: {a.5: {link: a, id: 5}, v: {link: a, id: 5}}\n"),
      "s:4:49: cannot use the VLAN 'v': VLAN 5 of 'a' is already 'a.5' at 4:9; write it once");
  EXPECT_EQ(
      error_of("vlans: {b: {link: a, id: 5}}\n"),
      "s:4:9: cannot use the VLAN 'b': an interface has that name at 2:21; give it another name");
}

TEST(ConfigRouting, WhatIsNotThereIsNamed) {
  EXPECT_EQ(
      error_of("vlans: {v: {link: eth0, id: 5}}\n"),
      "s:4:19: cannot use the VLAN 'v' of interface 'eth0': there is no such interface; declare it "
      "under 'interfaces'");
  EXPECT_EQ(
      error_of("vlans: {v.500: {link: a, id: 5}}\nvrfs: {m: {interfaces: [v.50]}}\n"),
      "s:5:25: cannot put interface 'v.50' into VRF 'm': there is no such interface; did you mean "
      "'v.500'?");
  EXPECT_EQ(
      error_of("vlans: {v: {link: a, id: 4095}}\n"),
      "s:4:26: cannot use vlans.v.id: 4095 is out of range; write a whole number from 1 to 4094");
}

}  // namespace
}  // namespace starocean::control
