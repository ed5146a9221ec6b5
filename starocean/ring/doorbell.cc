#include "starocean/ring/doorbell.h"

#include <cerrno>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "starocean/base/check.h"

namespace starocean::ring {

Result<Doorbell> Doorbell::create() {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    return fail_system("cannot create an eventfd for waking a worker", errno,
                       "raise the limit on open files (ulimit -n)");
  }
  return Doorbell(fd);
}

Doorbell::Doorbell(Doorbell&& other) noexcept
    : state_(other.state_.load(std::memory_order_relaxed)),
      fd_(std::exchange(other.fd_, -1)),
      tokens_due_(std::exchange(other.tokens_due_, 0)) {}

Doorbell::~Doorbell() {
  if (fd_ >= 0) close(fd_);
}

bool Doorbell::wake() {
  uint32_t expected = kAsleep;
  if (!state_.compare_exchange_strong(expected, kRung, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
    return false;
  }
  const uint64_t one = 1;
  // Fails only if 2^64 - 2 tokens lie unread, or the descriptor was closed under us.
  SO_CHECK(write(fd_, &one, sizeof(one)) == sizeof(one), "an eventfd takes a token");
  return true;
}

bool Doorbell::drain() {
  wake_up();
  if (tokens_due_ == 0) return false;
  uint64_t tokens = 0;
  if (read(fd_, &tokens, sizeof(tokens)) == sizeof(tokens)) {
    SO_CHECK(tokens <= tokens_due_, "every token in the eventfd is one that was announced");
    tokens_due_ -= tokens;
  }
  return true;
}

}  // namespace starocean::ring
