#include "starocean/xsk/punt.h"

#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "starocean/xsk/testing/punt_fixture.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

TEST_F(PuntTest, UnicastArrivesOnTheOriginalDevice) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  UdpSocket udp_socket(AF_INET, 7000);
  const Bytes payload = pattern(100);
  const Bytes frame = eth(0x0800, near_mac()) + ip4({}, udp(1, 7000, payload));
  ASSERT_EQ(inject(punt, frame), 1U);
  const auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, frame);
  EXPECT_EQ(seen->packet_type, PACKET_HOST);
  EXPECT_EQ(udp_socket.receive(), payload);
}

TEST_F(PuntTest, BroadcastAndMulticastKeepTheirKind) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  const Bytes request = eth(0x0806, hex("ffffffffffff")) + arp(1, "10.0.0.2", "10.0.0.1");
  ASSERT_EQ(inject(punt, request), 1U);
  auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, request);
  EXPECT_EQ(seen->packet_type, PACKET_BROADCAST);

  const Bytes lldp = eth(0x88cc, hex("0180c200000e")) + pattern(60);
  ASSERT_EQ(inject(punt, lldp), 1U);
  seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, lldp);
  EXPECT_EQ(seen->packet_type, PACKET_MULTICAST);

  const Bytes strange = eth(0x0800, mac(0x77)) + ip4({}, udp(1, 2));
  ASSERT_EQ(inject(punt, strange), 1U);
  seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->packet_type, PACKET_OTHERHOST);
}

// Linux's answer leaves by the original device: proof that its stack believes the frame came from
// there.
TEST_F(PuntTest, LinuxAnswersAPuntedArpRequestOnTheOriginalDevice) {
  Punt punt = make_punt();
  PacketSocket other_end(veth_.far.ifindex);
  ASSERT_EQ(inject(punt, eth(0x0806, hex("ffffffffffff")) + arp(1, "10.0.0.2", "10.0.0.1")), 1U);
  const auto reply = other_end.receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->frame.substr(0, 14), eth(0x0806, mac(2), near_mac()));
  EXPECT_EQ(reply->frame.substr(28, 4), address_bytes("10.0.0.1"));
}

TEST_F(PuntTest, Ip6ReachesASocketOnTheDeviceAddress) {
  const Veth with_ip6 = make_veth("vc", "vd", {.ipv6 = true});
  add_ip6(with_ip6.near.ifindex, "fd00::1");
  Punt punt = make_punt();
  ASSERT_TRUE(punt.add_interface("vc", with_ip6.near.ifindex));
  UdpSocket udp_socket(AF_INET6, 7000);
  const Bytes payload = pattern(64);
  const Bytes destination(with_ip6.near.mac.data(), 6);
  ASSERT_EQ(inject(punt, eth(0x86dd, destination) + ip6({}, udp6({}, 1, 7000, payload)),
                   with_ip6.near.ifindex),
            1U);
  EXPECT_EQ(udp_socket.receive(), payload);
}

TEST_F(PuntTest, VlanTagMovesToTheMetadataAndASecondOneStays) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  const Bytes packet = ip4({}, udp(1, 7000, pattern(40)));
  ASSERT_EQ(inject(punt, eth(0x8100, near_mac()) + tag(35, 0x0800) + packet), 1U);
  auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->vlan, 35);
  EXPECT_EQ(seen->vlan_protocol, 0x8100);
  EXPECT_EQ(seen->frame, eth(0x0800, near_mac()) + packet);

  ASSERT_EQ(inject(punt, eth(0x88a8, near_mac()) + tag(100, 0x8100) + tag(7, 0x0800) + packet), 1U);
  seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->vlan, 100);
  EXPECT_EQ(seen->vlan_protocol, 0x88a8);
  EXPECT_EQ(seen->frame, eth(0x8100, near_mac()) + tag(7, 0x0800) + packet);
}

