#include "starocean/wan/link.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "starocean/base/clock.h"

namespace starocean::wan {
namespace {

// A link with its counters, as direction.cc has it, but for the packets.
struct Books {
  uint64_t in = 0, queue_full = 0, no_room = 0, lost = 0, copies = 0, out = 0;

  uint64_t accounted() const { return queue_full + no_room + lost + out; }
};

class LinkTest : public ::testing::Test {
 protected:
  void make(uint32_t capacity, const LinkOptions& options) {
    EXPECT_TRUE(check(options));
    link_.emplace(capacity, 11);
    link_->set(options);
  }
  void advance(uint64_t now) {
    while (const auto on = link_->leave_queue(now)) {
      if (on->crossing.loss != Loss::kNone) {
        ++books_.lost;
        free(on->frame);
        continue;
      }
      link_->travel(on->frame, on->crossing);
      if (!on->crossing.duplicate) continue;
      ++books_.copies;
      if (link_->has_room()) {
        link_->travel(take(), on->crossing);
      } else {
        ++books_.no_room;
      }
    }
    while (const auto held = link_->depart(now)) {
      EXPECT_LE(held->due_ns, now);
      ++books_.out;
      free(held->frame);
    }
  }
  void arrive(uint64_t now, uint32_t len) {
    advance(now);
    ++books_.in;
    const uint32_t frame = take();
    switch (link_->arrive(frame, len, now)) {
      case Link::Arrival::kTaken:
        return;
      case Link::Arrival::kQueueFull:
        ++books_.queue_full;
        break;
      case Link::Arrival::kNoRoom:
        ++books_.no_room;
        break;
    }
    free(frame);
  }
  uint32_t take() {
    owned_[next_] = true;
    return next_++;
  }
  void free(uint32_t frame) {
    EXPECT_EQ(owned_.erase(frame), 1U) << "frame " << frame << " was not out";
  }

  std::optional<Link> link_;
  Books books_;
  std::map<uint32_t, bool> owned_;
  uint32_t next_ = 0;
};

LinkOptions everything() {
  LinkOptions options;
  options.delay_ns = 5 * kNsPerMs;
  options.jitter_ns = 2 * kNsPerMs;
  options.jitter_order = JitterOrder::kFree;
  options.loss = 0.05;
  options.loss_burst = 4;
  options.reorder = 0.05;
  options.reorder_by_ns = kNsPerMs;
  options.duplicate = 0.1;
  options.corrupt = 0.1;
  options.rate_bps = 100'000'000;
  options.queue = {QueueLimit::Unit::kPackets, 20};
  return options;
}

TEST_F(LinkTest, EveryPacketHasOneFate) {
  make(120, everything());
  std::mt19937_64 dice(2);
  uint64_t now = 0;
  for (int i = 0; i < 60'000; ++i) {
    now += dice() % 80'000;  // at times too fast, at times slow enough
    if (i % 1000 < 200) now += kNsPerMs / 4;
    arrive(now, static_cast<uint32_t>(60 + dice() % 1455));
    ASSERT_EQ(books_.in + books_.copies, books_.accounted() + link_->held());
    ASSERT_EQ(owned_.size(), link_->held());
    ASSERT_LE(link_->held(), 120U);
    if (i % 2000 == 0) {  // changed while it runs
      LinkOptions changed = everything();
      changed.rate_bps = (i % 3 == 0) ? 0 : 20'000'000 + dice() % 200'000'000;
      changed.delay_ns += dice() % kNsPerMs;
      link_->set(changed);
    }
  }
  advance(now + 3600 * kNsPerSecond);
  EXPECT_EQ(link_->held(), 0U);
  EXPECT_EQ(link_->next_ns(), kNever);
  EXPECT_TRUE(owned_.empty());
  EXPECT_EQ(books_.in + books_.copies, books_.accounted());
  EXPECT_GT(books_.queue_full, 0U);
  EXPECT_GT(books_.no_room, 0U);
  EXPECT_GT(books_.lost, 0U);
  EXPECT_GT(books_.copies, 0U);
}

TEST_F(LinkTest, WakesForWhatComesNext) {
  LinkOptions options;
  options.delay_ns = 7 * kNsPerMs;
  options.rate_bps = 8'000'000;
  make(16, options);
  EXPECT_EQ(link_->next_ns(), kNever);
  arrive(1000, 1000);
  arrive(1000, 1000);
  EXPECT_EQ(link_->next_ns(), 1000 + kNsPerMs) << "the second begins when the first is out";
  advance(1000 + kNsPerMs);
  EXPECT_EQ(link_->next_ns(), 1000 + 8 * kNsPerMs);
  advance(1000 + 8 * kNsPerMs);
  EXPECT_EQ(books_.out, 1U);
  EXPECT_EQ(link_->next_ns(), 1000 + 9 * kNsPerMs);
  advance(link_->next_ns() - 1);
  EXPECT_EQ(books_.out, 1U);
  advance(link_->next_ns());
  EXPECT_EQ(books_.out, 2U);
}

TEST_F(LinkTest, HoldsNoMoreThanItsCapacity) {
  LinkOptions options;
  options.delay_ns = kNsPerSecond;
  make(100, options);
  for (uint64_t i = 0; i < 150; ++i) arrive(1000 + i, 60);
  EXPECT_EQ(books_.no_room, 50U);
  advance(1000 + kNsPerSecond + 49);
  EXPECT_EQ(books_.out, 50U);
  arrive(1000 + kNsPerSecond + 49, 60);
  EXPECT_EQ(books_.no_room, 50U);
}

}  // namespace
}  // namespace starocean::wan
