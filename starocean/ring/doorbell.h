// How a worker sleeps when its rings are empty, and how whoever fills one wakes it, with no wake-up
// lost and no system call while it is awake.
//
//   sleeper (one thread)                       ringer (any thread)
//   --------------------                       -------------------
//   announce_sleep()                           push to one of the sleeper's rings
//   look at all rings once more                ring()
//   something there? cancel_sleep()
//   else block in epoll_wait/poll on fd()
//   drain()
//
// The danger is that the sleeper finds the rings empty, the ringer then pushes and finds the
// sleeper not yet asleep, and the sleeper goes to sleep over a full ring. Each side writes one word
// and then reads the other's (sleeper: state, ring; ringer: ring, state), so both put a full
// barrier in between: announce_sleep() stores and fences, ring() fences before it looks at the
// state. In the one order that fences have, either the sleeper's comes first, and the ringer sees
// "asleep" and rings; or the ringer's does, and the sleeper sees the element and does not sleep.
// (C++ [atomics.order]; the same protocol is Dekker's.)
//
// Of several ringers exactly one rings: it moves the state from asleep to rung by compare-and-swap
// and alone makes the write to the eventfd (eventfd(2)). A sleeper that cancels, or wakes for
// another reason (a packet on a socket in the same epoll set), may leave such a write on its way;
// then some later sleep ends at once, finds nothing, and drain() takes the token. That is the only
// spurious wake-up there is, and it never takes the place of a real one, because after every
// wake-up the rings are looked at.
//
// Cost while the sleeper is awake: ring() is one fence and one load of a line that changes only
// when the sleeper goes to sleep. Call it once per batch pushed, not per element.
//
// ThreadSanitizer does not model stand-alone fences; in its builds a read-modify-write of the state
// takes their place, which orders as much.
//
// Needs Linux for the eventfd, and no privileges. fd() is level-triggered: it stays readable until
// drain().
#pragma once

#include <atomic>
#include <cstdint>

#include "starocean/base/cpu.h"
#include "starocean/base/result.h"

namespace starocean::ring {

class Doorbell {
 public:
  // Fails when the process has no file descriptor left.
  static Result<Doorbell> create();

  // Moving is for set-up, before any other thread knows the doorbell.
  Doorbell(Doorbell&& other) noexcept;
  Doorbell& operator=(Doorbell&&) = delete;
  ~Doorbell();

  // Ringer, after publishing. True when it made a system call.
  bool ring() {
    full_barrier();
    if (state_.load(std::memory_order_relaxed) != kAsleep) [[likely]]
      return false;
    return wake();
  }

  // Sleeper. From here to cancel_sleep() or drain(), ringers make system calls.
  void announce_sleep() {
    if (state_.exchange(kAsleep, std::memory_order_seq_cst) == kRung) ++tokens_due_;
    full_barrier();
  }
  // Sleeper, having found something to do after all. No system call.
  void cancel_sleep() { wake_up(); }
  // Sleeper, after every return from blocking, whatever the cause. True when it made a system call:
  // only if a token lies in the eventfd or is on its way there.
  bool drain();

  // For epoll or poll, readable (EPOLLIN). Owned by the doorbell.
  int fd() const { return fd_; }

 private:
  enum State : uint32_t { kAwake, kAsleep, kRung };

  explicit Doorbell(int fd) : fd_(fd) {}
  bool wake();
  void wake_up() {
    if (state_.exchange(kAwake, std::memory_order_acq_rel) == kRung) ++tokens_due_;
  }
  void full_barrier() {
#if defined(__SANITIZE_THREAD__)
    state_.fetch_add(0, std::memory_order_seq_cst);
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  }

  alignas(kNoSharing) std::atomic<uint32_t> state_{kAwake};
  int fd_;
  alignas(kNoSharing) uint64_t tokens_due_ =
      0;  // the sleeper's: writes it knows of and has not read
};

}  // namespace starocean::ring
