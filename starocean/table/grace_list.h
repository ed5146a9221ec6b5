// What no reader can reach any more, until a grace period has passed and it may be used again.
//
// retire() is for what has been, or before the next collect() will be, made unreachable. Grace periods
// are begun by collect() only, one for all that came since the last: an update of a million routes costs
// readers as many grace periods as there are calls of collect(). One thread, the Qsbr's writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "starocean/ring/qsbr.h"

namespace starocean::table {

template <class T>
class GraceList {
 public:
  void retire(T item) { retired_.push_back(std::move(item)); }

  // Calls release(T&&) for what has been retired long enough. Never blocks.
  template <class Release>
  void collect(ring::Qsbr& qsbr, Release&& release) {
    release_waiting(qsbr, release);
    if (!waiting_.empty() || retired_.empty()) return;
    waiting_.swap(retired_);
    ticket_ = qsbr.start();
    release_waiting(qsbr, release);  // at once when no reader is online
  }
  size_t size() const { return retired_.size() + waiting_.size(); }

 private:
  template <class Release>
  void release_waiting(ring::Qsbr& qsbr, Release& release) {
    if (waiting_.empty() || !qsbr.poll(ticket_)) return;
    for (T& item : waiting_) release(std::move(item));
    waiting_.clear();
  }

  std::vector<T> retired_;
  std::vector<T> waiting_;  // for the grace period of ticket_
  uint64_t ticket_ = 0;
};

}  // namespace starocean::table
