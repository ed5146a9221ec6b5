// What of an interface that routes goes to user space, and what stays with Linux.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>

#include <fmt/format.h>

#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/steering_fixture.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

constexpr std::array<uint8_t, 6> kOwnMac = {2, 0, 0, 0, 0, 1};  // frames.h, mac(1)

Claim::Ip6 mapped(const char* address) {
  const Bytes bytes = address_bytes(address);
  Claim::Ip6 result{};
  result[10] = result[11] = 0xff;
  if (bytes.size() == 4) {
    std::copy(bytes.begin(), bytes.end(), result.begin() + 12);
  } else {
    std::copy(bytes.begin(), bytes.end(), result.begin());
  }
  return result;
}

class SteeringTransitTest : public SteeringTest {
 protected:
  XdpProgram attach_router(RouteFilter filter) {
    XdpProgram program = attach({});
    filter.mac = kOwnMac;
    program.set_route_filter(filter);
    EXPECT_TRUE(program.set_local(mapped("10.0.0.1"), true));
    EXPECT_TRUE(program.set_local(mapped("fd00::1"), true));
    program.set_mode(ClaimMode::kTransit);
    return program;
  }
};

INSTANTIATE_TEST_SUITE_P(Buffers, SteeringTransitTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "frags" : "single"; });

TEST_P(SteeringTransitTest, TransitIsTakenAndLinuxKeepsItsOwn) {
  const XdpProgram program = attach_router({.untagged = true});
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.9.0.1"}, udp(1, 2))));
  EXPECT_TRUE(taken(program, ip6_frame({.destination = "fd09::1"}, udp(1, 2))));
  // Fragments and options are transit too: it is for user space to see what it cannot do.
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.9.0.1", .fragment = 100}, zeros(8))));
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.9.0.1", .options_len = 4}, udp(1, 2))));

  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.1"}, udp(1, 2))));
  EXPECT_FALSE(taken(program, ip6_frame({.destination = "fd00::1"}, udp(1, 2))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "224.0.0.5"}, udp(1, 2))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "255.255.255.255"}, udp(67, 68))));
  EXPECT_FALSE(taken(program, ip6_frame({.destination = "ff02::5"}, udp(1, 2))));
  EXPECT_FALSE(taken(program, ip6_frame({.destination = "fe80::1"}, udp(1, 2))));
  EXPECT_FALSE(taken(program, eth(0x0806) + arp(1, "10.0.0.2", "10.9.0.1")));
  EXPECT_FALSE(taken(program, eth(0x88cc) + zeros(50)));
  EXPECT_FALSE(taken(program, eth(0x0800) + zeros(19)));  // no whole IPv4 header
}

TEST_P(SteeringTransitTest, OnlyFramesToTheInterfaceItself) {
  const XdpProgram program = attach_router({.untagged = true});
  const Bytes packet = ip4({.destination = "10.9.0.1"}, udp(1, 2));
  EXPECT_TRUE(taken(program, eth(0x0800, mac(1)) + packet));
  EXPECT_FALSE(taken(program, eth(0x0800, mac(3)) + packet));
  EXPECT_FALSE(taken(program, eth(0x0800, hex("ffffffffffff")) + packet));
  EXPECT_FALSE(taken(program, eth(0x0800, hex("01005e000001")) + packet));
}

TEST_P(SteeringTransitTest, AddressesComeAndGo) {
  XdpProgram program = attach_router({.untagged = true});
  const Bytes v4 = ip4_frame({.destination = "10.9.0.1"}, udp(1, 2));
  const Bytes v6 = ip6_frame({.destination = "fd09::1"}, udp(1, 2));
  for (int i = 0; i < 2; ++i) {  // to say it twice is no error
    EXPECT_TRUE(program.set_local(mapped("10.9.0.1"), true));
    EXPECT_TRUE(program.set_local(mapped("fd09::1"), true));
    EXPECT_FALSE(taken(program, v4));
    EXPECT_FALSE(taken(program, v6));
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(program.set_local(mapped("10.9.0.1"), false));
    EXPECT_TRUE(program.set_local(mapped("fd09::1"), false));
    EXPECT_TRUE(taken(program, v4));
    EXPECT_TRUE(taken(program, v6));
  }
}

