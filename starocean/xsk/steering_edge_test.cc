// What is claimed of frames that are not plain: fragments, ICMP errors, VLAN tags, cut and broken
// headers.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <initializer_list>
#include <vector>

#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/steering_fixture.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

using SteeringEdgeTest = SteeringTest;

INSTANTIATE_TEST_SUITE_P(Buffers, SteeringEdgeTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "frags" : "single"; });

TEST_P(SteeringEdgeTest, Ip4FragmentsToAnAddressWithClaims) {
  const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, kHere4, 4789)});
  const uint16_t kMore = 0x2000;
  const uint16_t kDontFragment = 0x4000;
  const Bytes unclaimed_port = udp(1, 9, zeros(40));
  EXPECT_FALSE(taken(program, ip4_frame({.fragment = kDontFragment}, unclaimed_port)));
  // First, middle, last; the port is known in the first only, and counts in none.
  EXPECT_TRUE(taken(program, ip4_frame({.fragment = kMore}, unclaimed_port)));
  EXPECT_TRUE(taken(program, ip4_frame({.fragment = kMore}, udp(1, 4789, zeros(40)))));
  EXPECT_TRUE(taken(program, ip4_frame({.fragment = kMore | 185}, zeros(40))));
  EXPECT_TRUE(taken(program, ip4_frame({.fragment = 370}, zeros(40))));
  EXPECT_TRUE(taken(program, ip4_frame({.fragment = 1}, {})));
  EXPECT_FALSE(taken(program, ip4_frame({.protocol = IPPROTO_TCP, .fragment = 370}, zeros(40))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.3", .fragment = 370}, zeros(40))));
}

TEST_P(SteeringEdgeTest, Ip4FragmentsWhenThePortIsClaimedOnAnyAddress) {
  const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, {}, 4789)});
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "192.0.2.1", .fragment = 370}, zeros(40))));
  EXPECT_FALSE(taken(
      program, ip4_frame({.destination = "192.0.2.1", .protocol = 6, .fragment = 370}, zeros(40))));
}

TEST_P(SteeringEdgeTest, Ip6FragmentsToAnAddressWithClaims) {
  const XdpProgram program = attach({Claim::ip6(IPPROTO_UDP, kHere6, 4789)});
  EXPECT_TRUE(
      taken(program, ip6_frame({.next = 44}, ip6_fragment(17, 0, true) + udp(1, 9, zeros(40)))));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 44}, ip6_fragment(17, 185, true) + zeros(40))));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 44}, ip6_fragment(17, 370, false) + zeros(40))));
  EXPECT_TRUE(
      taken(program, ip6_frame({.next = 0}, ip6_extension(44) + ip6_fragment(17, 370, false))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, ip6_fragment(6, 370, false) + zeros(40))));
  EXPECT_FALSE(taken(
      program, ip6_frame({.destination = "fd00::3", .next = 44}, ip6_fragment(17, 370, false))));
  // All of a datagram whose fragmentable part begins with another extension header is left to
  // Linux.
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, ip6_fragment(60, 0, true) +
                                                          ip6_extension(17) + udp(1, 4789))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, ip6_fragment(60, 9, false) + zeros(40))));
}

TEST_P(SteeringEdgeTest, FragmentClaimGoesWithItsLastPort) {
  XdpProgram program =
      attach({Claim::ip4(IPPROTO_UDP, kHere4, 1), Claim::ip4(IPPROTO_UDP, kHere4, 2)});
  const Bytes fragment = ip4_frame({.fragment = 370}, zeros(40));
  EXPECT_TRUE(taken(program, fragment));
  EXPECT_TRUE(program.remove_claim(Claim::ip4(IPPROTO_UDP, kHere4, 1)));
  EXPECT_TRUE(taken(program, fragment));
  EXPECT_TRUE(program.remove_claim(Claim::ip4(IPPROTO_UDP, kHere4, 2)));
  EXPECT_FALSE(taken(program, fragment));
}

