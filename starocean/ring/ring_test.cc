// What holds for every kind of ring: SPSC and MPSC, in memory of their own and in the caller's,
// from index 0 and from 2^32 - 3.

#include <array>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/mpsc.h"
#include "starocean/ring/spsc.h"
#include "starocean/ring/test_scale.h"

namespace starocean::ring {
namespace {

constexpr uint32_t kJustBelowWrap = UINT32_MAX - 2;  // 2^32 - 3

// As large as a hand-off descriptor.
struct Item {
  uint64_t number = 0;
  uint64_t check = 0;
  uint32_t spare = 0;
};
Item item(uint64_t number) {
  return {number, ~number, static_cast<uint32_t>(number * 7)};
}
::testing::AssertionResult is_item(const Item& got, uint64_t number) {
  if (got.number == number && got.check == ~number &&
      got.spare == static_cast<uint32_t>(number * 7)) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "got item " << got.number << ", expected " << number;
}

template <template <class> class Ring, bool kBorrowed, uint32_t kStart>
struct Kind {
  explicit Kind(size_t capacity) : memory(kBorrowed ? capacity : 0) {
    if constexpr (kBorrowed) {
      ring = std::make_unique<Ring<Item>>(std::span<Item>(memory), kStart);
    } else {
      ring = std::make_unique<Ring<Item>>(capacity, kStart);
    }
  }
  std::vector<Item> memory;
  std::unique_ptr<Ring<Item>> ring;
};

template <class K>
class RingTest : public ::testing::Test {};
using Kinds =
    ::testing::Types<Kind<SpscRing, false, 0>, Kind<SpscRing, false, kJustBelowWrap>,
                     Kind<SpscRing, true, kJustBelowWrap>, Kind<MpscRing, false, 0>,
                     Kind<MpscRing, false, kJustBelowWrap>, Kind<MpscRing, true, kJustBelowWrap>>;
TYPED_TEST_SUITE(RingTest, Kinds);

TYPED_TEST(RingTest, HoldsExactlyItsCapacity) {
  for (const size_t capacity : {1u, 2u, 8u, 64u}) {
    TypeParam kind(capacity);
    auto& ring = *kind.ring;
    EXPECT_EQ(ring.capacity(), capacity);
    for (int round = 0; round < 5; ++round) {
      EXPECT_TRUE(ring.empty());
      EXPECT_EQ(ring.room(), capacity);
      for (uint64_t i = 0; i < capacity; ++i) {
        EXPECT_TRUE(ring.push(item(i)));
        EXPECT_EQ(ring.size(), i + 1);
      }
      EXPECT_FALSE(ring.push(item(99)));
      EXPECT_EQ(ring.room(), 0u);
      Item out;
      for (uint64_t i = 0; i < capacity; ++i) {
        ASSERT_TRUE(ring.pop(out));
        EXPECT_TRUE(is_item(out, i));
      }
      EXPECT_FALSE(ring.pop(out));
      EXPECT_TRUE(is_item(out, capacity - 1)) << "an empty ring leaves the argument alone";
    }
  }
}

TYPED_TEST(RingTest, PushesAndPopsAsMuchAsFits) {
  TypeParam kind(8);
  auto& ring = *kind.ring;
  std::vector<Item> in;
  for (uint64_t i = 0; i < 12; ++i) in.push_back(item(i));
  std::vector<Item> out(12);
  EXPECT_EQ(ring.push(std::span<const Item>()), 0u);
  EXPECT_EQ(ring.pop(std::span<Item>()), 0u);
  EXPECT_EQ(ring.push(std::span<const Item>(in)), 8u);
  EXPECT_EQ(ring.push(std::span<const Item>(in)), 0u);
  EXPECT_EQ(ring.pop(std::span<Item>(out).first(3)), 3u);
  EXPECT_EQ(ring.push(std::span<const Item>(in).subspan(8)), 3u) << "across both kinds of wrap";
  EXPECT_EQ(ring.pop(std::span<Item>(out).subspan(3)), 8u);
  for (size_t i = 0; i < 11; ++i) EXPECT_TRUE(is_item(out[i], i));
}

// Random operations, compared with a deque.
TYPED_TEST(RingTest, BehavesAsAQueue) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    TypeParam kind(16);
    auto& ring = *kind.ring;
    std::deque<uint64_t> model;
    std::mt19937 random(seed);
    std::array<Item, 24> buffer;
    uint64_t next = 0;
    for (int step = 0; step < 5000; ++step) {
      const size_t count = random() % buffer.size();
      switch (random() % 4) {
        case 0: {
          for (size_t i = 0; i < count; ++i) buffer[i] = item(next + i);
          const size_t pushed = ring.push(std::span<const Item>(buffer).first(count));
          ASSERT_EQ(pushed, std::min(count, 16 - model.size()));
          for (size_t i = 0; i < pushed; ++i) model.push_back(next++);
          break;
        }
        case 1:
          ASSERT_EQ(ring.push(item(next)), model.size() < 16);
          if (model.size() < 16) model.push_back(next++);
          break;
        case 2: {
          const size_t popped = ring.pop(std::span<Item>(buffer).first(count));
          ASSERT_EQ(popped, std::min(count, model.size()));
          for (size_t i = 0; i < popped; ++i) {
            ASSERT_TRUE(is_item(buffer[i], model.front()));
            model.pop_front();
          }
          break;
        }
        default:
          ASSERT_EQ(ring.pop(buffer[0]), !model.empty());
          if (!model.empty()) {
            ASSERT_TRUE(is_item(buffer[0], model.front()));
            model.pop_front();
          }
      }
      ASSERT_EQ(ring.size(), model.size());
      ASSERT_EQ(ring.room(), 16 - model.size());
    }
  }
}