TEST_P(SteeringTransitTest, ManyAddressesComeAndOneStays) {
  XdpProgram program = attach_router({.untagged = true});
  const auto address = [](int number) {
    return fmt::format("10.{}.{}.1", 16 + number / 256, number % 256);
  };
  const auto is_local = [&](int number) {
    return !taken(program, ip4_frame({.destination = address(number).c_str()}, udp(1, 2)));
  };
  // More than there are bits (STEER_LOCAL_BITS), so that each is shared.
  constexpr int kAddresses = 10'000;
  for (int i = 0; i < kAddresses; ++i) {
    ASSERT_TRUE(program.set_local(mapped(address(i).c_str()), true));
  }
  for (int i = 0; i < kAddresses; i += 7) EXPECT_TRUE(is_local(i)) << i;
  EXPECT_FALSE(is_local(kAddresses));
  for (int i = 0; i < kAddresses; ++i) {
    if (i == 4711) continue;
    ASSERT_TRUE(program.set_local(mapped(address(i).c_str()), false));
  }
  for (int i = 0; i < kAddresses; i += 7) EXPECT_EQ(is_local(i), i == 4711) << i;
  EXPECT_TRUE(is_local(4711));
}

TEST_P(SteeringTransitTest, VlansOfTheDevice) {
  const XdpProgram program = attach_router({.vlans = {35, 4094}, .whole_vlans = {64}});
  const auto tagged = [](uint16_t vlan, const char* to) {
    return eth(0x8100) + tag(vlan, 0x0800) + ip4({.destination = to}, udp(1, 2));
  };
  EXPECT_TRUE(taken(program, tagged(35, "10.9.0.1")));
  EXPECT_TRUE(taken(program, tagged(0x6000 | 35, "10.9.0.1")));  // whatever its priority
  EXPECT_TRUE(taken(program, tagged(4094, "10.9.0.1")));
  EXPECT_FALSE(taken(program, tagged(35, "10.0.0.1")));
  EXPECT_FALSE(taken(program, tagged(36, "10.9.0.1")));
  EXPECT_FALSE(taken(program, tagged(99, "10.9.0.1")));
  EXPECT_FALSE(taken(program, eth(0x88a8) + tag(35, 0x0800) + ip4({}, udp(1, 2))));
  EXPECT_TRUE(taken(program, tagged(64, "10.0.0.1")));
  EXPECT_TRUE(taken(program, eth(0x8100, hex("ffffffffffff")) + tag(64, 0x0806) +
                                 arp(1, "10.0.0.2", "10.0.0.1")));
  // Untagged traffic of this device is not routed here.
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.9.0.1"}, udp(1, 2))));
}

TEST_P(SteeringTransitTest, TheModeChangesWhileAttached) {
  XdpProgram program = attach_router({.untagged = true});
  const Bytes own = ip4_frame({.destination = "10.0.0.1"}, udp(1, 2));
  const Bytes transit = ip4_frame({.destination = "10.9.0.1"}, udp(1, 2));
  EXPECT_FALSE(taken(program, own));
  program.set_mode(ClaimMode::kWholeInterface);
  EXPECT_TRUE(taken(program, own));
  program.set_mode(ClaimMode::kByRule);
  EXPECT_FALSE(taken(program, own));
  EXPECT_FALSE(taken(program, transit));
  program.set_mode(ClaimMode::kTransit);
  EXPECT_TRUE(taken(program, transit));
}

// Claims (tunnels, services) come before the question of who else it is for.
TEST_P(SteeringTransitTest, ClaimsComeFirst) {
  XdpProgram program = attach_router({.untagged = true});
  ASSERT_TRUE(program.add_claim(Claim::ip4(IPPROTO_UDP, kHere4, 4789)));
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.0.0.1"}, udp(1, 4789))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.1"}, udp(1, 4790))));
}

}  // namespace
}  // namespace starocean::xsk