TEST_P(SteeringEdgeTest, Ip4ErrorsThatQuoteAClaimedTuple) {
  const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, kHere4, 4789)});
  const Bytes sent = ip4({.source = "10.0.0.1", .destination = "10.0.0.9"}, udp(4789, 53));
  const auto error = [&](uint8_t type, const Bytes& quoted) {
    return ip4_frame({.source = "10.0.0.254", .protocol = IPPROTO_ICMP},
                     icmp(type, 0, zeros(4) + quoted));
  };
  for (const uint8_t type : std::initializer_list<uint8_t>{3, 11, 12})
    EXPECT_TRUE(taken(program, error(type, sent))) << int{type};
  // Echo, redirect, timestamp: not errors, whatever follows.
  for (const uint8_t type : std::initializer_list<uint8_t>{0, 5, 8, 13})
    EXPECT_FALSE(taken(program, error(type, sent))) << int{type};
  // Quotes what others sent: other port, other address, other protocol, or towards us.
  const Bytes other_port = ip4({.source = "10.0.0.1", .destination = "10.0.0.9"}, udp(4790, 4789));
  const Bytes other_address =
      ip4({.source = "10.0.0.7", .destination = "10.0.0.1"}, udp(4789, 4789));
  const Bytes other_protocol = ip4(
      {.source = "10.0.0.1", .destination = "10.0.0.9", .protocol = IPPROTO_TCP}, tcp(4789, 4789));
  EXPECT_FALSE(taken(program, error(3, other_port)));
  EXPECT_FALSE(taken(program, error(3, other_address)));
  EXPECT_FALSE(taken(program, error(3, other_protocol)));
  EXPECT_FALSE(taken(program, error(3, {})));
  // RFC 792 quotes the header and 8 bytes: less than the datagram's length says.
  const Bytes cut = ip4({.source = "10.0.0.1"}, udp(4789, 53, zeros(1000))).substr(0, 28);
  EXPECT_TRUE(taken(program, error(3, cut)));
  // The middle of a long echo that happens to look like an error is none.
  EXPECT_FALSE(taken(program, ip4_frame({.protocol = IPPROTO_ICMP, .fragment = 370},
                                        icmp(3, 0, zeros(4) + sent))));
  // A fragment that we sent.
  EXPECT_TRUE(taken(program, error(11, ip4({.source = "10.0.0.1", .fragment = 370}, zeros(8)))));
}

TEST_P(SteeringEdgeTest, Ip6ErrorsThatQuoteAClaimedTuple) {
  const XdpProgram program = attach({Claim::ip6(IPPROTO_UDP, kHere6, 4789)});
  const Bytes sent = ip6({.source = "fd00::1", .destination = "fd00::9"}, udp(4789, 53));
  const auto error = [&](uint8_t type, const Bytes& quoted) {
    return ip6_frame({.source = "fd00::fe", .next = IPPROTO_ICMPV6},
                     icmp(type, 0, zeros(4) + quoted));
  };
  for (const uint8_t type : std::initializer_list<uint8_t>{1, 2, 3, 4})
    EXPECT_TRUE(taken(program, error(type, sent))) << int{type};
  for (const uint8_t type : std::initializer_list<uint8_t>{0, 5, 128, 129, 135, 137})
    EXPECT_FALSE(taken(program, error(type, sent))) << int{type};
  EXPECT_FALSE(taken(program, error(1, ip6({.source = "fd00::1"}, udp(4790, 4789)))));
  EXPECT_FALSE(taken(program, error(1, ip6({.source = "fd00::7"}, udp(4789, 4789)))));
  EXPECT_TRUE(taken(
      program, error(2, ip6({.source = "fd00::1", .next = 60}, ip6_extension(17) + udp(4789, 1)))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, ip6_fragment(58, 370, false) +
                                                          icmp(1, 0, zeros(4) + sent))));
}

TEST_P(SteeringEdgeTest, VlanTagsAreAnotherNetworkUnlessToldOtherwise) {
  const Bytes packet = ip4({}, udp(1, 53));
  const Bytes one = eth(0x8100) + tag(35, 0x0800) + packet;
  const Bytes service = eth(0x88a8) + tag(35, 0x0800) + packet;
  const Bytes two = eth(0x88a8) + tag(100, 0x8100) + tag(35, 0x0800) + packet;
  const Bytes three = eth(0x88a8) + tag(100, 0x8100) + tag(35, 0x8100) + tag(36, 0x0800) + packet;
  const Bytes six = eth(0x8100) + tag(1, 0x86dd) + ip6({}, udp(1, 53));
  {
    const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, kHere4, 53)});
    for (const Bytes& frame : {one, service, two, three}) EXPECT_FALSE(taken(program, frame));
  }
  {
    const XdpProgram program = attach({Claim::by_ether_type(0x8100)});
    EXPECT_TRUE(taken(program, one));
    EXPECT_FALSE(taken(program, service));
    EXPECT_FALSE(taken(program, two));
  }
  {
    const XdpProgram program =
        attach({Claim::ip4(IPPROTO_UDP, kHere4, 53), Claim::ip6(IPPROTO_UDP, kHere6, 53)}, true);
    EXPECT_TRUE(taken(program, eth(0x0800) + packet));
    for (const Bytes& frame : {one, service, two, six}) EXPECT_TRUE(taken(program, frame));
    EXPECT_FALSE(taken(program, three));
  }
}