// What a tagged frame looks like that reached the device without us: the same.
TEST_F(PuntTest, ATaggedFrameLooksAsIfItHadArrivedByItself) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  PacketSocket other_end(veth_.far.ifindex);
  const Bytes frame = eth(0x8100, near_mac()) + tag(35, 0x88b5) + pattern(80);
  other_end.send(frame);
  const auto natural = tap.receive();
  ASSERT_EQ(inject(punt, frame), 1U);
  const auto punted = tap.receive();
  ASSERT_TRUE(natural && punted);
  EXPECT_EQ(punted->frame, natural->frame);
  EXPECT_EQ(punted->vlan, natural->vlan);
  EXPECT_EQ(punted->vlan_protocol, natural->vlan_protocol);
  EXPECT_EQ(punted->packet_type, natural->packet_type);
}

TEST_F(PuntTest, JumboFrameInSeveralPieces) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);  // its MTU is 1500, which does not matter
  const Bytes frame = eth(0x88b5, near_mac()) + pattern(9004);
  Bytes copy = frame;
  std::vector<iovec> pieces;
  for (size_t start = 0; start < copy.size(); start += 2048) {
    pieces.push_back({copy.data() + start, std::min<size_t>(2048, copy.size() - start)});
  }
  const PuntFrame punted{.ifindex = veth_.near.ifindex, .pieces = pieces};
  ASSERT_EQ(punt.inject({&punted, 1}), 1U);
  const auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, frame);
}

TEST_F(PuntTest, TenThousandFramesInOrderNoneLost) {
  constexpr uint32_t kCount = 10'000;
  constexpr uint32_t kPerCall = 100;  // not a multiple of the batch inside
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  size_t taken = 0;
  for (uint32_t first = 0; first < kCount; first += kPerCall) {
    std::vector<Bytes> frames;
    std::vector<iovec> pieces;
    std::vector<PuntFrame> punted;
    for (uint32_t i = first; i < first + kPerCall; ++i) {
      frames.push_back(eth(0x88b5, near_mac()) + be16_bytes(i) + pattern(20 + i % 1400, i));
    }
    for (Bytes& frame : frames) pieces.push_back({frame.data(), frame.size()});
    for (const iovec& piece : pieces) {
      punted.push_back({.ifindex = veth_.near.ifindex, .pieces = {&piece, 1}});
    }
    taken += punt.inject(punted);
  }
  EXPECT_EQ(taken, kCount);
  EXPECT_EQ(punt.counters().get(PuntCounter::injected), kCount);
  for (uint32_t i = 0; i < kCount; ++i) {
    const auto seen = tap.receive();
    ASSERT_TRUE(seen) << "frame " << i;
    ASSERT_EQ(seen->frame, eth(0x88b5, near_mac()) + be16_bytes(i) + pattern(20 + i % 1400, i))
        << i;
  }
  EXPECT_FALSE(tap.receive(50));
}

TEST_F(PuntTest, FramesOfSeveralInterfacesGoEachToItsOwn) {
  const Veth second = make_veth("vc", "vd");
  Punt punt = make_punt();
  ASSERT_TRUE(punt.add_interface("vc", second.near.ifindex));
  PacketSocket tap(veth_.near.ifindex);
  PacketSocket second_tap(second.near.ifindex);
  std::vector<Bytes> frames;
  std::vector<iovec> pieces;
  std::vector<PuntFrame> punted;
  for (uint32_t i = 0; i < 20; ++i) frames.push_back(eth(0x88b5) + be16_bytes(i) + pattern(50, i));
  for (Bytes& frame : frames) pieces.push_back({frame.data(), frame.size()});
  for (size_t i = 0; i < frames.size(); ++i) {
    punted.push_back({.ifindex = i % 2 == 0 ? veth_.near.ifindex : second.near.ifindex,
                      .pieces = {&pieces[i], 1}});
  }
  EXPECT_EQ(punt.inject(punted), frames.size());
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto seen = (i % 2 == 0 ? tap : second_tap).receive();
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->frame, frames[i]);
  }
  EXPECT_FALSE(tap.receive(50));
  EXPECT_FALSE(second_tap.receive(50));
}

