// The rings between threads: one from every worker to every other, one from every worker to the control
// thread (packets for Linux), and one from the control thread to every worker (packets that Linux sends on
// our TAP devices). Each has a single producer and a single consumer, so that a slow
// worker holds up nobody else and the order per sender is kept. Slots lie in the UMEM's mapping.
//
// Every consumer has a doorbell; a producer rings it once per turn, after all pushes (ring/doorbell.h).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/base/result.h"
#include "starocean/dataplane/handoff.h"
#include "starocean/ring/doorbell.h"
#include "starocean/ring/spsc.h"
#include "starocean/xsk/umem.h"

namespace starocean::dataplane {

using HandoffRing = ring::SpscRing<HandoffItem>;

class HandoffMesh {
 public:
  static constexpr uint32_t kRingItems = 1024;

  static Result<std::unique_ptr<HandoffMesh>> create(xsk::Umem& umem, uint32_t workers);
  static size_t array_bytes(uint32_t workers) {
    return size_t{workers} * (workers + 1) * xsk::Umem::rounded(kRingItems * sizeof(HandoffItem));
  }

  uint32_t workers() const { return workers_; }
  // From a worker to another. `from != to`.
  HandoffRing& between(WorkerId from, WorkerId to) {
    return *rings_[from.index() * workers_ + to.index()];
  }
  // From a worker to the control thread: the diagonal of the mesh, which has no other use.
  HandoffRing& to_control(WorkerId from) { return *rings_[from.index() * (workers_ + 1)]; }
  HandoffRing& from_control(WorkerId to) { return *rings_[workers_ * workers_ + to.index()]; }
  ring::Doorbell& doorbell(WorkerId worker) { return *doorbells_[worker.index()]; }
  ring::Doorbell& control_doorbell() { return *doorbells_[workers_]; }

  // Any thread: frames on their way to `worker`, and to the control thread.
  uint32_t frames_to(WorkerId worker) const;
  uint32_t frames_to_control() const;

 private:
  explicit HandoffMesh(uint32_t workers) : workers_(workers) {}

  uint32_t workers_;
  std::vector<std::unique_ptr<HandoffRing>> rings_;
  std::vector<std::unique_ptr<ring::Doorbell>> doorbells_;
};

}  // namespace starocean::dataplane