TYPED_TEST(RingTest, CarriesAStreamBetweenTwoThreads) {
  const uint64_t total = scaled("items", 10'000'000);
  TypeParam kind(4096);
  auto& ring = *kind.ring;
  std::thread producer([&] {
    std::mt19937 random(1);
    std::array<Item, 64> batch;
    for (uint64_t sent = 0; sent < total;) {
      const auto count =
          static_cast<size_t>(std::min<uint64_t>(1 + random() % batch.size(), total - sent));
      for (size_t i = 0; i < count; ++i) batch[i] = item(sent + i);
      const size_t pushed = ring.push(std::span<const Item>(batch).first(count));
      if (pushed == 0) std::this_thread::yield();
      sent += pushed;
    }
  });
  std::mt19937 random(2);
  std::array<Item, 64> batch;
  uint64_t wrong = 0;
  for (uint64_t received = 0; received < total;) {
    const size_t popped = ring.pop(std::span<Item>(batch).first(1 + random() % batch.size()));
    if (popped == 0) std::this_thread::yield();
    for (size_t i = 0; i < popped; ++i) wrong += !is_item(batch[i], received++);
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(ring.empty());
}

template <class K>
class BorrowedRingTest : public ::testing::Test {};
using BorrowedKinds =
    ::testing::Types<Kind<SpscRing, true, kJustBelowWrap>, Kind<MpscRing, true, kJustBelowWrap>>;
TYPED_TEST_SUITE(BorrowedRingTest, BorrowedKinds);

TYPED_TEST(BorrowedRingTest, LiesInTheMemoryGiven) {
  TypeParam kind(4);
  kind.ring->push(item(77));
  size_t seen = 0;
  for (const Item& slot : kind.memory) seen += slot.number == 77;
  EXPECT_EQ(seen, 1u);
}

TEST(RingDeathTest, RefusesCapacitiesThatAreNoPowerOfTwo) {
  for (const size_t capacity : {0u, 3u, 1000u}) {
    EXPECT_DEATH(SpscRing<int>{capacity}, "power of two");
    EXPECT_DEATH(MpscRing<int>{capacity}, "power of two");
  }
}

}  // namespace
}  // namespace starocean::ring
