// What is special to several producers. For what holds for all rings see ring_test.cc.

#include "starocean/ring/mpsc.h"

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"

namespace starocean::ring {
namespace {

constexpr uint32_t kJustBelowWrap = UINT32_MAX - 2;  // 2^32 - 3
constexpr uint32_t kProducers = 4;
constexpr std::array<size_t, kProducers> kBursts{1, 7, 31, 32};

// Producer in the highest byte, its running number below.
constexpr uint64_t tagged(uint64_t producer, uint64_t number) {
  return producer << 56 | number;
}

void produce(MpscRing<uint64_t>& ring, uint64_t producer, uint64_t total, size_t burst) {
  std::array<uint64_t, 32> batch;
  for (uint64_t sent = 0; sent < total;) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(burst, total - sent));
    for (size_t i = 0; i < count; ++i) batch[i] = tagged(producer, sent + i);
    const size_t pushed = count == 1 ? size_t{ring.push(batch[0])}
                                     : ring.push(std::span<const uint64_t>(batch).first(count));
    if (pushed == 0) std::this_thread::yield();
    sent += pushed;
  }
}

// Each producer's numbers must arrive complete and in order.
void run_producers(MpscRing<uint64_t>& ring, uint64_t per_producer) {
  std::vector<std::thread> producers;
  for (uint32_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] { produce(ring, p, per_producer, kBursts[p]); });
  }
  std::array<uint64_t, kProducers> next{};
  std::array<uint64_t, 64> batch;
  uint64_t wrong = 0;
  for (uint64_t received = 0; received < kProducers * per_producer;) {
    const size_t popped = ring.pop(std::span(batch));
    if (popped == 0) std::this_thread::yield();
    for (size_t i = 0; i < popped; ++i) {
      const auto producer = static_cast<size_t>(batch[i] >> 56);
      wrong += producer >= kProducers || batch[i] != tagged(producer, next[producer]);
      if (producer < kProducers) ++next[producer];
    }
    received += popped;
  }
  for (auto& producer : producers) producer.join();
  EXPECT_EQ(wrong, 0u) << "lost, duplicated or out of order";
  for (const uint64_t count : next) EXPECT_EQ(count, per_producer);
  EXPECT_TRUE(ring.empty());
  EXPECT_FALSE(ring.ready());
}

TEST(MpscRing, KeepsEachProducersOrderAndLosesNothing) {
  const uint64_t total = scaled("items of 4 producers", 100'000'000);
  MpscRing<uint64_t> ring(4096, kJustBelowWrap);
  run_producers(ring, total / kProducers);
}

// A ring so small that it is full most of the time, in which batches are cut and rooms are stale.
TEST(MpscRing, KeepsOrderWhenAlwaysFull) {
  const uint64_t total = scaled("items of 4 producers", 30'000);
  for (const size_t capacity : {1u, 2u, 16u}) {
    std::vector<uint64_t> memory(capacity);
    MpscRing<uint64_t> ring(std::span<uint64_t>(memory), kJustBelowWrap);
    run_producers(ring, total / kProducers / 3);
  }
}

TEST(MpscRing, PopsAcrossBatchesAndWithinThem) {
  MpscRing<uint64_t> ring(16, kJustBelowWrap);
  const std::array<uint64_t, 5> five{0, 1, 2, 3, 4};
  std::array<uint64_t, 16> out{};
  ring.push(std::span<const uint64_t>(five));
  ring.push(uint64_t{5});
  EXPECT_EQ(ring.pop(std::span(out).first(2)), 2u);
  EXPECT_TRUE(ring.ready()) << "the rest of a batch begun";
  EXPECT_EQ(ring.size(), 4u);
  EXPECT_EQ(ring.pop(std::span(out).subspan(2)), 4u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(out[i], i);
  EXPECT_FALSE(ring.ready());
}

// The marks of slots that were in the middle of a batch must not be taken for batches later; nor may
// the index's end within a mark, at 2^44, confuse anybody.
TEST(MpscRing, ForgetsOldMarks) {
  MpscRing<uint64_t> ring(8, (uint64_t{1} << 44) - 3);
  std::array<uint64_t, 8> out{};
  uint64_t next = 0;
  for (size_t round = 0; round < 1000; ++round) {
    const size_t count = 1 + round % 8;
    for (size_t i = 0; i < count; ++i) out[i] = next + i;
    ASSERT_EQ(ring.push(std::span<const uint64_t>(out).first(count)), count);
    ASSERT_EQ(ring.pop(std::span(out)), count);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(out[i], next + i);
    next += count;
    ASSERT_EQ(ring.pop(std::span(out)), 0u);
  }
}

}  // namespace
}  // namespace starocean::ring
