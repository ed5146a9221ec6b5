// Quiescent-state based reclamation: when may memory that readers used without any lock be freed?
//
// A writer replaces a pointer that worker threads follow without taking a lock. The old object
// cannot be freed at once: some worker may be in the middle of using it. But a worker goes round a
// loop, and between two turns it holds no pointer at all: it is *quiescent*. Once every worker has
// been quiescent since the replacement, nobody can hold the old pointer. That span is a *grace
// period*. (The idea and the words are those of user-space RCU: Desnoyers, McKenney et al., IEEE
// TPDS 23(2), 2012, the QSBR flavour; OVS's ovs-rcu works the same way.)
//
//   worker                                writer (control thread)
//   ------                                ------
//   reader.online()                       replace the pointer       (release)
//   loop:                                 ticket = qsbr.start()     period 7 -> 8
//     use what current() points to        ... qsbr.poll(ticket), or wait(ticket):
//     reader.quiescent()  seen 7 -> 8       every reader has seen >= 8, or is offline
//     nothing to do?                      free the old object
//       reader.offline()  seen = 0
//       sleep
//       reader.online()   seen = period
//
// Each reader has a counter of its own, alone on its line: the period that it has seen, 0 while
// offline. A worker about to block goes offline, so that a sleeping worker holds nobody up; on
// waking it goes online and *then* reads pointers, which are the newest.
//
// Why the memory ordering suffices
//
// (a) Old reads before the free. quiescent() and offline() store with release after the
//     worker's last use of an old object; the writer sees that store with acquire before it
//     frees.
// (b) New reads see the new pointer, for a reader that stayed online. The writer stores the
//     pointer before it increments the period (release); a reader that has loaded the new
//     period (acquire) and thereafter loads the pointer finds the new one. So no fence is
//     needed on the workers' hot path: quiescent() costs two loads, and one store per grace
//     period.
// (c) A reader that comes online. Here each side writes its own word and then reads the
//     other's: the reader its counter, then the pointer; the writer the pointer, then the
//     counter. Release/acquire alone would let both read old values: the writer takes the
//     reader for asleep, the reader follows the pointer that is being freed. Therefore online()
//     is a read-modify-write (exchange), and the writer that finds a 0 confirms it by one of
//     its own (fetch_add of 0). Read-modify-writes of one object stand in one order, each
//     reading the last before it: if the writer's comes first, the reader's acquires it and
//     with it the new pointer; if the reader's comes first, the writer's does not return 0, and
//     it waits. Both are plain acquire/release operations: no stand-alone fence, which
//     ThreadSanitizer could not follow.
//
// Threads: each Reader is used by one thread at a time; start(), poll(), wait() by one writer
// thread at a time. Period and counters have 64 bits and do not wrap.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/base/cpu.h"

namespace starocean::ring {

class Qsbr {
 public:
  static constexpr uint64_t kForever = UINT64_MAX;

  // One per worker. All begin offline.
  class alignas(kNoSharing) Reader {
   public:
    Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Before the first use of a protected pointer, and after sleeping.
    void online() {
      SO_DCHECK(!is_online(), "a reader goes online only when it is offline");
      seen_.exchange(period_->load(std::memory_order_acquire), std::memory_order_acq_rel);
    }
    // "I hold no protected pointer", once a turn; pointers obtained earlier are dead from here on.
    void quiescent() {
      SO_DCHECK(is_online(), "only an online reader declares quiescence");
      const uint64_t period = period_->load(std::memory_order_acquire);
      if (period != seen_.load(std::memory_order_relaxed)) {
        seen_.store(period, std::memory_order_release);
      }
    }
    // "I hold no protected pointer and shall take none until online()": before blocking, and at the
    // end.
    void offline() { seen_.store(0, std::memory_order_release); }
    bool is_online() const { return seen_.load(std::memory_order_relaxed) != 0; }

   private:
    friend class Qsbr;
    std::atomic<uint64_t> seen_{0};
    const std::atomic<uint64_t>* period_ = nullptr;
  };

  explicit Qsbr(size_t readers);
  Qsbr(const Qsbr&) = delete;
  Qsbr& operator=(const Qsbr&) = delete;

  size_t reader_count() const { return count_; }
  Reader& reader(size_t index) {
    SO_CHECK(index < count_, "no such reader");
    return readers_[index];
  }

  // Begins a grace period: call after the old object has been made unreachable. Never blocks. The
  // ticket stands for everything made unreachable before the call, whoever's ticket is polled.
  uint64_t start() { return period_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  // True when the grace period of `ticket` is over; stays true.
  bool poll(uint64_t ticket);
  // Polls, first spinning, then sleeping 50 µs at a time. False when `timeout_ns` passed first;
  // then an online reader has not come round, which only a stuck or stopped worker does for long.
  bool wait(uint64_t ticket, uint64_t timeout_ns = kForever);

 private:
  alignas(kNoSharing) std::atomic<uint64_t> period_{1};
  alignas(kNoSharing) const size_t count_;
  std::unique_ptr<Reader[]> readers_;
  std::vector<uint64_t>
      passed_;  // the writer's: up to which period each reader is known to be through
};

}  // namespace starocean::ring
