// Publication of immutable state from one control thread to the workers.
//
// Everything that workers consult and that the control path changes is compiled into an immutable
// T. Publishing a new one is one release store; reading the current one is one acquire load; a T is
// never changed after it has been published, so that no reader sees half of an update. The old T is
// freed after a grace period of the Qsbr (see qsbr.h, which also proves the ordering).
//
//   worker, each turn:                         control thread:
//     const T* now = publisher.current();        auto next = std::make_unique<const T>(...);
//     ... use *now for the whole turn ...        publisher.publish_and_wait(std::move(next));
//     reader.quiescent();                        // live on every worker, the old one freed
//
// Worker rules: be online; call current() once a turn and use that pointer throughout it; forget it
// at quiescent() or offline(). After online() call current() anew: a worker that slept through ten
// publications finds the tenth.
//
// What "adopted" means. When publish_and_wait() returns, every reader that was online has passed a
// quiescent point after the store, so that its next current() is the new T or a newer one; every
// reader that was asleep will find it upon waking, without having been woken for it. No reader uses
// the old T.
//
// Threads: current() any online reader; all else the one writer thread of the Qsbr. Several
// publishers may share one Qsbr. Destroy a publisher only when no reader uses it any more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "starocean/base/cpu.h"
#include "starocean/ring/qsbr.h"

namespace starocean::ring {

template <class T>
class SnapshotPublisher {
 public:
  // `initial` may be null; current() then returns null until the first publication.
  explicit SnapshotPublisher(Qsbr& qsbr, std::unique_ptr<const T> initial = nullptr)
      : current_(initial.release()), qsbr_(qsbr) {}
  ~SnapshotPublisher() { delete current_.load(std::memory_order_acquire); }
  SnapshotPublisher(const SnapshotPublisher&) = delete;
  SnapshotPublisher& operator=(const SnapshotPublisher&) = delete;

  const T* current() const { return current_.load(std::memory_order_acquire); }

  // Makes `next` current and returns at once; the ticket is Qsbr's. The old T is kept until a later
  // call of collect(), publish() or publish_and_wait() finds that nobody can use it.
  uint64_t publish(std::unique_ptr<const T> next) {
    std::unique_ptr<const T> old(current_.load(std::memory_order_relaxed));
    current_.store(next.release(), std::memory_order_release);
    const uint64_t ticket = qsbr_.start();
    retired_.emplace_back(ticket, std::move(old));
    collect();
    return ticket;
  }

  // Makes `next` current, waits until it is adopted, frees what it replaced. False when an online
  // reader did not come round within `timeout_ns`; `next` is current nevertheless, and what it
  // replaced waits for a later collect().
  bool publish_and_wait(std::unique_ptr<const T> next, uint64_t timeout_ns = Qsbr::kForever) {
    const bool adopted = qsbr_.wait(publish(std::move(next)), timeout_ns);
    collect();
    return adopted;
  }

  // Frees what may be freed; returns how many replaced snapshots still wait.
  size_t collect() {
    while (!retired_.empty() && qsbr_.poll(retired_.front().first)) retired_.pop_front();
    return retired_.size();
  }

 private:
  alignas(kNoSharing) std::atomic<const T*> current_;
  alignas(kNoSharing) Qsbr& qsbr_;
  std::deque<std::pair<uint64_t, std::unique_ptr<const T>>> retired_;  // oldest first
};

}  // namespace starocean::ring
