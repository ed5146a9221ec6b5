// What a frame costs on its way out of the pool and back. Per frame: items_per_second.

#include <vector>

#include <benchmark/benchmark.h>

#include "starocean/xsk/frame_pool.h"

namespace starocean::xsk {
namespace {

struct Memory {
  std::unique_ptr<Umem> umem = *Umem::create({.frames = 32768, .hugepages = HugePages::kNone});
  std::unique_ptr<FrameDepot> depot = *FrameDepot::create(*umem);
  std::unique_ptr<FramePool> pool = *FramePool::create(*depot);
};

// A batch taken and given back, as a worker does each turn: never leaves the pool's own stack.
void batch_within_the_pool(benchmark::State& state) {
  Memory memory;
  const auto batch = static_cast<size_t>(state.range(0));
  std::vector<Frame> frames(batch);
  for (auto _ : state) {
    for (Frame& frame : frames) frame = memory.pool->take();
    benchmark::DoNotOptimize(frames.data());
    for (Frame& frame : frames) memory.pool->put(std::move(frame));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(batch_within_the_pool)->Arg(1)->Arg(64);

// So many that slabs go to the depot and come back: 64 frames per shared operation.
void through_the_depot(benchmark::State& state) {
  Memory memory;
  std::vector<Frame> frames(4096);
  for (auto _ : state) {
    for (Frame& frame : frames) frame = memory.pool->take();
    for (Frame& frame : frames) memory.pool->put(std::move(frame));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(frames.size()));
}
BENCHMARK(through_the_depot);

}  // namespace
}  // namespace starocean::xsk
