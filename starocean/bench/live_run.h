// Internal to Generator: the two threads of a run. One stays in the kernel, in BPF_PROG_RUN with live frames;
// the other sleeps until the program says that the last frame is made, or stop() is called, and then
// gets the first out of the kernel by a signal, which is the only way before its 2^32 rounds are up.
#pragma once

#include <cstdint>
#include <memory>

#include "starocean/base/result.h"

struct generate_control;

namespace starocean::bench {

class LiveRun {
 public:
  struct Options {
    int program_fd = -1;    // not owned; outlives this
    int ended_map_fd = -1;  // ring buffer into which the program puts a word at its end
    uint32_t frame_bytes = 0;
    int cpu = -1;
  };
  // Remembers the calling thread's network namespace.
  static Result<LiveRun> create(const Options& options);
  LiveRun(LiveRun&&) noexcept;
  LiveRun& operator=(LiveRun&&) noexcept;
  ~LiveRun();

  // After stop(), or the first time. `control` outlives the run.
  Status start(uint32_t batch, volatile generate_control& control);
  bool running() const;
  bool wait(uint64_t timeout_ms);
  void stop();
  Status outcome() const;
  uint64_t pauses() const;

 private:
  struct State;
  explicit LiveRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
