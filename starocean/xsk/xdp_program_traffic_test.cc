// The XDP program on real devices: who gets the traffic.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "starocean/base/clock.h"
#include "starocean/xsk/testing/frames.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"
#include "starocean/xsk/testing/xdp_fixture.h"
#include "starocean/xsk/xdp_program.h"

namespace starocean::xsk {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): ours, not GoogleTest's

using XdpTrafficTest = XdpProgramTest;

TEST_F(XdpTrafficTest, WholeInterfaceWithoutASocketLeavesEverythingToLinux) {
  make_pair();
  const XdpProgram program = attach();
  expect_linux_gets_traffic();
  EXPECT_EQ(program.counters().redirected, 0U);
  EXPECT_EQ(program.counters().no_socket, 1U);
}

TEST_F(XdpTrafficTest, WholeInterfaceWithASocketTakesEverything) {
  make_pair();
  XdpProgram program = attach();
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  PacketSocket other_end(veth_.far.ifindex);
  const std::vector<Bytes> frames = {
      datagram(kPort, pattern(100)),
      eth(0x0806, hex("ffffffffffff")) + arp(1, "10.0.0.2", "10.0.0.1"),
      eth(0x8100) + tag(7, 0x0800) + zeros(60), eth(0x0027) + zeros(60)};
  {
    UdpSocket udp_socket(AF_INET, kPort);
    for (const Bytes& frame : frames) other_end.send(frame);
    EXPECT_FALSE(udp_socket.receive(kNotComing_ms));
  }
  for (const Bytes& frame : frames) EXPECT_EQ(xsk.receive(), frame);
  EXPECT_EQ(program.counters().redirected, frames.size());

  program.clear_socket(0);
  program.clear_socket(0);
  expect_linux_gets_traffic();
}

TEST_F(XdpTrafficTest, ByRuleOnlyTheChosenTrafficLeavesLinux) {
  make_pair();
  auto wanted = options();
  wanted.claim = ClaimMode::kByRule;
  XdpProgram program = attach(wanted);
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  ASSERT_TRUE(program.add_claim(Claim::ip4(IPPROTO_UDP, Claim::Ip4{10, 0, 0, 1}, kPort + 1)));
  PacketSocket other_end(veth_.far.ifindex);
  UdpSocket chosen(AF_INET, kPort + 1);
  UdpSocket other(AF_INET, kPort);
  for (uint32_t i = 0; i < 100; ++i) {
    other_end.send(datagram(kPort, pattern(50, i)));
    other_end.send(datagram(kPort + 1, pattern(60, i)));
  }
  for (uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(other.receive(), pattern(50, i));
    EXPECT_EQ(xsk.receive(), datagram(kPort + 1, pattern(60, i)));
  }
  EXPECT_FALSE(chosen.receive(kNotComing_ms));
  EXPECT_FALSE(xsk.receive(0));
  EXPECT_EQ(program.counters().redirected, 100U);
  EXPECT_EQ(program.counters().passed, 100U);
}

TEST_F(XdpTrafficTest, ASocketThatIsClosedIsForgotten) {
  make_pair();
  XdpProgram program = attach();
  {
    TinyXsk xsk(veth_.near.ifindex);
    ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  }
  // The kernel takes it out of the map as part of an asynchronous tear-down.
  UdpSocket udp_socket(AF_INET, kPort);
  PacketSocket other_end(veth_.far.ifindex);
  std::optional<Bytes> received;
  for (int i = 0; i < 100 && !received; ++i) {
    other_end.send(datagram(kPort, pattern(20)));
    received = udp_socket.receive(20);
  }
  EXPECT_EQ(received, pattern(20));
}

TEST_F(XdpTrafficTest, EachQueueHasItsSocket) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "needs two CPUs: veth has as many queues";
  make_pair({.queues = 2});
  auto wanted = options();
  wanted.queues = 2;
  XdpProgram program = attach(wanted);
  TinyXsk first(veth_.near.ifindex, 0);
  TinyXsk second(veth_.near.ifindex, 1);
  EXPECT_TRUE(program.set_socket(0, first.fd()));
  EXPECT_TRUE(program.set_socket(1, second.fd()));
  const auto refused = program.set_socket(2, second.fd());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("2 queue(s)"), std::string::npos)
      << refused.error().message();
  EXPECT_FALSE(program.set_socket(0, STDIN_FILENO));
  // veth receives on the queue that the sender's CPU chooses.
  PacketSocket other_end(veth_.far.ifindex);
  for (uint32_t i = 0; i < 64; ++i) other_end.send(eth(0x88b5) + pattern(60, i));
  uint32_t received = 0;
  while (first.receive(received == 64 ? 0 : kNotComing_ms)) ++received;
  while (second.receive(received == 64 ? 0 : kNotComing_ms)) ++received;
  EXPECT_EQ(received, 64U);
}

