#include "starocean/bench/receiver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/base/clock.h"
#include "starocean/bench/generator.h"
#include "starocean/bench/probe.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"

namespace starocean::bench {
namespace {

using xsk::testing::Bytes;

// Frames go out of gen0 past all protocols, and the receiver sits at sink0, which has one queue or two: with
// two the receiver's state is shared between CPUs. Linux puts a flow's frames into one queue.
class ReceiverTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    if (const auto reason = xsk::testing::why_no_namespaces(); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
    netns_.emplace();
    veth_ = xsk::testing::make_veth("gen0", "sink0", {.mtu = 9600, .queues = GetParam()});
    wire_.emplace(veth_.near.ifindex);
  }

  static Receiver make(const Receiver::Options& options) {
    auto receiver = Receiver::create(options);
    if (!receiver) ADD_FAILURE() << receiver.error().message();
    SO_CHECK(receiver.has_value(), "the receiver cannot be made");
    return std::move(*receiver);
  }

  Bytes frame(uint32_t flow, uint32_t sequence, uint32_t bytes = 64, uint32_t stream = 0) const {
    Bytes result(bytes - kFcsBytes, 0);
    SO_CHECK(build_frame(spec_, headers_of(spec_, flow),
                         {.stream = stream,
                          .flow = flow,
                          .sequence = sequence,
                          .scheduled_ns = monotonic_ns() - 50 * kNsPerMs,
                          .late_ns = 10 * kNsPerMs},
                         std::as_writable_bytes(std::span(result))),
             "the frame has room for its headers");
    return result;
  }
  void send(const Bytes& frame) { wire_->send(frame); }
  void send_all(const std::vector<uint32_t>& sequences, uint32_t flow = 0) {
    for (const uint32_t sequence : sequences) send(frame(flow, sequence));
  }

  // Once `count` frames of any kind are counted.
  static ReceiveReport counted(const Receiver& receiver, uint64_t count) {
    ReceiveReport report;
    for (int tries = 0; tries < 2000; ++tries) {
      report = receiver.read();
      if (report.received + report.unattributed + report.foreign + report.other_stream +
              report.unknown_flow >=
          count) {
        return report;
      }
      usleep(1000);
    }
    ADD_FAILURE() << "not all frames arrive: " << report.received << " of " << count;
    return report;
  }

