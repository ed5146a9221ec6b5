#include "starocean/bench/send_engine.h"

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "starocean/bench/egress_device.h"
#include "starocean/bench/generator.h"
#include "starocean/bench/xsk_generator.h"
#include "starocean/xsk/netdev_family.h"

namespace starocean::bench {
namespace {

template <class G>
class Engine : public SendEngine {
 public:
  Engine(EngineInfo info, G generator)
      : SendEngine(std::move(info)), generator_(std::move(generator)) {}
  Status start(const Load& load) override { return generator_.start(load); }
  bool running() const override { return generator_.running(); }
  bool wait(uint64_t timeout_ms) override { return generator_.wait(timeout_ms); }
  void stop() override { generator_.stop(); }
  SendReport read() const override { return generator_.read(); }
  Status outcome() const override { return generator_.outcome(); }

 private:
  G generator_;
};

using Made = Result<std::unique_ptr<SendEngine>>;

Made make_live(const EngineOptions& options, std::string reason) {
  auto generator =
      Generator::create({.device = options.device, .traffic = options.traffic, .cpu = options.cpu});
  if (!generator) return fail(generator.error());
  return std::make_unique<Engine<Generator>>(
      EngineInfo{.name = "bpf-live-frames", .reason = std::move(reason)}, std::move(*generator));
}

Made make_xsk(const EngineOptions& options, std::string reason) {
  auto generator = XskGenerator::create({.device = options.device,
                                         .traffic = options.traffic,
                                         .capture = options.capture,
                                         .replay = options.replay,
                                         .cpu = options.cpu,
                                         .queue = options.queue,
                                         .zero_copy = options.zero_copy});
  if (!generator) return fail(generator.error());
  EngineInfo info{.name = "af-xdp",
                  .reason = std::move(reason),
                  .af_xdp = true,
                  .zero_copy = generator->zero_copy(),
                  .multi_buffer = generator->multi_buffer(),
                  .queue = options.queue,
                  .note = generator->note()};
  return std::make_unique<Engine<XskGenerator>>(std::move(info), std::move(*generator));
}

// Why live frames will not do; empty if they will. Where Linux does not tell what a device can (before 6.3),
// they are tried.
std::string why_no_live_frames(const EngineOptions& options) {
  const uint32_t longest = options.traffic.longest_frame_bytes();
  if (longest > kMaxLiveFrameBytes) {
    return fmt::format("frames of {} bytes are longer than live frames can be", longest);
  }
  const auto link = find_egress(options.device, 0);
  if (!link) return {};  // the engine says it
  const auto report = xsk::xdp_report(link->ifindex);
  if (!report || !*report || (*report)->has(xsk::kXdpActTransmit)) return {};
  return "the device takes no redirected frames";
}

}  // namespace

std::string to_text(const EngineInfo& info) {
  if (!info.af_xdp) return "BPF live frames";
  return fmt::format("AF_XDP, {}{}, queue {}", info.zero_copy ? "zero-copy" : "copy mode",
                     info.multi_buffer ? ", multi-buffer" : "", info.queue);
}

Made SendEngine::make(const EngineOptions& options) {
  if (options.engine == EngineChoice::kLive) {
    if (options.capture == nullptr) return make_live(options, "asked for");
    return fail("cannot send a capture by BPF live frames", "their contents are made in the kernel",
                "use the AF_XDP engine", EINVAL);
  }
  if (options.engine == EngineChoice::kXsk) return make_xsk(options, "asked for");
  if (options.capture != nullptr) return make_xsk(options, "it is a capture that is sent");
  std::string reason = why_no_live_frames(options);
  if (!reason.empty()) return make_xsk(options, std::move(reason));
  auto live = make_live(options, "the frames fit, and the device takes redirected ones");
  // A kernel without live frames (before 5.18), or a device without XDP transmission.
  const bool cannot = !live && (live.error().code() == EOPNOTSUPP || live.error().code() == EINVAL);
  return cannot ? make_xsk(options, live.error().message()) : std::move(live);
}

}  // namespace starocean::bench
