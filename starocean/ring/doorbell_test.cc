#include "starocean/ring/doorbell.h"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <poll.h>

#include <gtest/gtest.h>

#include "starocean/ring/mpsc.h"
#include "starocean/ring/spsc.h"
#include "starocean/ring/test_scale.h"

namespace starocean::ring {
namespace {

// Not a matter of speed: a sleeper that waits this long beside a full ring was never going to wake.
constexpr int kLeftWaitingMs = 60'000;

bool readable(const Doorbell& bell, int timeout_ms) {
  pollfd waiting{bell.fd(), POLLIN, 0};
  return poll(&waiting, 1, timeout_ms) == 1;
}

TEST(Doorbell, CostsNoSystemCallWhileAwake) {
  Doorbell bell = Doorbell::create().value();
  EXPECT_FALSE(bell.ring());
  bell.announce_sleep();
  bell.cancel_sleep();
  EXPECT_FALSE(bell.ring());
  EXPECT_FALSE(bell.drain());
  EXPECT_FALSE(readable(bell, 0));
}

TEST(Doorbell, OneOfSeveralRingersRings) {
  Doorbell bell = Doorbell::create().value();
  bell.announce_sleep();
  EXPECT_TRUE(bell.ring());
  EXPECT_FALSE(bell.ring());
  EXPECT_TRUE(readable(bell, 0));
  EXPECT_TRUE(bell.drain());
  EXPECT_FALSE(readable(bell, 0));
  EXPECT_FALSE(bell.drain()) << "nothing left to read";
}

TEST(Doorbell, ATokenLeftByACancelledSleepIsTakenLater) {
  Doorbell bell = Doorbell::create().value();
  bell.announce_sleep();
  bell.ring();
  bell.cancel_sleep();
  bell.announce_sleep();
  EXPECT_TRUE(bell.ring()) << "the old token does not stand for a new ring";
  EXPECT_TRUE(readable(bell, 0));
  EXPECT_TRUE(bell.drain());
  EXPECT_FALSE(readable(bell, 0)) << "both tokens at once";
}

TEST(Doorbell, MovesBeforeUse) {
  Doorbell made = Doorbell::create().value();
  const int fd = made.fd();
  Doorbell bell = std::move(made);
  EXPECT_EQ(bell.fd(), fd);
  bell.announce_sleep();
  EXPECT_TRUE(bell.ring());
  EXPECT_TRUE(readable(bell, 0));
}

void dawdle(uint64_t turns) {
  for (uint64_t i = 0; i < turns; ++i) cpu_relax();
}

// The heart of the protocol, without the sleep: of a push and a falling asleep at the same
// instant, at least one side notices the other. Without the fence in ring() it fails on x86, too,
// provided that both threads have a CPU to themselves.
TEST(Doorbell, PushAndSleepCannotMissOneAnother) {
  const uint64_t rounds = scaled("encounters", 30'000, 1000);
  SpscRing<uint64_t> ring(4, UINT32_MAX - 2);
  Doorbell bell = Doorbell::create().value();
  alignas(kNoSharing) std::atomic<uint64_t> started{0};
  alignas(kNoSharing) std::atomic<uint64_t> finished{0};
  alignas(kNoSharing) bool rang = false;
  const auto await = [](const std::atomic<uint64_t>& flag, uint64_t value) {
    for (int spin = 0; flag.load(std::memory_order_acquire) != value; ++spin) {
      if (spin > 2000) std::this_thread::yield();
    }
  };
  std::thread ringer([&] {
    for (uint64_t round = 1; round <= rounds; ++round) {
      await(started, round);
      dawdle(round % 5);
      ring.push(round);
      rang = bell.ring();
      finished.store(round, std::memory_order_release);
    }
  });
  uint64_t missed = 0;
  uint64_t both = 0;
  for (uint64_t round = 1; round <= rounds; ++round) {
    started.store(round, std::memory_order_release);
    dawdle(round % 7);
    bell.announce_sleep();
    const bool saw = ring.ready();
    await(finished, round);
    missed += !rang && !saw;
    both += rang && saw;
    bell.drain();
    uint64_t item = 0;
    ring.pop(item);
  }
  ringer.join();
  EXPECT_EQ(missed, 0u);
  std::printf("[  NOTE    ] both sides noticed in %llu encounters\n",
              static_cast<unsigned long long>(both));
}

// A worker that empties its ring and then always sleeps; returns what it received, in order.
template <class Ring>
struct Sleeper {
  Sleeper(Ring& r, Doorbell& b, uint64_t total) : ring(r), bell(b), expected(total) {}

  void run() {
    std::array<uint64_t, 8> batch;
    for (uint64_t received = 0; received < expected;) {
      const size_t popped = ring.pop(std::span(batch));
      for (size_t i = 0; i < popped; ++i) sum += batch[i];
      received += popped;
      // Released only now: a lock-step producer pushes next while this thread falls asleep.
      consumed.store(received, std::memory_order_release);
      if (popped != 0) continue;
      // Lets pushes fall between any two steps: each pause has another period.
      dawdle(received % 61);
      bell.announce_sleep();
      dawdle(received % 37);
      if (ring.ready()) {
        bell.cancel_sleep();
        ++cancelled;
        continue;
      }
      dawdle(received % 29);
      ++slept;
      if (!readable(bell, kLeftWaitingMs)) {
        left_waiting.store(true);
        consumed.store(expected, std::memory_order_release);
        return;
      }
      bell.drain();
    }
  }

  Ring& ring;
  Doorbell& bell;
  const uint64_t expected;
  uint64_t sum = 0, slept = 0, cancelled = 0;
  alignas(kNoSharing) std::atomic<uint64_t> consumed{0};
  std::atomic<bool> left_waiting{false};
};

// The producer waits for each element to be consumed, so that each push meets a worker on its way
// to sleep: before, in, or after announce_sleep(), according to how long the producer dawdles.
TEST(Doorbell, AMillionHandOffsToAWorkerThatSleepsAfterEach) {
  const uint64_t total = scaled("hand-offs", 1'000'000, 2000);
  SpscRing<uint64_t> ring(64, UINT32_MAX - 2);
  Doorbell bell = Doorbell::create().value();
  Sleeper<SpscRing<uint64_t>> sleeper(ring, bell, total);
  std::thread worker([&] { sleeper.run(); });
  uint64_t calls = 0;
  for (uint64_t i = 1; i <= total; ++i) {
    dawdle(i % 67);
    ASSERT_TRUE(ring.push(i));
    calls += bell.ring();
    for (int spin = 0; sleeper.consumed.load(std::memory_order_acquire) < i; ++spin) {
      if (spin > 1000) std::this_thread::yield();
    }
  }
  worker.join();
  EXPECT_FALSE(sleeper.left_waiting.load());
  EXPECT_EQ(sleeper.sum, total * (total + 1) / 2);
  EXPECT_LE(calls, sleeper.slept + sleeper.cancelled) << "at most one system call per sleep";
  std::printf("[  NOTE    ] slept %llu times, cancelled %llu, woken by %llu system calls\n",
              static_cast<unsigned long long>(sleeper.slept),
              static_cast<unsigned long long>(sleeper.cancelled),
              static_cast<unsigned long long>(calls));
}

TEST(Doorbell, ManyRingersLoseNoWakeUp) {
  constexpr uint64_t kRingers = 3;
  const uint64_t each = scaled("pushes of each ringer", 50'000, 1000);
  MpscRing<uint64_t> ring(16, UINT32_MAX - 2);
  Doorbell bell = Doorbell::create().value();
  Sleeper<MpscRing<uint64_t>> sleeper(ring, bell, kRingers * each);
  std::thread worker([&] { sleeper.run(); });
  std::atomic<uint64_t> calls{0};
  std::vector<std::thread> ringers;
  for (uint64_t r = 0; r < kRingers; ++r) {
    ringers.emplace_back([&] {
      for (uint64_t i = 1; i <= each;) {
        if (!ring.push(i)) {
          std::this_thread::yield();
          if (sleeper.left_waiting.load()) return;
          continue;
        }
        calls.fetch_add(bell.ring(), std::memory_order_relaxed);
        dawdle(i % 300);
        ++i;
      }
    });
  }
  for (auto& ringer : ringers) ringer.join();
  worker.join();
  EXPECT_FALSE(sleeper.left_waiting.load());
  EXPECT_EQ(sleeper.sum, kRingers * (each * (each + 1) / 2));
  EXPECT_LE(calls.load(), sleeper.slept + sleeper.cancelled);
}

}  // namespace
}  // namespace starocean::ring
