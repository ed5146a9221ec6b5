#include "starocean/bench/xsk_generator.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>

#include "starocean/base/check.h"
#include "starocean/bench/receiver.h"
#include "starocean/bench/send_engine.h"
#include "starocean/xsk/testing/netns.h"

namespace starocean::bench {
namespace {

// A veth pair gen0 – sink0; a Receiver, which the other tests hold against known faults, judges what arrives.
class XskGeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = xsk::testing::why_no_namespaces(); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
    netns_.emplace();
    veth_ = xsk::testing::make_veth("gen0", "sink0", {.mtu = 9600});
  }

  static XskGenerator make(const TrafficSpec& traffic, int cpu = -1) {
    auto generator = XskGenerator::create({.device = "gen0", .traffic = traffic, .cpu = cpu});
    if (!generator) ADD_FAILURE() << generator.error().message();
    SO_CHECK(generator.has_value(), "the generator cannot be made");
    return std::move(*generator);
  }
  static Receiver make_receiver(uint32_t flows) {
    auto receiver = Receiver::create({.device = "sink0", .flows = flows});
    if (!receiver) ADD_FAILURE() << receiver.error().message();
    SO_CHECK(receiver.has_value(), "the receiver cannot be made");
    return std::move(*receiver);
  }
  static SendReport send(XskGenerator& generator, const Load& load) {
    const Status started = generator.start(load);
    EXPECT_TRUE(started) << started.error().message();
    EXPECT_TRUE(generator.wait(20'000));
    generator.stop();
    EXPECT_TRUE(generator.outcome()) << generator.outcome().error().message();
    return generator.read();
  }
  // What was sent has been received, once the receive path has run.
  static ReceiveReport received(const Receiver& receiver, uint64_t count) {
    for (int tries = 0; tries < 10'000 && receiver.read().received < count; ++tries) usleep(1000);
    return receiver.read();
  }

  std::optional<xsk::testing::Netns> netns_;
  xsk::testing::Veth veth_;
};

TEST_F(XskGeneratorTest, EveryKindOfFrameArrivesWholeAndInOrder) {
  const bool fragments = xsk::testing::why_no_multi_buffer().empty();
  TrafficSpec ipv6{.frame_bytes = {84, 1518}, .flows = 100, .random_order = true};
  ipv6.set_default_ipv6();
  TrafficSpec tagged{.frame_bytes = {68, 69, 2051, 2052, 2053, 4099, 4100}, .flows = 5};
  tagged.vlan = Range<uint16_t>{10, 3};
  const TrafficSpec jumbo{.frame_bytes = {64, 4100, 4101, 4102, 8196, 8197, 9018, 9618},
                          .flows = 3};
  for (const TrafficSpec& spec : {TrafficSpec{.flows = 7}, ipv6, tagged, jumbo}) {
    const bool long_frames = spec.longest_frame_bytes() > 4100;
    if (long_frames && !fragments) {
      std::cerr << xsk::testing::why_no_multi_buffer() << ": no jumbo frames\n";
      continue;
    }
    const Receiver receiver = make_receiver(spec.flows);
    XskGenerator generator = make(spec);
    EXPECT_EQ(generator.multi_buffer(), long_frames);
    EXPECT_FALSE(generator.zero_copy()) << "of veth";
    constexpr uint64_t kCount = 4000;
    const SendReport sent = send(generator, {.frames_per_second = 20'000, .count = kCount});
    EXPECT_EQ(sent.generated, kCount);
    const ReceiveReport got = received(receiver, sent.sent);
    EXPECT_TRUE(got.clean(sent.sent)) << got.lost(sent.sent) << " lost, " << got.corrupted
                                      << " corrupted, " << got.reordered << " reordered";
    // A machine that stalls may make the veth drop some, which is counted; not most.
    EXPECT_EQ(sent.sent + sent.dropped, kCount);
    EXPECT_GT(sent.sent, kCount / 2);
    EXPECT_TRUE(sent.dropped != 0 || got.received_bytes == sent.generated_bytes);
  }
}

TEST_F(XskGeneratorTest, AFloodIsCountedExactlyAlsoWhereTheDeviceDrops) {
  const Receiver receiver = make_receiver(1);
  XskGenerator generator = make({});
  constexpr uint64_t kCount = 200'000;
  const SendReport sent = send(generator, {.count = kCount});
  EXPECT_EQ(sent.generated, kCount);
  EXPECT_EQ(sent.sent + sent.dropped, kCount);
  const ReceiveReport got = received(receiver, sent.sent);
  EXPECT_EQ(got.distinct(), sent.sent);
  EXPECT_EQ(got.duplicates + got.reordered + got.corrupted, 0u);
}

TEST_F(XskGeneratorTest, EndsByCountByDurationAndWhenTold) {
  XskGenerator generator = make({.flows = 3}, 0);
  EXPECT_EQ(send(generator, {.count = 1}).generated, 1u);
  EXPECT_EQ(send(generator, {.frames_per_second = 10'000, .duration_ns = 100'000'000}).generated,
            1000u);
  ASSERT_TRUE(generator.start({.frames_per_second = 1}));
  EXPECT_FALSE(generator.start({})) << "a run is going on";
  EXPECT_FALSE(generator.wait(50));
  EXPECT_TRUE(generator.running());
  generator.stop();
  EXPECT_FALSE(generator.running());
  EXPECT_LE(generator.read().generated, 2u);
  generator.stop();
}

TEST_F(XskGeneratorTest, AnInterruptedFloodHasSentWhatItSays) {
  const Receiver receiver = make_receiver(1);
  const uint32_t longest = xsk::testing::why_no_multi_buffer().empty() ? 9018 : 4100;
  XskGenerator generator = make({.frame_bytes = {64, longest}});
  ASSERT_TRUE(generator.start({}));
  while (generator.read().generated < 10'000) usleep(100);
  generator.stop();
  const SendReport sent = generator.read();
  EXPECT_GE(sent.generated, 10'000u);
  EXPECT_EQ(received(receiver, sent.sent).distinct(), sent.sent);
}

TEST_F(XskGeneratorTest, ADeviceThatGoesDownEndsTheRunWithExactCounts) {
  const Receiver receiver = make_receiver(1);
  XskGenerator generator = make({});
  ASSERT_TRUE(generator.start({.frames_per_second = 20'000}));
  while (generator.read().generated < 100) usleep(100);
  xsk::testing::set_link(veth_.near.ifindex, {.up = false});
  EXPECT_TRUE(generator.wait(20'000));
  generator.stop();
  ASSERT_FALSE(generator.outcome());
  EXPECT_NE(generator.outcome().error().message().find("down or gone"), std::string::npos);
  const SendReport sent = generator.read();
  EXPECT_EQ(sent.sent + sent.dropped, sent.generated);
  EXPECT_LE(receiver.read().distinct(), sent.sent);
  EXPECT_FALSE(generator.start({})) << "what was left behind would be sent first";
}

TEST_F(XskGeneratorTest, WhatCannotBeSentIsRefused) {
  const auto refusal = [](const XskGenerator::Options& options) {
    auto generator = XskGenerator::create(options);
    EXPECT_FALSE(generator);
    return generator ? std::string() : generator.error().message();
  };
  EXPECT_NE(refusal({.device = "none"}).find("no such device"), std::string::npos);
  EXPECT_NE(refusal({.device = "gen0", .traffic = {.frame_bytes = {9619}}}).find("9618"),
            std::string::npos);
  EXPECT_NE(refusal({.device = "gen0", .queue = 7}).find("ethtool -l"), std::string::npos);
  EXPECT_NE(refusal({.device = "gen0", .zero_copy = xsk::ZeroCopy::kRequire}).find("zero-copy"),
            std::string::npos);
  const XskGenerator owner = make({});
  EXPECT_NE(refusal({.device = "gen0"}).find("another AF_XDP socket"), std::string::npos);
  xsk::testing::set_link(veth_.near.ifindex, {.mtu = 1500});
  EXPECT_NE(refusal({.device = "gen0", .traffic = {.frame_bytes = {1523}}}).find("mtu 1501"),
            std::string::npos);
}

TEST_F(XskGeneratorTest, TheEngineIsTheOneThatWillDo) {
  const auto taken = [](uint32_t bytes, EngineChoice choice) {
    auto engine =
        SendEngine::make({.device = "gen0", .traffic = {.frame_bytes = {bytes}}, .engine = choice});
    EXPECT_TRUE(engine) << engine.error().message();
    return engine ? (*engine)->info().name : std::string();
  };
  EXPECT_EQ(taken(64, EngineChoice::kAuto), "af-xdp") << "sink0 takes no redirected frames";
  const Receiver receiver = make_receiver(1);
  EXPECT_EQ(taken(64, EngineChoice::kAuto), "bpf-live-frames");
  EXPECT_EQ(taken(64, EngineChoice::kXsk), "af-xdp");
  EXPECT_EQ(taken(4100, EngineChoice::kAuto), "af-xdp") << "longer than live frames";
  EXPECT_FALSE(SendEngine::make(
      {.device = "gen0", .traffic = {.frame_bytes = {9018}}, .engine = EngineChoice::kLive}));
}

}  // namespace
}  // namespace starocean::bench
