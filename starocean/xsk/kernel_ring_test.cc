#include "starocean/xsk/kernel_ring.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace starocean::xsk {
namespace {

constexpr uint32_t kNearWrap = UINT32_MAX - 2;  // 2^32 - 3
constexpr uint32_t kSize = 8;

// The memory of a ring as the kernel lays it out, and the kernel's side of it, played by the test.
struct FakeRing {
  explicit FakeRing(uint32_t start) : producer(start), consumer(start) {}
  RingMemory<uint64_t> memory() {
    return {&producer, &consumer, &flags, descriptors.data(), kSize};
  }
  uint64_t& slot(uint32_t index) { return descriptors[index % kSize]; }

  uint32_t producer;
  uint32_t consumer;
  uint32_t flags = 0;
  std::vector<uint64_t> descriptors = std::vector<uint64_t>(kSize);
};

class KernelRing : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Starts, KernelRing, testing::Values(0u, 1u, kNearWrap));

TEST_P(KernelRing, ProducerFillsExactlyAndPublishesWhatWasPushed) {
  FakeRing fake(GetParam());
  ProducerRing<uint64_t> ring(fake.memory());
  EXPECT_EQ(ring.room(kSize), kSize);
  for (uint64_t i = 0; i < 5; ++i) ring.push(100 + i);
  EXPECT_EQ(fake.producer, GetParam()) << "nothing is visible before publish()";
  EXPECT_EQ(ring.unpublished(), 5u);
  ring.publish();
  EXPECT_EQ(fake.producer, GetParam() + 5);
  EXPECT_EQ(ring.pending(), 5u);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(fake.slot(GetParam() + i), 100 + i);
  EXPECT_EQ(ring.room(kSize), 3u);
  fake.consumer += 4;
  EXPECT_EQ(ring.room(kSize), 7u);
  EXPECT_EQ(ring.pending(), 1u);
}

TEST_P(KernelRing, ConsumerSeesExactlyWhatTheKernelProduced) {
  FakeRing fake(GetParam());
  ConsumerRing<uint64_t> ring(fake.memory());
  EXPECT_TRUE(ring.empty());
  for (uint32_t i = 0; i < 6; ++i) fake.slot(fake.producer++) = 200 + i;
  ASSERT_EQ(ring.available(kSize), 6u);
  for (uint32_t i = 0; i < 6; ++i) EXPECT_EQ(ring.peek(i), 200 + i);
  ring.release(2);
  EXPECT_EQ(fake.consumer, GetParam() + 2);
  EXPECT_EQ(ring.available(1), 4u);
  EXPECT_EQ(ring.peek(0), 202u);
}

// A million descriptors through a ring of eight, in uneven steps, across the overflow of the indices.
TEST_P(KernelRing, KeepsOrderThroughManyRounds) {
  FakeRing fake(GetParam());
  ProducerRing<uint64_t> producer(fake.memory());
  FakeRing back(GetParam());
  ConsumerRing<uint64_t> consumer(back.memory());
  uint64_t next_in = 0, next_out = 0;
  for (uint32_t step = 0; next_out < 1'000'000; ++step) {
    const uint32_t wanted = 1 + step % kSize;
    const uint32_t room = std::min(producer.room(wanted), wanted);
    for (uint32_t i = 0; i < room; ++i) producer.push(next_in++);
    producer.publish();
    // The kernel moves what it can from one ring to the other.
    while (fake.consumer != fake.producer && back.producer - back.consumer < kSize) {
      back.slot(back.producer++) = fake.slot(fake.consumer++);
    }
    const uint32_t ready = consumer.available(1 + step % 3);
    for (uint32_t i = 0; i < ready; ++i) ASSERT_EQ(consumer.peek(i), next_out++);
    consumer.release(ready);
  }
}

TEST_P(KernelRing, AViewOfARingInUseStartsWhereItStands) {
  FakeRing fake(GetParam());
  fake.producer += 3;
  ConsumerRing<uint64_t> consumer(fake.memory());
  EXPECT_EQ(consumer.available(kSize), 3u);
  ProducerRing<uint64_t> producer(fake.memory());
  EXPECT_EQ(producer.room(kSize), kSize - 3);
}

TEST(KernelRingFlags, NeedWakeupIsRead) {
  FakeRing fake(0);
  ProducerRing<uint64_t> ring(fake.memory());
  EXPECT_FALSE(ring.needs_wakeup());
  fake.flags = XDP_RING_NEED_WAKEUP;
  EXPECT_TRUE(ring.needs_wakeup());
}

#ifndef NDEBUG
TEST(KernelRingDeathTest, PushIntoAFullRingAborts) {
  FakeRing fake(kNearWrap);
  ProducerRing<uint64_t> ring(fake.memory());
  for (uint32_t i = 0; i < kSize; ++i) ring.push(i);
  EXPECT_DEATH(ring.push(0), "push into a full ring");
}
#endif

}  // namespace
}  // namespace starocean::xsk