TEST_P(SteeringEdgeTest, TruncatedFramesGoToLinux) {
  struct Case {
    Claim claim;
    Bytes frame;
    size_t decided_at;
  };
  const std::vector<Case> cases = {
      {Claim::by_ether_type(0x88cc), eth(0x88cc) + zeros(20), 14},
      {Claim::arp(kHere4), eth(0x0806) + arp(1, "10.0.0.2", "10.0.0.1"), 14 + 28},
      {Claim::to(kHere4), ip4_frame({}, udp(1, 53)), 14 + 20},
      {Claim::ip4(IPPROTO_UDP, kHere4, 53), ip4_frame({}, udp(1, 53)), 14 + 20 + 4},
      {Claim::ip4(IPPROTO_UDP, kHere4, 53), ip4_frame({.options_len = 24}, udp(1, 53)),
       14 + 44 + 4},
      {Claim::ip4(IPPROTO_UDP, kHere4, 53), ip4_frame({.fragment = 9}, zeros(9)), 14 + 20},
      {Claim::to(kHere6), ip6_frame({}, udp(1, 53)), 14 + 40},
      {Claim::ip6(IPPROTO_UDP, kHere6, 53), ip6_frame({}, udp(1, 53)), 14 + 40 + 4},
      {Claim::ip6(IPPROTO_UDP, kHere6, 53),
       ip6_frame({.next = 60}, ip6_extension(17, 2) + udp(1, 53)), 14 + 40 + 24 + 4},
      {Claim::ip6(IPPROTO_UDP, kHere6, 53), ip6_frame({.next = 44}, ip6_fragment(17, 9, false)),
       14 + 40 + 8},
      {Claim::neighbour_solicitation(kHere6),
       ip6_frame({.next = IPPROTO_ICMPV6}, neighbour_solicitation("fd00::1")), 14 + 40 + 24},
      {Claim::ip4(IPPROTO_UDP, kHere4, 53),
       ip4_frame({.protocol = IPPROTO_ICMP},
                 icmp(3, 0, zeros(4) + ip4({.source = "10.0.0.1"}, udp(53, 1)))),
       14 + 20 + 8 + 20 + 4},
      {Claim::ip6(IPPROTO_UDP, kHere6, 53),
       ip6_frame({.next = IPPROTO_ICMPV6},
                 icmp(1, 0, zeros(4) + ip6({.source = "fd00::1"}, udp(53, 1)))),
       14 + 40 + 8 + 40 + 4},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const XdpProgram program = attach({cases[i].claim});
    for (size_t length = 14; length <= cases[i].frame.size(); ++length) {
      EXPECT_EQ(taken(program, cases[i].frame.substr(0, length)), length >= cases[i].decided_at)
          << "case " << i << ", " << length << " bytes";
    }
  }
}

TEST_P(SteeringEdgeTest, BrokenIpHeadersMatchNothing) {
  const XdpProgram program =
      attach({Claim::to(kHere4), Claim::to(kHere6), Claim::ip4(IPPROTO_UDP, kHere4, 53)});
  Bytes frame = ip4_frame({}, udp(1, 53));
  ASSERT_TRUE(taken(program, frame));
  frame[14] = 0x65;  // version 6 under the EtherType of 4
  EXPECT_FALSE(taken(program, frame));
  frame[14] = 0x44;  // a header of 16 bytes
  EXPECT_FALSE(taken(program, frame));
  Bytes frame6 = ip6_frame({}, udp(1, 53));
  ASSERT_TRUE(taken(program, frame6));
  frame6[14] = 0x40;
  EXPECT_FALSE(taken(program, frame6));
}

TEST_P(SteeringEdgeTest, PaddingIsNotPorts) {
  const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, kHere4, 53)});
  EXPECT_FALSE(taken(program, ip4_frame({}, {}) + udp(1, 53)));
  EXPECT_FALSE(taken(program, ip4_frame({}, zeros(2)) + be16_bytes(53)));
  EXPECT_TRUE(taken(program, ip4_frame({}, zeros(2) + be16_bytes(53))));
}

}  // namespace
}  // namespace starocean::xsk