  std::optional<xsk::testing::Netns> netns_;
  xsk::testing::Veth veth_;
  std::optional<xsk::testing::PacketSocket> wire_;
  TrafficSpec spec_{.flows = 100};
};

std::vector<uint32_t> numbers(uint32_t first, uint32_t count) {
  std::vector<uint32_t> result(count);
  std::iota(result.begin(), result.end(), first);
  return result;
}

struct Faults {
  uint64_t lost = 0;
  uint64_t duplicates = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
};
void expect_faults(const ReceiveReport& report, const Faults& faults) {
  EXPECT_EQ(report.lost(), faults.lost);
  EXPECT_EQ(report.duplicates, faults.duplicates);
  EXPECT_EQ(report.reordered, faults.reordered);
  EXPECT_EQ(report.corrupted, faults.corrupted);
  EXPECT_EQ(report.beyond_window, 0u);
  EXPECT_EQ(report.foreign, 0u);
}

TEST_P(ReceiverTest, LossDuplicationAndReorderingAreCountedExactly) {
  const Receiver receiver = make({.device = "sink0", .flows = 100});
  send_all({0, 1, 2, 4, 5, 8});     // 3, 6 and 7 are missing
  send_all({6, 3});                 // late: reordered, and not lost after all
  send_all({5, 5, 3, 9});           // three copies
  send_all({0, 1, 1, 0, 3, 2}, 7);  // another flow: 1 and 0 again; 2 is late
  const ReceiveReport report = counted(receiver, 18);
  expect_faults(report, {.lost = 1, .duplicates = 5, .reordered = 3});
  EXPECT_EQ(report.received, 18u);
  EXPECT_EQ(report.distinct(), 13u);
  EXPECT_EQ(report.span, 14u);
  EXPECT_EQ(report.lost(20), 7u);
  const auto flows = receiver.flows();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_EQ(flows[0].lost, 1u);
  EXPECT_EQ(flows[0].duplicates, 3u);
  EXPECT_EQ(flows[0].reordered, 2u);
  EXPECT_EQ(flows[1].flow, 7u);
  EXPECT_EQ(flows[1].lost, 0u);
  EXPECT_EQ(flows[1].duplicates, 2u);
  EXPECT_EQ(flows[1].reordered, 1u);
}

TEST_P(ReceiverTest, WhatNoRouterHasPassedOnIsCorrupted) {
  constexpr size_t kTtl = 22, kChecksum = 24;
  const net::MacAddress next_hop({0x02, 0, 0, 0, 0, 9});
  const Receiver receiver = make({.device = "sink0", .flows = 100, .next_hop = next_hop});
  const auto routed = [&](uint32_t sequence, uint8_t hops, size_t spoilt_mac_byte) {
    Bytes made = frame(0, sequence);
    std::ranges::copy(next_hop.bytes(), made.begin());
    if (spoilt_mac_byte < made.size()) made[spoilt_mac_byte] ^= 1;
    made[kTtl] = static_cast<uint8_t>(made[kTtl] - hops);
    // RFC 1141: the checksum's high byte rises by what the TTL falls; no carry with these addresses.
    made[kChecksum] = static_cast<uint8_t>(made[kChecksum] + hops);
    return made;
  };
  constexpr size_t kNone = SIZE_MAX;
  send(routed(0, 1, kNone));
  expect_faults(counted(receiver, 1), {});
  send(frame(0, 1));          // as it was generated
  send(routed(2, 0, kNone));  // to the next hop, but no hop counted
  send(routed(3, 2, kNone));  // twice
  send(routed(4, 1, 5));
  send(routed(5, 1, 1));
  expect_faults(counted(receiver, 6), {.corrupted = 5});
  send(routed(6, 1, kNone));
  expect_faults(counted(receiver, 7), {.corrupted = 5});
}

TEST_P(ReceiverTest, EveryByteIsChecked) {
  const Receiver receiver = make({.device = "sink0", .flows = 100});
  spec_.vlan = Range<uint16_t>{5, 1};
  constexpr uint32_t kBytes = 150;
  constexpr size_t kIpv4 = 18;  // behind Ethernet and tag
  uint32_t sent = 0;
  uint64_t foreign = 0;
  for (size_t at = kIpv4; at < kBytes - kFcsBytes; ++at) {
    Bytes spoilt = frame(0, sent++, kBytes);
    spoilt[at] ^= static_cast<uint8_t>(1u << (at % 8));
    // What says that this is IPv4 without options or fragments, and UDP.
    const bool leads_elsewhere = at == kIpv4 || at == kIpv4 + 7 || at == kIpv4 + 9;
    if (at == kIpv4 + 6) spoilt[at] ^= 0x60;  // 'more fragments' instead of bit 6, 'don't fragment'
    if (leads_elsewhere || at == kIpv4 + 6) ++foreign;
    send(spoilt);
  }
  const ReceiveReport report = counted(receiver, sent);
  EXPECT_EQ(report.foreign, foreign);
  EXPECT_EQ(report.corrupted, sent - foreign);
  EXPECT_EQ(report.corrupted + report.foreign, sent);
  // Those of the last bytes have a readable probe, and are lost to nobody.
  EXPECT_EQ(report.lost(sent), foreign);
}

TEST_P(ReceiverTest, MixedUpBuffersAndCutFramesAreCorrupted) {
  spec_.set_default_ipv6();
  const Receiver receiver = make({.device = "sink0", .flows = 100});
  const Bytes one = frame(0, 0, 9000);
  Bytes two = frame(0, 1, 9000);
  two.replace(4000, 300, one.substr(4000, 300));  // a fragment of another frame
  send(one);
  send(two);
  Bytes cut = frame(0, 2, 9000);
  cut.resize(8995);
  send(cut);
  Bytes last = frame(0, 3, 8999);  // ends in a byte of padding filler
  send(last);
  last = frame(0, 4, 8999);
  last.back() ^= 1;
  send(last);
  const ReceiveReport report = counted(receiver, 5);
  expect_faults(report, {.corrupted = 3});
  EXPECT_EQ(report.sent_delay.count(), 2u) << "delays are those of intact frames";
}

TEST_P(ReceiverTest, SequencesGoOnThroughWrapAround) {
  const Receiver receiver = make({.device = "sink0", .flows = 100});
  // No hop of more than 2^31 can be followed.
  send_all({0, 0x7ffffff0, 0xffffff00});
  send_all(numbers(0xffffff01, 0xff));
  send_all(numbers(0, 50));
  const ReceiveReport report = counted(receiver, 3 + 0xff + 50);
  EXPECT_EQ(report.duplicates, 0u);
  EXPECT_EQ(report.reordered, 0u);
  EXPECT_EQ(report.span, (uint64_t{1} << 32) + 50);
  EXPECT_EQ(report.lost(), (uint64_t{1} << 32) - 2 - 0x100);
}

TEST_P(ReceiverTest, TheWindowIsAsLongAsPromised) {
  constexpr uint32_t kWindow = 1024;
  const Receiver receiver = make({.device = "sink0", .flows = 2, .window = kWindow});
  send_all({5000});
  send_all({5000 - (kWindow - 31) + 1});  // the oldest that is promised
  send_all({5000 - (kWindow - 31) + 1});
  send_all({5000 - 2 * kWindow});
  ReceiveReport report = counted(receiver, 4);
  EXPECT_EQ(report.reordered, 1u);
  EXPECT_EQ(report.duplicates, 1u);
  EXPECT_EQ(report.beyond_window, 1u);
  EXPECT_EQ(report.distinct(), 2u);
}

TEST_P(ReceiverTest, OnlyItsOwnStreamAndFlowsAreCounted) {
  Receiver receiver = make({.device = "sink0", .flows = 50, .stream = 3});
  send(frame(0, 0, 64, 3));
  send(frame(0, 1, 64, 4));
  send(frame(50, 0, 64, 3));
  send(Bytes(60, 0x55));
  ReceiveReport report = counted(receiver, 4);
  EXPECT_EQ(report.received, 1u);
  EXPECT_EQ(report.other_stream, 1u);
  EXPECT_EQ(report.unknown_flow, 1u);
  EXPECT_EQ(report.foreign, 1u);
  receiver.reset(4);
  send(frame(0, 0, 64, 4));
  report = counted(receiver, 1);
  EXPECT_EQ(report.received, 1u);
  EXPECT_EQ(report.lost(), 0u);
  EXPECT_TRUE(report.clean(1));
}

TEST_P(ReceiverTest, DelaysCountFromBothTimes) {
  const Receiver receiver = make({.device = "sink0", .flows = 100});
  send_all({0, 1, 2});
  const ReceiveReport report = counted(receiver, 3);
  // frame() says: due 50 ms ago, and sent 10 ms after that.
  EXPECT_GE(report.scheduled_delay.min_ns(), 49.5e6);
  EXPECT_GE(report.sent_delay.min_ns(), 39.5e6);
  EXPECT_NEAR(report.scheduled_delay.min_ns() - report.sent_delay.min_ns(), 10e6, 0.5e6);
  EXPECT_GE(receiver.flows()[0].min_delay_ns, uint64_t{39'900'000});
}

TEST_P(ReceiverTest, GeneratedTrafficIsClean) {
  for (const bool random : {false, true}) {
    for (const uint32_t flows : {1u, 1000u}) {
      TrafficSpec traffic{.frame_bytes = {64, 1518}, .flows = flows, .random_order = random};
      Receiver receiver = make({.device = "sink0", .flows = flows});
      auto generator = Generator::create({.device = "gen0", .traffic = traffic, .cpu = 0});
      ASSERT_TRUE(generator) << generator.error().message();
      for (uint32_t stream = 1; stream < 3; ++stream) {  // the same frames again: nothing stays
        receiver.reset(stream);
        ASSERT_TRUE(
            generator->start({.frames_per_second = 300'000, .count = 20'000, .stream = stream}));
        EXPECT_TRUE(generator->wait(20'000));
        generator->stop();
        const SendReport sent = generator->read();
        const ReceiveReport report = counted(receiver, sent.sent);
        // Frames that the device did not take leave gaps, and nothing else.
        expect_faults(report, {.lost = report.lost()});
        EXPECT_EQ(report.distinct(), sent.sent);
        EXPECT_EQ(report.lost(sent.generated), sent.dropped);
      }
    }
  }
}

// The same flow on two queues, polled by two CPUs at once: every sequence number arrives twice.
class TwoQueueReceiverTest : public ReceiverTest {};
TEST_P(TwoQueueReceiverTest, OneFlowOnSeveralCpus) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two CPUs";
  constexpr uint32_t kCount = 100'000;
  const Receiver receiver = make({.device = "sink0", .window = 1u << 20});
  std::vector<Generator> generators;
  for (int cpu = 0; cpu < 2; ++cpu) {
    auto generator = Generator::create({.device = "gen0", .cpu = cpu});
    ASSERT_TRUE(generator) << generator.error().message();
    generators.push_back(std::move(*generator));
  }
  for (Generator& generator : generators) {
    ASSERT_TRUE(generator.start({.frames_per_second = 200'000, .count = kCount}));
  }
  for (Generator& generator : generators) {
    EXPECT_TRUE(generator.wait(20'000));
    generator.stop();
  }
  const uint64_t sent = generators[0].read().sent + generators[1].read().sent;
  const ReceiveReport report = counted(receiver, sent);
  EXPECT_EQ(report.received, sent);
  EXPECT_EQ(report.contended, 0u);
  EXPECT_EQ(report.corrupted, 0u);
  EXPECT_EQ(report.beyond_window, 0u);
  EXPECT_EQ(report.distinct() + report.lost(), report.span);
  EXPECT_EQ(receiver.flows()[0].received, report.received);
  EXPECT_EQ(receiver.flows()[0].duplicates, report.duplicates);
  EXPECT_EQ(receiver.flows()[0].lost, report.lost());
  if (sent == 2 * kCount) {  // the device had room for all
    EXPECT_EQ(report.duplicates, kCount);
    EXPECT_EQ(report.lost(), 0u);
    EXPECT_EQ(report.span, kCount);
  }
}

TEST_P(ReceiverTest, WhatCannotBeReceivedIsRefused) {
  const auto refusal = [](const Receiver::Options& options) {
    auto receiver = Receiver::create(options);
    EXPECT_FALSE(receiver);
    return receiver ? std::string() : receiver.error().message();
  };
  EXPECT_NE(refusal({.device = "none"}).find("no such device"), std::string::npos);
  EXPECT_NE(refusal({.device = "sink0", .flows = 0}).find("0 flows"), std::string::npos);
  EXPECT_NE(refusal({.device = "sink0", .window = 1000}).find("power of 2"), std::string::npos);
  EXPECT_NE(refusal({.device = "sink0", .stream = 16}).find("stream 16"), std::string::npos);
  Receiver first = make({.device = "sink0"});
  EXPECT_TRUE(first.attached());
  EXPECT_NE(refusal({.device = "sink0"}).find("is attached"), std::string::npos);
  first.stop();
  EXPECT_FALSE(first.attached());
  EXPECT_TRUE(make({.device = "sink0"}).attached());
}

TEST_P(ReceiverTest, GenericModeWorksToo) {
  const Receiver receiver =
      make({.device = "sink0", .flows = 100, .mode = xsk::AttachMode::kGeneric});
  EXPECT_EQ(receiver.mode(), xsk::AttachMode::kGeneric);
  send_all({0, 1, 1, 3});
  send(frame(0, 4, 1500));
  expect_faults(counted(receiver, 5), {.lost = 1, .duplicates = 1});
}

INSTANTIATE_TEST_SUITE_P(Queues, ReceiverTest, ::testing::Values(1, 2));
INSTANTIATE_TEST_SUITE_P(Queues, TwoQueueReceiverTest, ::testing::Values(2));

}  // namespace
}  // namespace starocean::bench
