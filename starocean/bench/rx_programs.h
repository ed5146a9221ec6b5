// The BPF programs of the receive-path ladder (bpf/rx_path.bpf.c): an instance of its own for each holder, with
// counts of its own. Attached to a device of the calling thread's network namespace; the XDP program hangs on a
// bpf_link and ends with this object, the classifier with the device. Control thread.
#pragma once

#include <cstdint>
#include <memory>

#include "starocean/base/result.h"

namespace starocean::bench {

class RxPrograms {
 public:
  static Result<RxPrograms> load();
  RxPrograms(RxPrograms&&) noexcept;
  RxPrograms& operator=(RxPrograms&&) noexcept;
  ~RxPrograms();

  Status attach_xdp(uint32_t ifindex, bool native);
  // At clsact ingress, which is made.
  Status attach_tc(uint32_t ifindex);

  // Over all CPUs.
  uint64_t dropped() const;
  uint64_t passed() const;

 private:
  struct State;
  explicit RxPrograms(std::unique_ptr<State> state);
  uint64_t count(uint32_t key) const;
  std::unique_ptr<State> state_;
};

}  // namespace starocean::bench
