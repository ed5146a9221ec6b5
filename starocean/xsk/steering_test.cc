// What is claimed and what is left to Linux: claims of every shape, and how they come and go.
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

INSTANTIATE_TEST_SUITE_P(Buffers, SteeringTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "frags" : "single"; });

TEST_P(SteeringTest, WithoutClaimsEverythingGoesToLinux) {
  const XdpProgram program = attach({});
  EXPECT_FALSE(taken(program, ip4_frame({}, udp(1, 2))));
  EXPECT_FALSE(taken(program, eth(0x88cc) + zeros(50)));
  EXPECT_EQ(program.counters().passed, 2U);
}

TEST_P(SteeringTest, EtherType) {
  const XdpProgram program = attach({Claim::by_ether_type(0x88cc)});
  EXPECT_TRUE(taken(program, eth(0x88cc)));
  EXPECT_TRUE(taken(program, eth(0x88cc) + zeros(100)));
  EXPECT_FALSE(taken(program, eth(0x88cd) + zeros(100)));
  EXPECT_FALSE(taken(program, eth(0xcc88) + zeros(100)));
  EXPECT_FALSE(taken(program, eth(0x8100) + tag(1, 0x88cc) + zeros(100)));
}

TEST_P(SteeringTest, EtherTypeOfIpTakesAllOfIt) {
  const XdpProgram program = attach({Claim::by_ether_type(0x0800)});
  EXPECT_TRUE(taken(program, ip4_frame({}, udp(1, 2))));
  EXPECT_TRUE(taken(program, eth(0x0800)));
  EXPECT_FALSE(taken(program, ip6_frame({}, udp(1, 2))));
}

TEST_P(SteeringTest, ArpByTarget) {
  const XdpProgram program = attach({Claim::arp(kHere4)});
  for (const uint16_t operation : std::initializer_list<uint16_t>{1, 2}) {
    EXPECT_TRUE(taken(program, eth(0x0806) + arp(operation, "10.0.0.2", "10.0.0.1")));
    EXPECT_FALSE(taken(program, eth(0x0806) + arp(operation, "10.0.0.1", "10.0.0.2")));
  }
  const Bytes good = eth(0x0806) + arp(1, "10.0.0.2", "10.0.0.1");
  // Hardware type, protocol type and the two lengths must be those of IPv4 on Ethernet.
  for (const size_t offset : {14U, 15U, 16U, 17U, 18U, 19U}) {
    Bytes wrong = good;
    wrong[offset] ^= 2;
    EXPECT_FALSE(taken(program, wrong)) << offset;
  }
}

TEST_P(SteeringTest, NeighbourSolicitationByTarget) {
  const XdpProgram program = attach({Claim::neighbour_solicitation(kHere6)});
  const Ip6 header{.destination = "ff02::1:ff00:1", .next = IPPROTO_ICMPV6};
  EXPECT_TRUE(taken(program, ip6_frame(header, neighbour_solicitation("fd00::1"))));
  EXPECT_FALSE(taken(program, ip6_frame(header, neighbour_solicitation("fd01::1"))));
  Bytes advertisement = ip6_frame(header, neighbour_solicitation("fd00::1"));
  advertisement[14 + 40] = 136;
  EXPECT_FALSE(taken(program, advertisement));
  EXPECT_FALSE(taken(program, ip6_frame({.next = IPPROTO_ICMPV6}, icmp(128, 0, zeros(30)))));
}