TEST_F(XdpTrafficTest, JumboFramesArriveInFragments) {
  if (const auto reason = why_no_multi_buffer(); !reason.empty()) GTEST_SKIP() << reason;
  make_pair({.mtu = 9000});
  auto wanted = options();
  wanted.multi_buffer = true;
  XdpProgram program = attach(wanted);
  EXPECT_TRUE(program.multi_buffer());
  EXPECT_EQ(program.mode(), AttachMode::kNative);
  TinyXsk xsk(veth_.near.ifindex, 0, true);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  PacketSocket other_end(veth_.far.ifindex);
  for (const size_t payload : {46U, 1500U, 3000U, 5000U, 9000U}) {
    const Bytes frame = eth(0x88b5) + pattern(payload);
    other_end.send(frame);
    EXPECT_EQ(xsk.receive(), frame) << payload;
    EXPECT_EQ(xsk.fragments() > 1, payload > 4096) << payload;
  }
}

// A packet of each length goes to the socket; returns what lies in front of each.
std::vector<uint64_t> in_front_of_each(TinyXsk& xsk, uint32_t far_ifindex,
                                       const std::vector<size_t>& lengths) {
  PacketSocket other_end(far_ifindex);
  std::vector<uint64_t> stamps;
  for (const size_t length : lengths) {
    const Bytes frame = eth(0x88b5) + pattern(length);
    other_end.send(frame);
    EXPECT_EQ(xsk.receive(), frame) << length;
    stamps.push_back(xsk.in_front());
  }
  return stamps;
}

TEST_F(XdpTrafficTest, FramesBearTheTimeOfTheirArrivalIfAskedTo) {
  make_pair();
  auto wanted = options();
  wanted.stamp_arrival = true;
  XdpProgram program = attach(wanted);
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  uint64_t earliest = monotonic_ns();
  const auto stamps = in_front_of_each(xsk, veth_.far.ifindex, {46, 100, 1500});
  for (const uint64_t stamp : stamps) {
    EXPECT_GE(stamp, earliest);
    earliest = stamp;
  }
  EXPECT_LE(earliest, monotonic_ns());
}

TEST_F(XdpTrafficTest, FramesOfSeveralBuffersBearItToo) {
  if (const auto reason = why_no_multi_buffer(); !reason.empty()) GTEST_SKIP() << reason;
  make_pair({.mtu = 9000});
  auto wanted = options();
  wanted.stamp_arrival = wanted.multi_buffer = true;
  XdpProgram program = attach(wanted);
  TinyXsk xsk(veth_.near.ifindex, 0, true);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  const uint64_t earliest = monotonic_ns();
  for (const uint64_t stamp : in_front_of_each(xsk, veth_.far.ifindex, {46, 3000, 5000, 9000})) {
    EXPECT_GE(stamp, earliest);
    EXPECT_LE(stamp, monotonic_ns());
  }
}

TEST_F(XdpTrafficTest, WithoutBeingAskedNothingLiesInFront) {
  make_pair();
  XdpProgram program = attach();
  TinyXsk xsk(veth_.near.ifindex);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  EXPECT_EQ(in_front_of_each(xsk, veth_.far.ifindex, {46, 1500}), (std::vector<uint64_t>{0, 0}));
}

TEST_F(XdpTrafficTest, JumboFramesOfOthersPassByRule) {
  if (const auto reason = why_no_multi_buffer(); !reason.empty()) GTEST_SKIP() << reason;
  make_pair({.mtu = 9000});
  auto wanted = options();
  wanted.multi_buffer = true;
  wanted.claim = ClaimMode::kByRule;
  XdpProgram program = attach(wanted);
  TinyXsk xsk(veth_.near.ifindex, 0, true);
  ASSERT_TRUE(program.set_socket(0, xsk.fd()));
  ASSERT_TRUE(program.add_claim(Claim::ip4(IPPROTO_UDP, {}, kPort + 1)));
  PacketSocket other_end(veth_.far.ifindex);
  UdpSocket udp_socket(AF_INET, kPort);
  other_end.send(datagram(kPort, pattern(8900)));
  other_end.send(datagram(kPort + 1, pattern(8900)));
  EXPECT_EQ(udp_socket.receive(), pattern(8900));
  EXPECT_EQ(xsk.receive(), datagram(kPort + 1, pattern(8900)));
}

}  // namespace
}  // namespace starocean::xsk
