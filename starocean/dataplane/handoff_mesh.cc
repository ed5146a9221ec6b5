#include "starocean/dataplane/handoff_mesh.h"

namespace starocean::dataplane {

Result<std::unique_ptr<HandoffMesh>> HandoffMesh::create(xsk::Umem& umem, uint32_t workers) {
  std::unique_ptr<HandoffMesh> mesh(new HandoffMesh(workers));
  for (uint32_t i = 0; i < workers * (workers + 1); ++i) {
    auto slots = umem.allocate<HandoffItem>(kRingItems);
    if (!slots) return fail(slots.error());
    mesh->rings_.push_back(std::make_unique<HandoffRing>(*slots));
  }
  for (uint32_t i = 0; i <= workers; ++i) {
    auto doorbell = ring::Doorbell::create();
    if (!doorbell) return fail(doorbell.error());
    mesh->doorbells_.push_back(std::make_unique<ring::Doorbell>(std::move(*doorbell)));
  }
  return mesh;
}

uint32_t HandoffMesh::frames_to(WorkerId worker) const {
  size_t frames = rings_[workers_ * workers_ + worker.index()]->size();
  for (uint32_t from = 0; from < workers_; ++from) {
    if (from != worker.index()) frames += rings_[from * workers_ + worker.index()]->size();
  }
  return static_cast<uint32_t>(frames);
}

uint32_t HandoffMesh::frames_to_control() const {
  size_t frames = 0;
  for (uint32_t from = 0; from < workers_; ++from) frames += rings_[from * (workers_ + 1)]->size();
  return static_cast<uint32_t>(frames);
}

}  // namespace starocean::dataplane
