#include "starocean/dataplane/loop_detector.h"

#include <gtest/gtest.h>

namespace starocean::dataplane {
namespace {

constexpr uint64_t kMac = 0x020000000001;
const BridgeId kBridge(0);
const PortId kLeft(1);
const PortId kRight(2);

MacMove move(PortId from, PortId to) {
  return {kMac, kBridge, from, to};
}

TEST(LoopDetector, AHostPluggedInElsewhereIsNoLoop) {
  LoopDetector detector;
  EXPECT_FALSE(detector.observe(move(kLeft, kRight), 1000));
  EXPECT_FALSE(detector.observe(move(kRight, kLeft), 60'000));
  EXPECT_TRUE(detector.loops().empty());
}

TEST(LoopDetector, ManyMovesWithinASecondAreALoopToldOnce) {
  LoopDetector detector;
  int told = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    told += detector.observe(i % 2 == 0 ? move(kLeft, kRight) : move(kRight, kLeft), 1000 + i);
  }
  EXPECT_EQ(told, 1);
  const auto loops = detector.loops();
  ASSERT_EQ(loops.size(), 1u);
  EXPECT_EQ(loops[0].mac, kMac);
  EXPECT_EQ(loops[0].ports, (std::set<PortId>{kLeft, kRight}));
  EXPECT_EQ(loops[0].moves, 20u);
  EXPECT_EQ(loops[0].last_seen_ms, 1019u);
}

TEST(LoopDetector, SlowMovesNeverAddUp) {
  LoopDetector detector;
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_FALSE(detector.observe(move(kLeft, kRight), i * LoopDetector::kWindowMs / 3));
  }
}

TEST(LoopDetector, AnOldLoopIsForgotten) {
  LoopDetector detector;
  for (uint32_t i = 0; i < 5; ++i) detector.observe(move(kLeft, kRight), 1000);
  ASSERT_EQ(detector.loops().size(), 1u);
  detector.expire(1000 + LoopDetector::kForgetMs);
  EXPECT_EQ(detector.loops().size(), 1u);
  detector.expire(1001 + LoopDetector::kForgetMs);
  EXPECT_TRUE(detector.loops().empty());
}

TEST(LoopDetector, WatchesABoundedNumberOfAddresses) {
  LoopDetector detector;
  for (uint64_t mac = 0; mac < 2 * LoopDetector::kMaxWatched; ++mac) {
    detector.observe({mac, kBridge, kLeft, kRight}, 1000);
  }
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    told += detector.observe({2 * LoopDetector::kMaxWatched - 1, kBridge, kLeft, kRight}, 1001);
  }
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace starocean::dataplane
