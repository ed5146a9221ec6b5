#include "starocean/dataplane/transmit_policy.h"

#include <gtest/gtest.h>

namespace starocean::dataplane {
namespace {

class TransmitPolicyTest : public ::testing::Test {
 protected:
  // Turns of so many packets, each so long, for that time.
  void turns(uint32_t packets, uint64_t turn_ns, uint64_t time_ns) {
    for (uint64_t end_ns = now_ns_ + time_ns; now_ns_ < end_ns;) {
      policy_.observe(now_ns_, last_packets_);
      last_packets_ = packets;
      now_ns_ += turn_ns;
    }
  }
  // The same rate with turns between that find nothing.
  void pairs(uint32_t packets, uint64_t busy_ns, uint64_t idle_ns, uint64_t time_ns) {
    for (uint64_t end_ns = now_ns_ + time_ns; now_ns_ < end_ns;) {
      turns(packets, busy_ns, busy_ns);
      turns(0, idle_ns, idle_ns);
    }
  }

  TransmitPolicy policy_;
  uint64_t now_ns_ = kNsPerSecond;
  uint32_t last_packets_ = 0;
};

TEST_F(TransmitPolicyTest, BeginsAtOnceWhenTheWorkerDoesNotKeepUp) {
  turns(256, 250'000, TransmitPolicy::kFullTurns * 250'000);
  EXPECT_FALSE(policy_.wants());  // a burst
  turns(256, 250'000, 250'000);
  EXPECT_TRUE(policy_.wants());
}

TEST_F(TransmitPolicyTest, ABurstIsNoLoad) {
  for (int i = 0; i < 100; ++i) {
    turns(256, 250'000, 10 * 250'000);
    turns(0, 10'000'000, 10'000'000);
  }
  EXPECT_FALSE(policy_.wants());
}

TEST_F(TransmitPolicyTest, BeginsWithManyPackets) {
  pairs(20, 15'000, 15'000, 100 * kNsPerMs);  // 667,000 a second
  EXPECT_TRUE(policy_.wants());
}

TEST_F(TransmitPolicyTest, OrOnlyWhenTheWorkerDoesNotKeepUp) {
  policy_ = TransmitPolicy(false);
  pairs(20, 15'000, 15'000, kNsPerSecond);
  EXPECT_FALSE(policy_.wants());
  turns(256, 250'000, 4 * kNsPerMs);
  EXPECT_TRUE(policy_.wants());
}

TEST_F(TransmitPolicyTest, FewAreLeftToSockets) {
  pairs(20, 20'000, 20'000, 100 * kNsPerMs);  // 500,000 a second
  EXPECT_FALSE(policy_.wants());
}

TEST_F(TransmitPolicyTest, GoesOnWithLessThanItBeganWith) {
  pairs(20, 15'000, 15'000, 100 * kNsPerMs);
  pairs(20, 10'000, 25'000, kNsPerSecond);  // 571,000 a second
  EXPECT_TRUE(policy_.wants());
}

TEST_F(TransmitPolicyTest, EndsWithFewPacketsHoweverLongTheyTake) {
  pairs(20, 15'000, 15'000, 100 * kNsPerMs);
  turns(20, 46'500, 200 * kNsPerMs);  // 430,000 a second, never idle: something else uses the CPU
  EXPECT_FALSE(policy_.wants());
}

TEST_F(TransmitPolicyTest, EndsLessAndLessOftenWhereSocketsDoNotKeepUp) {
  turns(256, 600'000, 9 * kNsPerMs);
  uint64_t quiet_ns = TransmitPolicy::kQuietWindows * TransmitPolicy::kWindowNs;
  const uint64_t longest_ns = TransmitPolicy::kMostQuietWindows * TransmitPolicy::kWindowNs;
  for (int i = 0; i < 9; ++i, quiet_ns = std::min(2 * quiet_ns, longest_ns)) {
    ASSERT_TRUE(policy_.wants());
    turns(20, 50'000, quiet_ns - 3 * TransmitPolicy::kWindowNs);
    ASSERT_TRUE(policy_.wants());
    turns(20, 50'000, 4 * TransmitPolicy::kWindowNs);
    ASSERT_FALSE(policy_.wants());
    turns(256, 600'000, 9 * kNsPerMs);
  }
}

TEST_F(TransmitPolicyTest, EndsSoonAgainAfterSocketsHaveKeptUp) {
  for (int i = 0; i < 4; ++i) {
    turns(256, 600'000, 9 * kNsPerMs);
    ASSERT_TRUE(policy_.wants());
    turns(20, 50'000, 140 * kNsPerMs);
    ASSERT_FALSE(policy_.wants());
    turns(20, 50'000, TransmitPolicy::kSoonNs);
  }
}

TEST_F(TransmitPolicyTest, EndsAWhileAfterFewCome) {
  pairs(20, 15'000, 15'000, 100 * kNsPerMs);
  pairs(10, 10'000, 90'000, 60 * kNsPerMs);
  EXPECT_TRUE(policy_.wants());
  pairs(10, 10'000, 90'000, 100 * kNsPerMs);
  EXPECT_FALSE(policy_.wants());
}

TEST_F(TransmitPolicyTest, EndsWhenTheWorkerHasSlept) {
  pairs(20, 15'000, 15'000, 100 * kNsPerMs);
  turns(0, kNsPerSecond, 2 * kNsPerSecond);
  EXPECT_FALSE(policy_.wants());
}

TEST_F(TransmitPolicyTest, FewPacketsThatTakeAllOfTheTimeAreManyForThisWorker) {
  turns(256, 4 * kNsPerMs, 60 * kNsPerMs);  // 64,000 a second
  ASSERT_TRUE(policy_.wants());
  turns(256, 4 * kNsPerMs, kNsPerSecond);
  EXPECT_TRUE(policy_.wants());
}

TEST_F(TransmitPolicyTest, PausesLongerEachTimeItFails) {
  turns(256, 250'000, 4 * kNsPerMs);
  uint64_t pause_ns = TransmitPolicy::kFirstPauseNs;
  for (int i = 0; i < 8; ++i, pause_ns = std::min(2 * pause_ns, TransmitPolicy::kLongestPauseNs)) {
    ASSERT_TRUE(policy_.wants());
    policy_.failed(now_ns_);
    turns(256, 250'000, pause_ns - 4 * kNsPerMs);
    ASSERT_FALSE(policy_.wants());
    turns(256, 250'000, 8 * kNsPerMs);
  }
}

}  // namespace
}  // namespace starocean::dataplane