TEST_P(SteeringTest, Ip4ProtocolAddressPort) {
  const XdpProgram program = attach({Claim::ip4(IPPROTO_UDP, kHere4, 4789)});
  EXPECT_TRUE(taken(program, ip4_frame({}, udp(1, 4789))));
  EXPECT_TRUE(taken(program, ip4_frame({.options_len = 4}, udp(1, 4789))));
  EXPECT_TRUE(taken(program, ip4_frame({.options_len = 40}, udp(1, 4789))));
  EXPECT_FALSE(taken(program, ip4_frame({}, udp(4789, 1))));
  EXPECT_FALSE(taken(program, ip4_frame({}, udp(1, 4790))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.3"}, udp(1, 4789))));
  EXPECT_FALSE(taken(
      program, ip4_frame({.source = "10.0.0.1", .destination = "10.0.0.2"}, udp(4789, 4789))));
  EXPECT_FALSE(taken(program, ip4_frame({.protocol = IPPROTO_TCP}, tcp(1, 4789))));
  // A protocol without ports, whose first bytes look like some.
  EXPECT_FALSE(taken(program, ip4_frame({.protocol = IPPROTO_GRE}, udp(1, 4789))));
  EXPECT_FALSE(taken(program, ip6_frame({}, udp(1, 4789))));
}

TEST_P(SteeringTest, EveryProtocolWithPorts) {
  for (const uint8_t protocol :
       {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP, IPPROTO_DCCP}) {
    const XdpProgram program =
        attach({Claim::ip4(protocol, {}, 443), Claim::ip6(protocol, {}, 443)});
    EXPECT_TRUE(taken(program, ip4_frame({.protocol = protocol}, udp(1, 443, zeros(12)))));
    EXPECT_TRUE(taken(program, ip6_frame({.next = protocol}, udp(1, 443, zeros(12)))));
    EXPECT_FALSE(taken(program, ip4_frame({.protocol = protocol}, udp(443, 1, zeros(12)))));
  }
}

TEST_P(SteeringTest, AnyAddressAnyPortAnyProtocol) {
  const XdpProgram program =
      attach({Claim::ip4(IPPROTO_UDP, {}, 53), Claim::ip4(IPPROTO_ICMP, kHere4),
              Claim::ip4(IPPROTO_SCTP), Claim::to(Claim::Ip4{10, 0, 0, 9})});
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "192.0.2.1"}, udp(1, 53))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "192.0.2.1"}, udp(1, 54))));
  EXPECT_TRUE(taken(program, ip4_frame({.protocol = IPPROTO_ICMP}, icmp(8, 0, zeros(20)))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.2", .protocol = IPPROTO_ICMP},
                                        icmp(8, 0, zeros(20)))));
  EXPECT_TRUE(
      taken(program, ip4_frame({.destination = "192.0.2.1", .protocol = IPPROTO_SCTP}, zeros(12))));
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.0.0.9", .protocol = 200}, zeros(12))));
  EXPECT_TRUE(taken(program, ip4_frame({.destination = "10.0.0.9"}, udp(5, 6))));
  EXPECT_TRUE(
      taken(program, ip4_frame({.destination = "10.0.0.9", .fragment = 0x2000}, udp(5, 6))));
  EXPECT_FALSE(taken(program, ip4_frame({.destination = "10.0.0.8", .protocol = 200}, zeros(12))));
}

TEST_P(SteeringTest, Ip6ProtocolAddressPort) {
  const XdpProgram program =
      attach({Claim::ip6(IPPROTO_TCP, kHere6, 443), Claim::ip6(IPPROTO_ICMPV6, kHere6)});
  EXPECT_TRUE(taken(program, ip6_frame({.next = IPPROTO_TCP}, tcp(1, 443))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = IPPROTO_TCP}, tcp(1, 444))));
  EXPECT_FALSE(
      taken(program, ip6_frame({.destination = "fd00::3", .next = IPPROTO_TCP}, tcp(1, 443))));
  EXPECT_FALSE(
      taken(program, ip6_frame({.destination = "fd01::1", .next = IPPROTO_TCP}, tcp(1, 443))));
  EXPECT_TRUE(taken(program, ip6_frame({.next = IPPROTO_ICMPV6}, icmp(128, 0, zeros(30)))));
  EXPECT_FALSE(taken(program, ip4_frame({.protocol = IPPROTO_TCP}, tcp(1, 443))));
}

// An IPv4 address must not match an IPv6 address that begins with the same bytes.
TEST_P(SteeringTest, FamiliesDoNotMix) {
  const XdpProgram program = attach({Claim::to(kHere4)});
  EXPECT_TRUE(taken(program, ip4_frame({}, udp(1, 2))));
  EXPECT_FALSE(taken(program, ip6_frame({.destination = "a00:1::"}, udp(1, 2))));
}

TEST_P(SteeringTest, Ip6ExtensionHeadersAreWalked) {
  const XdpProgram program = attach({Claim::ip6(IPPROTO_UDP, kHere6, 53)});
  const Bytes last = udp(1, 53);
  EXPECT_TRUE(taken(program, ip6_frame({.next = 0}, ip6_extension(17) + last)));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 43}, ip6_extension(17, 2) + last)));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 60}, ip6_extension(17, 31) + last)));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 60}, ip6_extension(17, 150) + last)));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 135}, ip6_extension(17) + last)));
  EXPECT_TRUE(taken(program, ip6_frame({.next = 51}, ip6_authentication(17, 4) + last)));
  EXPECT_TRUE(
      taken(program,
            ip6_frame({.next = 0}, ip6_extension(60) + ip6_extension(43) + ip6_extension(51, 1) +
                                       ip6_authentication(60, 1) + ip6_extension(17, 3) + last)));
  // An atomic fragment (RFC 6946) is a whole packet.
  EXPECT_TRUE(taken(program, ip6_frame({.next = 44}, ip6_fragment(17, 0, false) + last)));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, ip6_fragment(17, 0, false) + udp(1, 54))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 0}, ip6_extension(17) + udp(1, 54))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 0}, ip6_extension(6) + tcp(1, 53))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 59}, last)));
}

