// A BPF program wakes a thread: a BPF ring buffer (Documentation/bpf/ringbuf.rst) into which it puts a word to that end. What
// the word is does not matter. One thread at a time.
#pragma once

#include <memory>

#include "starocean/base/result.h"

struct ring_buffer;  // libbpf's

namespace starocean::xsk {

class WordRing {
 public:
  // Of the program's map, which it does not own and which is mapped from here on.
  static Result<WordRing> map(int map_fd);

  // Readable when there is a word: for poll(2).
  int fd() const;
  // Until there is a word, or the time is over. Takes all there are.
  void wait(int timeout_ms) const;
  // Takes all there are.
  void drain() const;

 private:
  struct Free {
    void operator()(ring_buffer* ring) const;
  };
  explicit WordRing(ring_buffer* ring) : ring_(ring) {}

  std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace starocean::xsk
