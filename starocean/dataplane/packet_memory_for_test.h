// What packets lie in, for tests and benchmarks of one worker without devices: packet memory, its frames in a depot and
// one pool, and the hand-off rings between that worker, a second one and the control thread.
#pragma once

#include <cstdint>
#include <memory>

#include "starocean/base/check.h"
#include "starocean/dataplane/handoff_mesh.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/umem.h"

namespace starocean::dataplane {

struct PacketMemoryForTest {
  std::unique_ptr<xsk::Umem> umem;
  std::unique_ptr<xsk::FrameDepot> depot;
  std::unique_ptr<xsk::FramePool> pool;
  std::unique_ptr<HandoffMesh> mesh;
};

inline PacketMemoryForTest make_packet_memory(uint32_t frames,
                                              xsk::HugePages hugepages = xsk::HugePages::kNone) {
  constexpr uint32_t kWorkers = 2;
  const auto must = [](auto made) {
    SO_CHECK(made.has_value(), "there is memory for some packets");
    return std::move(*made);
  };
  PacketMemoryForTest memory;
  memory.umem = must(xsk::Umem::create({.frames = frames,
                                        .hugepages = hugepages,
                                        .array_bytes = xsk::FrameDepot::array_bytes(frames) +
                                                       xsk::FramePool::array_bytes() +
                                                       HandoffMesh::array_bytes(kWorkers)}));
  memory.depot = must(xsk::FrameDepot::create(*memory.umem));
  memory.pool = must(xsk::FramePool::create(*memory.depot));
  memory.mesh = must(HandoffMesh::create(*memory.umem, kWorkers));
  return memory;
}

}  // namespace starocean::dataplane
