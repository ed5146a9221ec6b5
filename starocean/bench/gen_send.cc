#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/rlimits.h"
#include "starocean/bench/egress_device.h"
#include "starocean/bench/gen_command.h"
#include "starocean/bench/session.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using control::grouped;

std::string send_progress(const SendReport& now, const SendReport& before, double step_s) {
  const double pps = static_cast<double>(now.generated - before.generated) / step_s;
  return fmt::format("{} frames, {} pps, {} not taken by the device", grouped(now.generated),
                     grouped(static_cast<uint64_t>(pps)), grouped(now.dropped));
}

// True if it was interrupted.
bool watch_sending(SendEngine& engine, EndSignals& signals, ProgressLine& progress) {
  SendReport before;
  uint64_t shown_ns = monotonic_ns();
  while (engine.running()) {
    if (signals.wait(kGenPollMs)) return true;
    const uint64_t now_ns = monotonic_ns();
    const double step_s = seconds_of(now_ns - shown_ns);
    if (!progress.shown() || now_ns - shown_ns < kProgressMs * kNsPerMs) continue;
    const SendReport now = engine.read();
    progress.show(send_progress(now, before, step_s));
    before = now;
    shown_ns = now_ns;
  }
  return false;
}

Json asked_json(const GenSendOptions& options) {
  const Replay& replay = options.engine.replay;
  Json asked = to_json(options.load);
  asked["rate"] = options.rate;
  if (options.engine.capture == nullptr) return asked;
  asked["loops"] = replay.loops != 0 ? Json(replay.loops) : Json();
  if (replay.recorded) asked.update({{"frames_per_second", nullptr}, {"speed", replay.speed}});
  return asked;
}

void print_json(const GenSendOptions& options, const EngineInfo& engine, const SendReport& report,
                bool interrupted, const GenOutput& output) {
  const Capture* const capture = options.engine.capture.get();
  Json result = to_json(report, options.load);
  // Recorded times have no rate; how late frames were is in max_late_ns.
  if (options.engine.replay.recorded) result["rate_reached"] = nullptr;
  Json json = {{"schema_version", kGenSchemaVersion},
               {"command", "gen send"},
               {"interface", options.engine.device},
               {"engine", engine.name},
               {"engine_reason", engine.reason},
               {"granted", to_json(engine)},
               {"pacing", "open loop"},
               {"traffic", capture == nullptr ? to_json(options.engine.traffic) : Json()},
               {"asked", asked_json(options)},
               {"interrupted", interrupted},
               {"result", result}};
  if (capture != nullptr) {
    json["capture"] = to_json(*capture);
    json["capture"]["file"] = options.capture_path;
  }
  output.print(json);
}

void print_sent(const GenSendOptions& options, const EngineInfo& engine, const SendReport& report,
                bool interrupted, const GenOutput& output) {
  if (output.json) return print_json(options, engine, report, interrupted, output);
  output.out << fmt::format("engine      {}: {}\n", to_text(engine), engine.reason);
  if (options.engine.capture != nullptr) output.out << to_text(*options.engine.capture);
  output.out << to_text(report, options.load);
  if (options.engine.replay.recorded) {
    output.out << fmt::format("asked for   {}; sent at most {} after it was due\n", options.rate,
                              delay_text(static_cast<double>(report.max_late_ns)));
  }
}

Status judge_sent(const GenSendOptions& options, const EngineInfo& engine, const SendReport& report,
                  const Status& outcome, const GenOutput& output) {
  if (!outcome) return outcome;
  if (report.generated != 0 && report.sent == 0) {
    const std::string what = fmt::format("nothing left '{}'", options.engine.device);
    if (engine.af_xdp) {
      return fail(what, "the device dropped every frame",
                  "see the MTU and the state of both ends, and `ip -s link`");
    }
    return fail(what, "the device took none of the redirected frames",
                "the other end of a veth needs an XDP program (`starocean gen receive` has one) or "
                "`ethtool -K DEV gro on`, or use `--engine xsk`");
  }
  if (!report.reached(options.load)) {
    output.note(fmt::format("note: the rate was not reached: {:.0f} pps of {:.0f} asked for",
                            report.generated_per_second(), options.load.frames_per_second));
  }
  return {};
}

// Reads the capture, if there is one, and settles its rate.
Status load_capture(GenSendOptions& options, const GenOutput& output) {
  EngineOptions& engine = options.engine;
  if (options.capture_path.empty()) return {};
  const auto link = find_egress(engine.device, 0);
  if (!link) return fail(link.error());
  const uint32_t longest = std::min(longest_frame_for_mtu(link->mtu), kMaxFrameBytes);
  auto capture = Capture::read(options.capture_path, longest - kFcsBytes);
  if (!capture) return fail(capture.error());
  if (!engine.replay.recorded) {
    const auto pps = frames_per_second(options.capture_rate, capture->mean_bytes() + kFcsBytes,
                                       options.line_rate_bps);
    if (!pps) return fail(pps.error());
    options.load.frames_per_second = *pps;
  }
  const uint64_t left_out = capture->cut_off() + capture->too_long() + capture->too_short();
  if (left_out != 0) {
    output.note(
        fmt::format("note: {} frames of the capture are left out: {} have only their "
                    "beginning there, {} are longer than {} bytes, {} shorter than 14",
                    grouped(left_out), capture->cut_off(), capture->too_long(), longest - kFcsBytes,
                    capture->too_short()));
  }
  if (!capture->ends_early().empty()) {
    output.note(fmt::format("note: the capture ends early, {} frames of it are sent: {}",
                            grouped(capture->frames()), capture->ends_early()));
  }
  engine.capture = std::make_shared<const Capture>(std::move(*capture));
  return {};
}

}  // namespace

Status run_gen_send(const GenSendOptions& asked, const GenOutput& output) {
  GenSendOptions options = asked;
  lift_resource_limits();
  auto signals = EndSignals::watch();
  if (!signals) return fail(signals.error());
  if (Status loaded = load_capture(options, output); !loaded) return loaded;
  auto made = SendEngine::make(options.engine);
  if (!made) return fail(made.error());
  SendEngine& engine = **made;
  output.note(fmt::format("sending on '{}' by {}: {}", options.engine.device,
                          to_text(engine.info()), engine.info().reason));
  if (!engine.info().note.empty()) output.note("note: " + engine.info().note);
  if (Status started = engine.start(options.load); !started) return started;
  bool interrupted = false;
  {
    ProgressLine progress(output.err);
    interrupted = watch_sending(engine, *signals, progress);
  }
  engine.stop();
  const SendReport report = engine.read();
  print_sent(options, engine.info(), report, interrupted, output);
  return judge_sent(options, engine.info(), report, engine.outcome(), output);
}

}  // namespace starocean::bench
