#include "starocean/wan/bottleneck.h"

#include <gtest/gtest.h>

#include <random>

#include "starocean/base/clock.h"

namespace starocean::wan {
namespace {

LinkOptions rate(uint64_t rate_bps, QueueLimit queue = {}, uint32_t overhead_bytes = 0) {
  LinkOptions options;
  options.rate_bps = rate_bps;
  options.queue = queue;
  options.overhead_bytes = overhead_bytes;
  return options;
}

// All that is sent by `now_ns`.
std::vector<Sent> pop_all(Bottleneck& bottleneck, uint64_t now_ns) {
  std::vector<Sent> sent;
  while (const auto one = bottleneck.pop(now_ns)) sent.push_back(*one);
  return sent;
}

TEST(Bottleneck, WithoutARateNothingWaits) {
  Bottleneck bottleneck(16);
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(bottleneck.push({.arrival_ns = 1000 + i, .frame = i, .len_bytes = 1500}));
    const auto sent = bottleneck.pop(1000 + i);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->sent_ns, 1000 + i);
    EXPECT_EQ(sent->packet.frame, i);
  }
}

TEST(Bottleneck, TheRateIsExactToTheNanosecond) {
  // 7 Mbit/s: a byte takes 1142.857… ns, which no integer adds up to.
  constexpr uint64_t kRate = 7'000'000;
  Bottleneck bottleneck(1 << 14);
  bottleneck.set(rate(kRate, {QueueLimit::Unit::kPackets, 1 << 14}, 24));
  std::mt19937_64 dice(1);
  uint64_t bits = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    const auto len = static_cast<uint32_t>(60 + dice() % 1455);
    ASSERT_TRUE(bottleneck.push({.arrival_ns = 500, .frame = i, .len_bytes = len}));
    bits += (len + 24) * 8;
  }
  const auto sent = pop_all(bottleneck, kNever - 1);
  ASSERT_EQ(sent.size(), 10'000U);
  EXPECT_EQ(sent.back().sent_ns, 500 + bits * kNsPerSecond / kRate);
}

TEST(Bottleneck, AGapIsNotMadeUpFor) {
  Bottleneck bottleneck(16);
  bottleneck.set(rate(8'000'000));  // a byte a microsecond
  ASSERT_TRUE(bottleneck.push({.arrival_ns = 0, .frame = 0, .len_bytes = 100}));
  ASSERT_TRUE(bottleneck.push({.arrival_ns = 1'000'000, .frame = 1, .len_bytes = 100}));
  ASSERT_TRUE(bottleneck.push({.arrival_ns = 1'000'000, .frame = 2, .len_bytes = 100}));
  const auto sent = pop_all(bottleneck, 2'000'000);
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[0].sent_ns, 100'000U);
  EXPECT_EQ(sent[1].sent_ns, 1'100'000U);
  EXPECT_EQ(sent[2].sent_ns, 1'200'000U);
}

TEST(Bottleneck, WhoAsksLateGetsTheSameAnswers) {
  Bottleneck often(1024);
  Bottleneck late(1024);
  often.set(rate(3'000'000));
  late.set(rate(3'000'000));
  std::vector<Sent> by_often;
  uint64_t now = 0;
  for (uint32_t i = 0; i < 500; ++i) {
    now += 1 + i * 997 % 40'000;
    const Waiting packet{.arrival_ns = now, .frame = i, .len_bytes = 60 + i};
    ASSERT_TRUE(often.push(packet));
    ASSERT_TRUE(late.push(packet));
    for (const Sent& sent : pop_all(often, now)) by_often.push_back(sent);
  }
  for (const Sent& sent : pop_all(often, kNever - 1)) by_often.push_back(sent);
  const auto by_late = pop_all(late, kNever - 1);
  ASSERT_EQ(by_often.size(), by_late.size());
  for (size_t i = 0; i < by_late.size(); ++i) {
    EXPECT_EQ(by_often[i].sent_ns, by_late[i].sent_ns) << i;
    EXPECT_EQ(by_often[i].packet.frame, i);
  }
}

// How many of `packets` of 1000 bytes that arrive at once, at 8 Mbit/s, find room.
size_t taken(QueueLimit limit, uint32_t packets, uint32_t overhead_bytes = 0) {
  Bottleneck bottleneck(4096);
  bottleneck.set(rate(8'000'000, limit, overhead_bytes));
  size_t count = 0;
  for (uint32_t i = 0; i < packets; ++i) {
    pop_all(bottleneck, 1000);
    count += bottleneck.push({.arrival_ns = 1000, .frame = i, .len_bytes = 1000});
  }
  return count;
}

TEST(Bottleneck, TheQueueIsAsLongAsAsked) {
  using Unit = QueueLimit::Unit;
  // One is being sent, the rest waits.
  EXPECT_EQ(taken({Unit::kPackets, 1}, 100), 2U);
  EXPECT_EQ(taken({Unit::kPackets, 50}, 100), 51U);
  EXPECT_EQ(taken({Unit::kBytes, 50'000}, 100), 51U);
  EXPECT_EQ(taken({Unit::kBytes, 50'999}, 100), 51U);
  EXPECT_EQ(taken({Unit::kBytes, 1}, 100), 2U) << "an empty queue takes one of any size";
  // A packet takes 1 ms; one that would wait for more than 10 ms is refused.
  EXPECT_EQ(taken({Unit::kTime, 10 * kNsPerMs}, 100), 11U);
  EXPECT_EQ(taken({Unit::kTime, 10 * kNsPerMs}, 100, 1000), 6U) << "overhead takes time";
  EXPECT_EQ(taken({Unit::kTime, 1}, 100), 2U);
}

TEST(Bottleneck, RoomComesBackAsPacketsAreSent) {
  Bottleneck bottleneck(64);
  bottleneck.set(rate(8'000'000, {QueueLimit::Unit::kPackets, 2}));  // 1 ms each
  uint64_t now = 0;
  std::vector<uint32_t> passed;
  for (uint32_t i = 0; i < 40; ++i, now += kNsPerMs / 2) {  // twice what it carries
    for (const Sent& sent : pop_all(bottleneck, now)) passed.push_back(sent.packet.frame);
    bottleneck.push({.arrival_ns = now, .frame = i, .len_bytes = 1000});
  }
  for (const Sent& sent : pop_all(bottleneck, kNever - 1)) passed.push_back(sent.packet.frame);
  // 20 ms of sending, and what waits at the end.
  EXPECT_EQ(passed.size(), 22U);
  EXPECT_TRUE(std::is_sorted(passed.begin(), passed.end()));
}

TEST(Bottleneck, ANewRateHoldsForThoseThatWait) {
  Bottleneck bottleneck(64);
  bottleneck.set(rate(8'000));  // a second for each packet of 1000 bytes
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(bottleneck.push({.arrival_ns = 0, .frame = i, .len_bytes = 1000}));
  }
  EXPECT_EQ(pop_all(bottleneck, 0).size(), 1U);
  EXPECT_EQ(bottleneck.next_ns(), kNsPerSecond);
  bottleneck.set(rate(8'000'000));
  const auto sent = pop_all(bottleneck, 2 * kNsPerSecond);
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].sent_ns, kNsPerSecond + kNsPerMs);
  EXPECT_EQ(sent[1].sent_ns, kNsPerSecond + 2 * kNsPerMs);
  EXPECT_EQ(bottleneck.next_ns(), kNever);
}

}  // namespace
}  // namespace starocean::wan
