// One face for both engines that send: BPF live frames (generator.h) and AF_XDP (xsk_generator.h). Control path
// only. Threads as those classes have it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "starocean/base/result.h"
#include "starocean/bench/capture.h"
#include "starocean/bench/frame_sources.h"
#include "starocean/bench/send_report.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/xsk/socket.h"

namespace starocean::bench {

// kAuto: live frames where the frames fit and the device takes redirected ones, else AF_XDP.
enum class EngineChoice : uint8_t { kAuto, kLive, kXsk };

// What was taken, and what the kernel has granted.
struct EngineInfo {
  std::string name;  // "bpf-live-frames" or "af-xdp"
  std::string
      reason;  // why this one: "asked for", "frames of 9018 bytes are longer than live frames can be"
  bool af_xdp = false;
  bool zero_copy = false;  // else copy mode; these three of AF_XDP only
  bool multi_buffer = false;
  uint32_t queue = 0;
  std::string note = {};  // a sentence about what was not granted, or empty
};
// "AF_XDP, copy mode, multi-buffer, queue 0".
std::string to_text(const EngineInfo& info);

struct EngineOptions {
  std::string device;
  TrafficSpec traffic = {};
  std::shared_ptr<const Capture> capture = nullptr;  // instead of the traffic; by AF_XDP only
  Replay replay = {};
  int cpu = -1;
  EngineChoice engine = EngineChoice::kAuto;
  uint32_t queue = 0;  // this and the next for AF_XDP
  xsk::ZeroCopy zero_copy = xsk::ZeroCopy::kAuto;
};

class SendEngine {
 public:
  // Errors are those of Generator::create() and XskGenerator::create().
  static Result<std::unique_ptr<SendEngine>> make(const EngineOptions& options);

  virtual ~SendEngine() = default;
  virtual Status start(const Load& load) = 0;
  virtual bool running() const = 0;
  virtual bool wait(uint64_t timeout_ms) = 0;
  virtual void stop() = 0;
  virtual SendReport read() const = 0;
  virtual Status outcome() const = 0;
  const EngineInfo& info() const { return info_; }

 protected:
  explicit SendEngine(EngineInfo info) : info_(std::move(info)) {}

 private:
  EngineInfo info_;
};

}  // namespace starocean::bench
