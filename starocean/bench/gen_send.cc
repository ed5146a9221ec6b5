#include <memory>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/rlimits.h"
#include "starocean/bench/gen_command.h"
#include "starocean/bench/gen_report.h"
#include "starocean/bench/session.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using control::grouped;

constexpr int kSchemaVersion = 1;
constexpr int kIndent = 2;
constexpr int kPollMs = 20;

void note(const GenOutput& output, const std::string& text) {
  output.err << "starocean: " << text << std::endl;
}

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
    if (signals.wait(kPollMs)) return true;
    const uint64_t now_ns = monotonic_ns();
    const double step_s =
        static_cast<double>(now_ns - shown_ns) / static_cast<double>(kNsPerSecond);
    if (!progress.shown() || now_ns - shown_ns < kProgressMs * kNsPerMs) continue;
    const SendReport now = engine.read();
    progress.show(send_progress(now, before, step_s));
    before = now;
    shown_ns = now_ns;
  }
  return false;
}

void print_sent(const GenSendOptions& options, const EngineInfo& engine, const SendReport& report,
                bool interrupted, const GenOutput& output) {
  if (!output.json) {
    output.out << fmt::format("engine      {}: {}\n", to_text(engine), engine.reason)
               << to_text(report, options.load);
    return;
  }
  Json asked = to_json(options.load);
  asked["rate"] = options.rate;
  const Json json = {{"schema_version", kSchemaVersion},
                     {"command", "gen send"},
                     {"interface", options.engine.device},
                     {"engine", engine.name},
                     {"engine_reason", engine.reason},
                     {"granted", to_json(engine)},
                     {"pacing", "open loop"},
                     {"traffic", to_json(options.engine.traffic)},
                     {"asked", asked},
                     {"interrupted", interrupted},
                     {"result", to_json(report, options.load)}};
  output.out << json.dump(kIndent) << '\n';
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
    note(output, fmt::format("note: the rate was not reached: {:.0f} pps of {:.0f} asked for",
                             report.generated_per_second(), options.load.frames_per_second));
  }
  return {};
}

}  // namespace

Status run_gen_send(const GenSendOptions& options, const GenOutput& output) {
  lift_resource_limits();
  auto signals = EndSignals::watch();
  if (!signals) return fail(signals.error());
  auto made = SendEngine::make(options.engine);
  if (!made) return fail(made.error());
  SendEngine& engine = **made;
  note(output, fmt::format("sending on '{}' by {}: {}", options.engine.device,
                           to_text(engine.info()), engine.info().reason));
  if (!engine.info().note.empty()) note(output, "note: " + engine.info().note);
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
