#include "starocean/xsk/frame_pool.h"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace starocean::xsk {
namespace {

constexpr uint32_t kFrames = 1024;

class FramePoolTest : public testing::Test {
 protected:
  void SetUp() override {
    auto umem = Umem::create({.frames = kFrames, .hugepages = HugePages::kNone});
    ASSERT_TRUE(umem) << umem.error().message();
    umem_ = std::move(*umem);
    auto depot = FrameDepot::create(*umem_);
    ASSERT_TRUE(depot) << depot.error().message();
    depot_ = std::move(*depot);
  }
  std::unique_ptr<FramePool> make_pool(uint32_t capacity = 256) {
    auto pool = FramePool::create(*depot_, capacity);
    EXPECT_TRUE(pool);
    return std::move(*pool);
  }
  std::unique_ptr<Umem> umem_;
  std::unique_ptr<FrameDepot> depot_;
};

TEST_F(FramePoolTest, EveryFrameCanBeTakenOnceAndThenNoMore) {
  auto pool = make_pool();
  std::set<FrameIndex> seen;
  while (Frame frame = pool->take()) EXPECT_TRUE(seen.insert(frame.release()).second);
  EXPECT_EQ(seen.size(), kFrames);
  EXPECT_EQ(*seen.rbegin(), kFrames - 1);
  EXPECT_EQ(depot_->frames() + pool->frames(), 0u);
  for (const FrameIndex frame : seen) pool->put(Frame::adopt(frame));
  EXPECT_EQ(depot_->frames() + pool->frames(), kFrames);
}

TEST_F(FramePoolTest, LastInFirstOut) {
  auto pool = make_pool();
  Frame first = pool->take();
  Frame second = pool->take();
  const FrameIndex warm = second.index();
  pool->put(std::move(first));
  pool->put(std::move(second));
  Frame again = pool->take();
  EXPECT_EQ(again.index(), warm);
  pool->put(std::move(again));
}

TEST_F(FramePoolTest, OverflowGivesTheColdestSlabToOthers) {
  auto mine = make_pool(128);
  auto other = make_pool(128);
  std::vector<Frame> taken;
  while (Frame frame = other->take()) taken.push_back(std::move(frame));
  EXPECT_FALSE(mine->take());
  const FrameIndex coldest = taken.front().index();
  for (Frame& frame : taken) mine->put(std::move(frame));
  EXPECT_LE(mine->frames(), 128u);
  EXPECT_EQ(mine->frames() + depot_->frames(), kFrames);
  std::set<FrameIndex> others;
  while (Frame frame = other->take()) others.insert(frame.release());
  EXPECT_TRUE(others.contains(coldest));
  for (const FrameIndex frame : others) other->put(Frame::adopt(frame));
}

TEST_F(FramePoolTest, ReserveTellsHowManyCanBeTakenInARow) {
  auto pool = make_pool(256);
  EXPECT_EQ(pool->reserve(100), 100u);
  std::vector<Frame> taken;
  while (Frame frame = pool->take()) taken.push_back(std::move(frame));
  pool->put(std::move(taken.back()));
  taken.pop_back();
  EXPECT_EQ(pool->reserve(3), 1u);
  for (Frame& frame : taken) pool->put(std::move(frame));
}

// Threads take and give back in uneven amounts; every frame carries its holder's mark while it is held.
TEST_F(FramePoolTest, NoFrameIsEverInTwoHands) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20'000;
  std::vector<std::atomic<int>> holder(kFrames);
  std::vector<std::unique_ptr<FramePool>> pools;
  for (int t = 0; t < kThreads; ++t) pools.push_back(make_pool(128));
  std::vector<std::thread> threads;
  std::atomic<bool> shared_frame{false};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Frame> mine;
      uint32_t random = static_cast<uint32_t>(t) + 1;
      for (int round = 0; round < kRounds; ++round) {
        random = random * 1664525 + 1013904223;
        for (uint32_t i = 0; i < random >> 26; ++i) {
          Frame frame = pools[static_cast<size_t>(t)]->take();
          if (!frame) break;
          if (holder[frame.index()].exchange(t + 1) != 0) shared_frame = true;
          mine.push_back(std::move(frame));
        }
        random = random * 1664525 + 1013904223;
        for (uint32_t i = 0; i < random >> 26 && !mine.empty(); ++i) {
          if (holder[mine.back().index()].exchange(0) != t + 1) shared_frame = true;
          pools[static_cast<size_t>(t)]->put(std::move(mine.back()));
          mine.pop_back();
        }
      }
      for (Frame& frame : mine) {
        holder[frame.index()] = 0;
        pools[static_cast<size_t>(t)]->put(std::move(frame));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(shared_frame);
  uint64_t total = depot_->frames();
  for (const auto& pool : pools) total += pool->frames();
  EXPECT_EQ(total, kFrames);
}

TEST(FrameDepot, RefusesARemainder) {
  auto umem = Umem::create({.frames = 100, .hugepages = HugePages::kNone});
  ASSERT_TRUE(umem);
  auto depot = FrameDepot::create(**umem);
  ASSERT_FALSE(depot);
  EXPECT_NE(depot.error().message().find("no multiple of 64"), std::string::npos);
}

#ifndef NDEBUG
TEST(FrameDeathTest, LosingAFrameAborts) {
  EXPECT_DEATH({ Frame lost = Frame::adopt(1); }, "went out of scope while owned");
}

TEST(FrameDeathTest, FreeingWhatTheKernelHasAborts) {
  // Packet memory does not survive a fork: the child runs the test anew.
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto umem = Umem::create({.frames = 128, .hugepages = HugePages::kNone});
  auto depot = FrameDepot::create(**umem);
  auto pool = FramePool::create(**depot, 128);
  Frame frame = (*pool)->take();
  (*umem)->transfer(frame.index(), kUserOwned, 1);
  EXPECT_DEATH((*pool)->put(Frame::adopt(frame.index())), "while the kernel has it");
  (void)frame.release();
}
#endif

}  // namespace
}  // namespace starocean::xsk
