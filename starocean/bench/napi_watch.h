// Where the receive processing of devices really runs: counted by the kernel's own tracepoint (bpf/napi_watch.bpf.c),
// whether a softirq, a thread or a busy-polling process does it. It costs some 50 ns per poll of up to 64 frames.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/testbed/netns.h"

namespace starocean::bench {

struct NapiCount {
  uint64_t polls = 0;
  uint64_t frames = 0;
};

// Control thread. Counts as long as it lives. Privileges: CAP_BPF, CAP_PERFMON; a kernel with BTF.
class NapiWatch {
 public:
  // At most NAPI_WATCH_DEVICES (4) ends.
  static Result<NapiWatch> create(const std::vector<testbed::WireEnd>& ends);
  NapiWatch(NapiWatch&&) noexcept;
  NapiWatch& operator=(NapiWatch&&) noexcept;
  ~NapiWatch();

  // By CPU; `end` as in create().
  std::vector<NapiCount> read(size_t end) const;

 private:
  struct State;
  explicit NapiWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
