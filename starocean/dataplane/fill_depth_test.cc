#include "starocean/dataplane/fill_depth.h"

#include <gtest/gtest.h>

namespace starocean::dataplane {
namespace {

constexpr uint32_t kFill = 16384, kTx = 2048;
constexpr uint64_t kMost = 256;

TEST(FillDepth, CalmLevelIsTheRingOr4096) {
  EXPECT_EQ(FillDepth::calm_level(64), 64u);
  EXPECT_EQ(FillDepth::calm_level(4096), 4096u);
  EXPECT_EQ(FillDepth::calm_level(kFill), 4096u);
  EXPECT_EQ(FillDepth::frames_needed(kFill, kTx), 6144u);
  EXPECT_EQ(FillDepth::frames_needed(1024, 512), 1536u);
}

TEST(FillDepth, DeepLevelsTakeHalfOfWhatIsSpare) {
  EXPECT_EQ(FillDepth::deep_level(kFill, 0, 2), 4096u);
  EXPECT_EQ(FillDepth::deep_level(kFill, 8000, 2), 4096u + 2000);
  EXPECT_EQ(FillDepth::deep_level(kFill, 1 << 20, 2), kFill);
  EXPECT_EQ(FillDepth::deep_level(1024, 1 << 20, 2), 1024u);
  EXPECT_EQ(FillDepth::deep_level(kFill, 1 << 20, 0), 4096u);
  // By default: 65536 frames, two queues, one worker.
  EXPECT_EQ(FillDepth::deep_level(kFill, 65536 - 2 * 6144 - 256, 2), kFill);
}

TEST(FillDepth, AwayIsWhatTheTurnBeforeDoesNotExplain) {
  FillDepth depth;
  uint64_t now_ns = 5 * kNsPerSecond;
  const auto after = [&](uint64_t gap_ns, uint32_t packets) {
    now_ns += gap_ns;
    return depth.begin_turn(now_ns, packets, kMost);
  };
  EXPECT_FALSE(after(0, 0)) << "the first turn has none before it";
  EXPECT_FALSE(after(FillDepth::kAwayNs, 0));
  EXPECT_TRUE(after(FillDepth::kAwayNs + 1, 0));
  EXPECT_TRUE(after(FillDepth::kAwayNs + 1, 50));
  EXPECT_FALSE(after(200 * FillDepth::kPacketNs, 200)) << "it may have worked all the time";
  EXPECT_TRUE(after(200 * FillDepth::kPacketNs + 1, 200));
  EXPECT_FALSE(after(kNsPerSecond, kMost)) << "it does not keep up";
}

TEST(FillDepth, IsDeepForTenMinutesFromTheLastTime) {
  FillDepth depth;
  uint64_t now_ns = 5 * kNsPerSecond;
  EXPECT_FALSE(depth.is_deep());
  EXPECT_FALSE(depth.relax(now_ns));
  EXPECT_TRUE(depth.deepen(now_ns));
  EXPECT_TRUE(depth.is_deep());
  now_ns += FillDepth::kDeepNs - 1;
  EXPECT_FALSE(depth.relax(now_ns));
  EXPECT_FALSE(depth.deepen(now_ns)) << "it is deep already";
  now_ns += FillDepth::kDeepNs - 1;
  EXPECT_FALSE(depth.relax(now_ns));
  EXPECT_TRUE(depth.relax(now_ns + 1)) << "ten minutes after the last time";
  EXPECT_FALSE(depth.is_deep());
  EXPECT_FALSE(depth.relax(now_ns + 2)) << "once";
  EXPECT_TRUE(depth.deepen(now_ns + 3));
}

}  // namespace
}  // namespace starocean::dataplane
