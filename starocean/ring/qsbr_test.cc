#include "starocean/ring/qsbr.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"

namespace starocean::ring {
namespace {

TEST(Qsbr, NobodyOnlineHoldsNobodyUp) {
  Qsbr none(0);
  EXPECT_TRUE(none.poll(none.start()));
  Qsbr qsbr(3);
  EXPECT_TRUE(qsbr.poll(qsbr.start()));
}

TEST(Qsbr, WaitsForEachOnlineReader) {
  Qsbr qsbr(2);
  qsbr.reader(0).online();
  qsbr.reader(1).online();
  const uint64_t ticket = qsbr.start();
  EXPECT_FALSE(qsbr.poll(ticket));
  qsbr.reader(0).quiescent();
  EXPECT_FALSE(qsbr.poll(ticket));
  EXPECT_FALSE(qsbr.wait(ticket, 1'000'000)) << "gives up after the time given";
  qsbr.reader(1).offline();
  EXPECT_TRUE(qsbr.poll(ticket));
  qsbr.reader(1).online();
  EXPECT_TRUE(qsbr.poll(ticket)) << "once over, over for good";
}

TEST(Qsbr, QuiescenceBeforeTheStartDoesNotCount) {
  Qsbr qsbr(1);
  qsbr.reader(0).online();
  qsbr.reader(0).quiescent();
  const uint64_t ticket = qsbr.start();
  EXPECT_FALSE(qsbr.poll(ticket));
  const uint64_t later = qsbr.start();
  qsbr.reader(0).quiescent();
  EXPECT_TRUE(qsbr.poll(ticket));
  EXPECT_TRUE(qsbr.poll(later)) << "one quiescent point ends all periods begun before it";
}

// Readers follow a pointer while a writer replaces the object behind it and, after the grace
// period, poisons the old one (it stays allocated, so that a too early end shows as a value, not as
// a crash).
TEST(Qsbr, NoReaderSeesAnObjectAfterItsGracePeriod) {
  constexpr uint64_t kPoison = 0xdeaddeaddeaddead;
  constexpr size_t kReaders = 3;
  constexpr size_t kObjects = 4;
  const uint64_t rounds = scaled("replacements", 30'000, 1000);
  struct Object {
    uint64_t value = 0;  // deliberately not atomic: ThreadSanitizer watches it as well
    uint64_t copy = 0;
  };
  std::vector<Object> objects(kObjects);
  objects[0] = {1, 1};
  std::atomic<const Object*> current{&objects[0]};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> poisoned{0};
  std::atomic<uint64_t> turns{0};
  Qsbr qsbr(kReaders);

  std::vector<std::thread> readers;
  for (size_t r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      Qsbr::Reader& reader = qsbr.reader(r);
      reader.online();
      uint64_t last = 0;
      for (uint64_t turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
        const Object* object = current.load(std::memory_order_acquire);
        const uint64_t value = object->value;
        const bool fine = value == object->copy && value != kPoison && value >= last;
        poisoned.fetch_add(fine ? 0 : 1, std::memory_order_relaxed);
        last = value;
        turns.fetch_add(1, std::memory_order_relaxed);
        if (turn % 7 == r) {  // now and then it sleeps
          reader.offline();
          if (turn % 3 == 0) std::this_thread::yield();
          reader.online();
        } else {
          reader.quiescent();
        }
      }
      reader.offline();
    });
  }
  for (uint64_t round = 1; round <= rounds; ++round) {
    Object& next = objects[round % kObjects];
    next = {round + 1, round + 1};
    const Object* old = current.exchange(&next, std::memory_order_acq_rel);
    ASSERT_TRUE(qsbr.wait(qsbr.start()));
    const uint64_t before = turns.load(std::memory_order_relaxed);
    *const_cast<Object*>(old) = {kPoison, kPoison};
    // So that the replacements happen among readers at work, not before they have started.
    while (turns.load(std::memory_order_relaxed) == before) std::this_thread::yield();
  }
  stop.store(true);
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(poisoned.load(), 0u);
  EXPECT_GT(turns.load(), 0u);
}

}  // namespace
}  // namespace starocean::ring
