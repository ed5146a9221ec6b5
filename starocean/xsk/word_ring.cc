#include "starocean/xsk/word_ring.h"

#include <bpf/libbpf.h>

#include <cerrno>

namespace starocean::xsk {
namespace {

int take_word(void*, void*, size_t) {
  return 0;
}

}  // namespace

void WordRing::Free::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

Result<WordRing> WordRing::map(int map_fd) {
  ring_buffer* const ring = ring_buffer__new(map_fd, take_word, nullptr, nullptr);
  if (ring == nullptr) return fail_system("cannot map a BPF ring buffer", errno);
  return WordRing(ring);
}

int WordRing::fd() const {
  return ring_buffer__epoll_fd(ring_.get());
}

void WordRing::wait(int timeout_ms) const {
  ring_buffer__poll(ring_.get(), timeout_ms);
}

void WordRing::drain() const {
  ring_buffer__consume(ring_.get());
}

}  // namespace starocean::xsk