// A whole interface claimed by a native program: the punted frame passes behind it, and is not
// taken again.
TEST_F(PuntTest, APuntedFrameDoesNotMeetTheNativeProgramAgain) {
  auto program = XdpProgram::attach(
      {.device = "va", .ifindex = veth_.near.ifindex, .mode = AttachMode::kNative});
  ASSERT_TRUE(program) << program.error().message();
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program->set_socket(0, xsk.fd()));
  Punt punt = make_punt();
  PacketSocket other_end(veth_.far.ifindex);
  UdpSocket udp_socket(AF_INET, 7000);
  const Bytes payload = pattern(30);
  const Bytes frame = eth(0x0800, near_mac()) + ip4({}, udp(1, 7000, payload));
  other_end.send(frame);
  const auto taken = xsk.receive();
  ASSERT_EQ(taken, frame);
  EXPECT_FALSE(udp_socket.receive(50));
  ASSERT_EQ(inject(punt, *taken), 1U);
  EXPECT_EQ(udp_socket.receive(), payload);
  EXPECT_FALSE(xsk.receive(50));
  EXPECT_EQ(program->counters().redirected, 1U);
}

TEST_F(PuntTest, AGenericProgramIsRefusedBecauseItWouldTakeTheFrameAgain) {
  auto program = XdpProgram::attach(
      {.device = "va", .ifindex = veth_.near.ifindex, .mode = AttachMode::kGeneric});
  ASSERT_TRUE(program) << program.error().message();
  auto punt = Punt::create();
  ASSERT_TRUE(punt);
  const auto added = punt->add_interface("va", veth_.near.ifindex);
  ASSERT_FALSE(added);
  EXPECT_NE(added.error().message().find("generic"), std::string::npos) << added.error().message();
}

TEST_F(PuntTest, FramesThatCannotBeGivenBackAreCountedByReason) {
  Punt punt = make_punt();
  PacketSocket tap(veth_.near.ifindex);
  EXPECT_EQ(inject(punt, eth(0x88b5) + pattern(20), 4711), 0U);
  EXPECT_EQ(punt.counters().get(PuntCounter::drop_unknown_interface), 1U);
  EXPECT_EQ(inject(punt, zeros(13)), 0U);
  EXPECT_EQ(inject(punt, zeros(65535 + 15)), 0U);
  EXPECT_EQ(punt.counters().get(PuntCounter::drop_bad_length), 2U);
  EXPECT_EQ(inject(punt, eth(0x88b5) + pattern(65535)), 1U);
  const auto longest = tap.receive();
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->frame.size(), 65535U + 14U);
  // The helper goes away under us.
  const auto names = helper_devices();
  ASSERT_EQ(names.size(), 2U);
  remove_link(if_nametoindex(names[0].c_str()));
  EXPECT_EQ(inject(punt, eth(0x88b5) + pattern(20)), 0U);
  EXPECT_EQ(punt.counters().get(PuntCounter::drop_refused), 1U);
  EXPECT_EQ(punt.counters().get(PuntCounter::injected), 1U);
  punt.remove_interface(veth_.near.ifindex);
  EXPECT_EQ(inject(punt, eth(0x88b5) + pattern(20)), 0U);
  EXPECT_EQ(punt.counters().get(PuntCounter::drop_unknown_interface), 2U);
}

TEST_F(PuntTest, FrameForADeviceThatIsGoneHarmsNothing) {
  const Veth second = make_veth("vc", "vd");
  Punt punt = make_punt();
  ASSERT_TRUE(punt.add_interface("vc", second.near.ifindex));
  remove_link(second.near.ifindex);
  inject(punt, eth(0x88b5) + pattern(20), second.near.ifindex);
  PacketSocket tap(veth_.near.ifindex);
  const Bytes frame = eth(0x88b5) + pattern(20);
  EXPECT_EQ(inject(punt, frame), 1U);
  const auto seen = tap.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->frame, frame);
}

}  // namespace
}  // namespace starocean::xsk
