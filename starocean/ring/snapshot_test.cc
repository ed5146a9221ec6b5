#include "starocean/ring/snapshot.h"

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include <poll.h>

#include <gtest/gtest.h>

#include "starocean/ring/doorbell.h"
#include "starocean/ring/test_scale.h"

namespace starocean::ring {
namespace {

// Counts its instances; poisons itself when it dies.
struct Config {
  static inline std::atomic<int> alive{0};
  explicit Config(uint64_t v) : value(v), check(~v) { alive.fetch_add(1); }
  ~Config() {
    value = check = 0;
    alive.fetch_sub(1);
  }
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;
  uint64_t value;
  uint64_t check;
};
std::unique_ptr<const Config> make(uint64_t value) {
  return std::make_unique<const Config>(value);
}

TEST(Snapshot, KeepsTheOldOneUntilNobodyCanUseIt) {
  Qsbr qsbr(1);
  {
    SnapshotPublisher<Config> publisher(qsbr, make(1));
    qsbr.reader(0).online();
    const Config* seen = publisher.current();
    publisher.publish(make(2));
    publisher.publish(make(3));
    EXPECT_EQ(seen->value, 1u);
    EXPECT_EQ(publisher.current()->value, 3u);
    EXPECT_EQ(Config::alive.load(), 3);
    EXPECT_EQ(publisher.collect(), 2u);
    qsbr.reader(0).quiescent();
    EXPECT_EQ(publisher.collect(), 0u);
    EXPECT_EQ(Config::alive.load(), 1);
    EXPECT_FALSE(publisher.publish_and_wait(make(4), 1'000'000))
        << "the reader does not come round";
    qsbr.reader(0).offline();
    EXPECT_EQ(publisher.collect(), 0u);
  }
  EXPECT_EQ(Config::alive.load(), 0);
}

TEST(Snapshot, StartsEmpty) {
  Qsbr qsbr(1);
  SnapshotPublisher<Config> publisher(qsbr);
  EXPECT_EQ(publisher.current(), nullptr);
  EXPECT_TRUE(publisher.publish_and_wait(make(1)));
  EXPECT_EQ(publisher.current()->value, 1u);
}

// Workers as in the data plane: they work, then sleep in poll() until their doorbell rings.
class Workers {
 public:
  static constexpr size_t kCount = 3;

  explicit Workers(uint64_t first) : qsbr_(kCount), publisher_(qsbr_, make(first)) {
    for (size_t i = 0; i < kCount; ++i) {
      bells_.push_back(std::make_unique<Doorbell>(Doorbell::create().value()));
    }
    for (size_t i = 0; i < kCount; ++i) threads_.emplace_back([this, i] { run(i); });
  }
  ~Workers() {
    stop_.store(true);
    ring_all();
    for (auto& thread : threads_) thread.join();
  }
  void ring_all() {
    for (size_t i = 0; i < kCount; ++i) {
      orders_[i].fetch_add(1);
      bells_[i]->ring();
    }
  }
  void await_all_asleep() const {
    for (size_t i = 0; i < kCount; ++i) {
      while (done_[i].load() != orders_[i].load() || !asleep_[i].load()) std::this_thread::yield();
    }
  }
  void await_all_done() const {
    for (size_t i = 0; i < kCount; ++i) {
      while (done_[i].load() != orders_[i].load()) std::this_thread::yield();
    }
  }
  SnapshotPublisher<Config>& publisher() { return publisher_; }
  uint64_t seen_by(size_t worker) const { return seen_[worker].load(); }
  uint64_t errors() const { return errors_.load(); }

 private:
  void run(size_t i) {
    Qsbr::Reader& reader = qsbr_.reader(i);
    reader.online();
    while (!stop_.load()) {
      const uint64_t order = orders_[i].load();
      const Config* now = publisher_.current();
      const uint64_t value = now->value;
      if (now->check != ~value || value < seen_[i].load()) errors_.fetch_add(1);
      seen_[i].store(value);
      done_[i].store(order);
      reader.quiescent();
      bells_[i]->announce_sleep();
      if (orders_[i].load() != order || stop_.load()) {
        bells_[i]->cancel_sleep();
        continue;
      }
      reader.offline();
      asleep_[i].store(true);
      pollfd waiting{bells_[i]->fd(), POLLIN, 0};
      poll(&waiting, 1, -1);
      asleep_[i].store(false);
      bells_[i]->drain();
      reader.online();
    }
    reader.offline();
  }

  Qsbr qsbr_;
  SnapshotPublisher<Config> publisher_;
  std::vector<std::unique_ptr<Doorbell>> bells_;
  std::array<std::atomic<uint64_t>, kCount> orders_{}, done_{}, seen_{};
  std::array<std::atomic<bool>, kCount> asleep_{};
  std::atomic<uint64_t> errors_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

TEST(Snapshot, AReloadWhileAllWorkersSleepReturnsAndIsSeenOnWaking) {
  const uint64_t rounds = scaled("reloads", 2000, 100);
  Workers workers(1);
  for (uint64_t round = 2; round < 2 + rounds; ++round) {
    workers.await_all_asleep();
    ASSERT_TRUE(workers.publisher().publish_and_wait(make(round)));
    ASSERT_EQ(Config::alive.load(), 1) << "the old one is freed, though nobody woke";
    workers.ring_all();
    workers.await_all_asleep();
    for (size_t i = 0; i < Workers::kCount; ++i) ASSERT_EQ(workers.seen_by(i), round);
  }
  EXPECT_EQ(workers.errors(), 0u);
}

TEST(Snapshot, ReloadsAtAnyMomentOfSleepingAndWaking) {
  const uint64_t rounds = scaled("reloads", 15'000, 500);
  {
    Workers workers(1);
    for (uint64_t round = 2; round < 2 + rounds; ++round) {
      workers.ring_all();
      if (round % 4 == 0) workers.await_all_done();
      ASSERT_TRUE(workers.publisher().publish_and_wait(make(round)));
      ASSERT_EQ(Config::alive.load(), 1);
    }
    EXPECT_EQ(workers.errors(), 0u);
  }
  EXPECT_EQ(Config::alive.load(), 0);
}

}  // namespace
}  // namespace starocean::ring
