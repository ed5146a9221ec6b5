#include "starocean/control/engine_options.h"

#include "starocean/dataplane/fill_depth.h"

namespace starocean::control {

static_assert(kFillFramesInAnyCase == dataplane::FillDepth::kCalmFrames);
static_assert(kFramesInHandPerWorker == dataplane::FillDepth::kInHandFrames);

dataplane::EngineOptions engine_options(const Config& config) {
  dataplane::EngineOptions options;
  options.memory.frames = config.memory.frames;
  options.memory.frame_size_bytes = config.memory.frame_size;
  options.memory.headroom_bytes = config.memory.headroom;
  switch (config.memory.hugepages) {
    case HugePages::kAuto:
      options.memory.hugepages = xsk::HugePages::kAuto;
      break;
    case HugePages::k1G:
      options.memory.hugepages = xsk::HugePages::k1G;
      break;
    case HugePages::k2M:
      options.memory.hugepages = xsk::HugePages::k2M;
      break;
    case HugePages::kNone:
      options.memory.hugepages = xsk::HugePages::kNone;
      break;
  }
  options.block_on_exit = config.on_exit == OnExit::kBlock;
  options.cpus = config.workers.cpus;
  options.poll = config.workers.poll == Poll::kBusy        ? dataplane::PollMode::kBusy
                 : config.workers.poll == Poll::kInterrupt ? dataplane::PollMode::kInterrupt
                                                           : dataplane::PollMode::kAdaptive;
  return options;
}

}  // namespace starocean::control