TEST_P(SteeringTest, Ip6ExtensionHeaderWalkIsBounded) {
  const XdpProgram program = attach({Claim::ip6(IPPROTO_UDP, {}, 53)});
  for (size_t count = 1; count <= 12; ++count) {
    Bytes chain;
    for (size_t i = 0; i + 1 < count; ++i) chain += ip6_extension(60);
    chain += ip6_extension(17);
    EXPECT_EQ(taken(program, ip6_frame({.next = 60}, chain + udp(1, 53))), count <= 8) << count;
  }
}

// A chain that is cut, or too long, has no upper-layer protocol; a claim on "destination options"
// as a protocol must not match by accident.
TEST_P(SteeringTest, ExtensionHeadersAreNotProtocols) {
  const XdpProgram program = attach({Claim::ip6(60), Claim::ip6(44)});
  EXPECT_FALSE(taken(program, ip6_frame({.next = 60}, ip6_extension(17) + udp(1, 53))));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 60}, {})));
  EXPECT_FALSE(taken(program, ip6_frame({.next = 44}, zeros(4))));
}

// Each claimed frame, cut at every length: to user space exactly from the length on at which the
// last field that the claim asks for is complete.
// A datagram that ends before the ports does not get them from the frame's padding.
TEST_P(SteeringTest, ClaimsComeAndGo) {
  XdpProgram program = attach({});
  const Claim first = Claim::ip4(IPPROTO_UDP, kHere4, 53);
  const Claim second = Claim::ip4(IPPROTO_UDP, kHere4, 54);
  const Bytes frame = ip4_frame({}, udp(1, 53));
  EXPECT_TRUE(program.add_claim(first));
  EXPECT_TRUE(program.add_claim(second));
  EXPECT_TRUE(taken(program, frame));
  EXPECT_FALSE(program.add_claim(first));
  EXPECT_TRUE(program.remove_claim(first));
  EXPECT_FALSE(taken(program, frame));
  EXPECT_FALSE(program.remove_claim(first));
  EXPECT_TRUE(taken(program, ip4_frame({}, udp(1, 54))));
  EXPECT_TRUE(program.add_claim(first));
  EXPECT_TRUE(taken(program, frame));
}

TEST_P(SteeringTest, ManyClaimsAndTheEndOfThem) {
  XdpProgram program = attach({});
  for (uint32_t port = 0; port < 16384; ++port) {
    ASSERT_TRUE(program.add_claim(Claim::ip4(IPPROTO_UDP, kHere4, static_cast<uint16_t>(port))));
  }
  const auto one_more = program.add_claim(Claim::by_ether_type(0x88cc));
  ASSERT_FALSE(one_more);
  EXPECT_NE(one_more.error().message().find("16384"), std::string::npos)
      << one_more.error().message();
  EXPECT_FALSE(taken(program, eth(0x88cc)));
  EXPECT_TRUE(taken(program, ip4_frame({}, udp(1, 16383))));
  EXPECT_FALSE(taken(program, ip4_frame({}, udp(1, 16384))));
}

TEST_P(SteeringTest, ClaimsThatMakeNoSenseAreRefused) {
  XdpProgram program = attach({});
  Claim port_without_protocol = Claim::to(kHere4);
  port_without_protocol.port = 53;
  Claim resolution_without_address = Claim::by_ether_type(0x0806);
  resolution_without_address.neighbour = true;
  Claim lldp_with_protocol = Claim::by_ether_type(0x88cc);
  lldp_with_protocol.protocol = 1;
  for (const Claim& claim : {port_without_protocol, resolution_without_address, lldp_with_protocol,
                             Claim::by_ether_type(0x05dc), Claim::ip4(IPPROTO_ICMP, kHere4, 53)}) {
    const auto added = program.add_claim(claim);
    ASSERT_FALSE(added);
    EXPECT_NE(added.error().message().find("cannot claim"), std::string::npos);
  }
}

TEST_P(SteeringTest, CountersCountEachFrameOnce) {
  XdpProgram program = attach({Claim::by_ether_type(0x88cc)});
  for (int i = 0; i < 3; ++i) taken(program, eth(0x88cc));
  for (int i = 0; i < 5; ++i) taken(program, eth(0x88cd));
  program.clear_socket(0);
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(taken(program, eth(0x88cc)));
  const XdpCounters counted = program.counters();
  EXPECT_EQ(counted.redirected, 3U);
  EXPECT_EQ(counted.passed, 5U);
  EXPECT_EQ(counted.no_socket, 7U);
}

}  // namespace
}  // namespace starocean::xsk
