#include "starocean/bench/gen_command.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/rlimits.h"
#include "starocean/bench/session.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using control::grouped;

bool all_here(const GenReceiveOptions& options, const ReceiveReport& report) {
  return options.count != 0 && report.distinct() + report.unattributed >= options.count;
}

std::string receive_progress(const ReceiveReport& now, uint64_t before, double step_s) {
  const double pps = static_cast<double>(now.received - before) / step_s;
  return fmt::format("{} frames, {} pps, {} lost, {} duplicates, {} reordered, {} corrupted",
                     grouped(now.received), grouped(static_cast<uint64_t>(pps)),
                     grouped(now.lost()), grouped(now.duplicates), grouped(now.reordered),
                     grouped(now.corrupted));
}

struct ReceiveEnd {
  ReceiveReport report;
  bool interrupted = false;
  Status status;
};

ReceiveEnd watch_receiving(const GenReceiveOptions& options, Receiver& receiver,
                           EndSignals& signals, ProgressLine& progress) {
  const uint64_t start_ns = monotonic_ns();
  uint64_t shown_ns = start_ns;
  uint64_t before = 0;
  ReceiveEnd end;
  for (;;) {
    end.interrupted = signals.wait(kGenPollMs);
    end.report = receiver.read();
    const uint64_t now_ns = monotonic_ns();
    const uint64_t last_ns = end.report.last_ns;
    const bool idle = options.idle_ns != 0 && last_ns != 0 && now_ns > last_ns + options.idle_ns;
    const bool over = options.duration_ns != 0 && now_ns - start_ns >= options.duration_ns;
    if (end.interrupted || idle || over || all_here(options, end.report)) return end;
    if (!receiver.attached()) {
      end.status = fail(fmt::format("interface '{}' is gone", options.receiver.device),
                        "its device was deleted", "start again when it is back");
      return end;
    }
    if (!progress.shown() || now_ns - shown_ns < kProgressMs * kNsPerMs) continue;
    const double step_s = seconds_of(now_ns - shown_ns);
    progress.show(receive_progress(end.report, before, step_s));
    before = end.report.received;
    shown_ns = now_ns;
  }
}

void print_received(const GenReceiveOptions& options, const Receiver& receiver,
                    const ReceiveEnd& end, const GenOutput& output) {
  const std::vector<FlowReport> flows = receiver.flows();
  const bool list = flows.size() <= options.flow_rows;
  if (!output.json) {
    output.out << to_text(end.report, options.count);
    if (list && flows.size() > 1) output.out << '\n' << to_text(flows);
    return;
  }
  Json json = {{"schema_version", kGenSchemaVersion},
               {"command", "gen receive"},
               {"interface", options.receiver.device},
               {"attach", xsk::to_string(receiver.mode())},
               {"flows", options.receiver.flows},
               {"stream", options.receiver.stream},
               {"window", receiver.window()},
               {"interrupted", end.interrupted},
               {"result", to_json(end.report, options.count)},
               {"flows_seen", flows.size()}};
  if (list) {
    json["per_flow"] = Json::array();
    for (const FlowReport& flow : flows) json["per_flow"].push_back(to_json(flow));
  }
  output.print(json);
}

}  // namespace

Status run_gen_receive(const GenReceiveOptions& options, const GenOutput& output) {
  lift_resource_limits();
  auto signals = EndSignals::watch();
  if (!signals) return fail(signals.error());
  auto receiver = Receiver::create(options.receiver);
  if (!receiver) return fail(receiver.error());
  output.note(fmt::format("receiving on '{}', {} XDP, {} flow(s), stream {}",
                          options.receiver.device, xsk::to_string(receiver->mode()),
                          options.receiver.flows, options.receiver.stream));
  ReceiveEnd end;
  {
    ProgressLine progress(output.err);
    end = watch_receiving(options, *receiver, *signals, progress);
  }
  receiver->stop();
  // What came in between reading and detaching is in no lost frame's place.
  end.report = receiver->read();
  print_received(options, *receiver, end, output);
  return end.status;
}

}  // namespace starocean::bench
