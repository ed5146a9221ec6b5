// What `explain` says of a frame in a bridge is what becomes of it.

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "starocean/base/clock.h"
#include "starocean/dataplane/explain.h"
#include "starocean/dataplane/switch_for_test.h"

namespace starocean::dataplane {
namespace {

constexpr uint64_t kStation = 0x020000000000;
constexpr uint64_t kOfficeMac = 0x0200000000fe;

BridgeMember tunnel(uint16_t port, uint16_t vlan) {
  BridgeMember member = access(port, vlan);
  member.tunnel = true;
  return member;
}

BridgeRules office() {
  BridgeRules rules;
  rules.vlan_aware = rules.multicast_snooping = rules.any_sticky = true;
  rules.members = {access(0, 10), trunk(1, {10, 20, 30}, 20), tunnel(2, 30),
                   trunk(3, {10, 20}, 0, net::kEtherTypeServiceVlan)};
  rules.members[0].sticky = true;
  return rules;
}

Bytes mac_bytes(uint64_t mac) {
  Bytes bytes;
  for (int shift = 40; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(mac >> shift));
  return bytes;
}

class BridgedExplained : public ::testing::Test {
 protected:
  explicit BridgedExplained(BridgeRules rules = office()) : switch_(std::move(rules)) {}

  template <class T, size_t N>
  T any(const T (&values)[N]) {
    return values[random_() % N];
  }

  Bytes random_frame() {
    static const uint64_t kTo[] = {kStation + 1,   kStation + 2,   kStation + 3,   kStation + 77,
                                   kOfficeMac,     0xffffffffffff, 0x01005e010203, 0x333300000001,
                                   0x0180c200000e, 0xfe0000000002};
    static const uint64_t kFrom[] = {kStation + 1,  kStation + 2, kStation + 3, kStation + 9, 0,
                                     0x01005e000001};
    Bytes frame = mac_bytes(any(kTo)) + mac_bytes(any(kFrom));
    while (random_() % 2 == 0) {
      frame =
          frame + tag(any({uint16_t{net::kEtherTypeVlan}, uint16_t{net::kEtherTypeServiceVlan}}),
                      any({uint16_t{0}, uint16_t{10}, uint16_t{20}, uint16_t{30}, uint16_t{99},
                           uint16_t{0xe00a}}));
    }
    frame = frame + kPayload;
    if (random_() % 4 == 0) {
      frame.resize(any({size_t{60}, size_t{1513}, size_t{1514}, size_t{1515}, size_t{1518},
                        size_t{1519}, size_t{1522}}));
    }
    if (random_() % 32 == 0) frame.resize(1 + random_() % 20);
    return frame;
  }

  void expect_agreement(uint16_t port, const Bytes& frame) {
    const Snapshot& snapshot = switch_.snapshot();
    const Port& in = snapshot.ports[port];
    const auto now_ms = static_cast<uint32_t>(switch_.now_ns / kNsPerMs);
    const Explanation said = explain_bridged(
        snapshot, nullptr, in, std::as_bytes(std::span<const uint8_t>(frame)), now_ms);
    uint64_t dropped = 0;
    const auto count_all = [&] {
      uint64_t sum = 0;
      for (uint16_t i = 0; i < SwitchForTest::kPorts; ++i) sum += switch_.count(i, said.reason);
      return sum;
    };
    if (said.reason != PortCounter::kCount) dropped = count_all();
    const std::vector<Sent> fates = switch_.receive(port, frame);
    ++outcomes_[static_cast<size_t>(said.outcome)];
    if (said.reason != PortCounter::kCount) {
      EXPECT_EQ(count_all(), dropped + 1);
    }
    std::set<PortId> ports;
    std::set<InterfaceId> devices;
    for (const Sent& fate : fates) {
      if (fate.stage == Stage::kTransmit) ports.insert(fate.port);
      if (fate.stage == Stage::kDeliver) devices.insert(fate.interface);
    }
    switch (said.outcome) {
      case ExplainedOutcome::kTransmit:
      case ExplainedOutcome::kFlood:
        EXPECT_EQ(ports, std::set<PortId>(said.ports.begin(), said.ports.end()));
        EXPECT_EQ(devices.empty(), !said.egress.valid());
        return;
      case ExplainedOutcome::kLinux:
        ASSERT_EQ(fates.size(), 1u);
        EXPECT_NE(fates[0].stage, Stage::kTransmit);
        return;
      default:
        EXPECT_TRUE(fates.empty());
    }
  }

  void run() {
    for (int i = 0; i < 10'000; ++i) {
      const auto port = static_cast<uint16_t>(random_() % (SwitchForTest::kPorts - 1));
      const Bytes frame = random_frame();
      ASSERT_NO_FATAL_FAILURE(expect_agreement(port, frame)) << i;
      ASSERT_FALSE(HasFailure()) << i << " port " << port << ": "
                                 << ::testing::PrintToString(frame);
    }
  }

  SwitchForTest switch_;
  std::mt19937_64 random_{20261126};
  std::array<int, 6> outcomes_{};
};

TEST_F(BridgedExplained, TenThousandRandomFramesFareAsExplained) {
  switch_.add_interface(10, kOfficeMac, false);
  switch_.snapshot().ports[3].mtu_bytes = 1496;
  run();
  for (const auto outcome : {ExplainedOutcome::kTransmit, ExplainedOutcome::kFlood,
                             ExplainedOutcome::kLinux, ExplainedOutcome::kDrop}) {
    EXPECT_GT(outcomes_[static_cast<size_t>(outcome)], 50) << to_string(outcome);
  }
}

class PlainBridgeExplained : public BridgedExplained {
 protected:
  PlainBridgeExplained()
      : BridgedExplained([] {
          BridgeRules rules;
          rules.members = {access(0, 0), access(1, 0), access(2, 0), access(3, 0)};
          return rules;
        }()) {
    switch_.snapshot().bridges[0].rules = nullptr;
    for (Port& port : switch_.snapshot().ports) port.member = nullptr;
  }
};

TEST_F(PlainBridgeExplained, TenThousandRandomFramesFareAsExplained) {
  switch_.snapshot().ports[3].mtu_bytes = 1496;
  run();
  EXPECT_GT(outcomes_[static_cast<size_t>(ExplainedOutcome::kTransmit)], 100);
  EXPECT_GT(outcomes_[static_cast<size_t>(ExplainedOutcome::kFlood)], 100);
}

TEST_F(BridgedExplained, SaysWhy) {
  switch_.receive(1, kEveryone + mac_bytes(kStation + 2) + tag(net::kEtherTypeVlan, 10) + kPayload);
  const Bytes frame = mac_bytes(kStation + 2) + mac_bytes(kStation + 1) + kPayload;
  const Explanation said = explain_bridged(switch_.snapshot(), nullptr, switch_.snapshot().ports[0],
                                           std::as_bytes(std::span<const uint8_t>(frame)),
                                           static_cast<uint32_t>(switch_.now_ns / kNsPerMs));
  ASSERT_EQ(said.steps.size(), 4u);
  EXPECT_EQ(said.steps[0].decision, "02:00:00:00:00:01 to 02:00:00:00:00:02, 64 bytes");
  EXPECT_EQ(said.steps[1].stage + " " + said.steps[1].decision, "vlan 10");
  EXPECT_EQ(said.steps[2].decision, "learned");
  EXPECT_EQ(said.ports, std::vector<PortId>{PortId(1)});
}

}  // namespace
}  // namespace starocean::dataplane
