#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/forward_delay.h"
#include "starocean/bench/forward_report.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using Cells = std::vector<std::string>;

constexpr double kMillion = 1e6;
constexpr double kUs = 1e3;
constexpr const char* kNothing = "–";

std::string mpps(const Spread& spread) {
  if (spread.count == 0) return kNothing;
  return fmt::format("{:.3f} ({:.3f}–{:.3f})", spread.median / kMillion, spread.least / kMillion,
                     spread.most / kMillion);
}

std::string microseconds(const Spread& p50, const Spread& p99) {
  if (p50.count == 0) return kNothing;
  return fmt::format("{:.0f} / {:.0f}", p50.median / kUs, p99.median / kUs);
}

std::string calls(const Spread& spread) {
  if (spread.count == 0) return "n/a";
  if (spread.median >= 1) return fmt::format("{:.1f}", spread.median);
  return spread.median > 0 ? fmt::format("1/{:.0f}", 1 / spread.median) : "0";
}

std::string cpu(const Spread& spread) {
  return spread.count == 0 ? kNothing : fmt::format("{:.2f}", spread.median);
}

const Cells kTitles = {"device",
                       "flooded Mpps",
                       "PDR Mpps",
                       "NDR Mpps",
                       "PDR : best peer",
                       "flooded : best peer",
                       "delay µs ½PDR",
                       "delay µs ½ peer's PDR",
                       "its p99 : best peer",
                       "delay µs 200k",
                       "CPU s/M",
                       "syscalls"};

bool is_first(const ForwardResults& results, const ScenarioResult& scenario) {
  return &scenario == &results.scenarios.front();
}

Cells titles_of(const ForwardResults& results, const ScenarioResult& scenario) {
  Cells titles = kTitles;
  if (is_first(results, scenario)) return titles;
  const std::string& first = results.scenarios.front().scenario.label;
  titles.push_back(fmt::format("PDR : {}", first));
  titles.push_back(fmt::format("flooded : {}", first));
  return titles;
}

Cells cells_of(const Summary& summary, bool first) {
  Cells cells = {summary.dut,
                 mpps(summary.flood),
                 mpps(summary.pdr),
                 mpps(summary.ndr),
                 ratio_text(summary.pdr_to_peer),
                 ratio_text(summary.flood_to_peer),
                 microseconds(summary.delay_half_p50_ns, summary.delay_half_p99_ns),
                 microseconds(summary.delay_peer_half_p50_ns, summary.delay_peer_half_p99_ns),
                 ratio_text(summary.delay_peer_half_p99_to_peer),
                 microseconds(summary.delay_common_p50_ns, summary.delay_common_p99_ns),
                 cpu(summary.cpu_s_per_million),
                 calls(summary.system_calls_per_packet)};
  if (first) return cells;
  cells.push_back(ratio_text(summary.pdr_to_first));
  cells.push_back(ratio_text(summary.flood_to_first));
  return cells;
}

std::string counted(uint64_t count, const char* what) {
  return fmt::format("{} {}{}", control::grouped(count), what, count == 1 ? "" : "s");
}

std::string heading(const ScenarioResult& result) {
  const std::string addresses =
      result.macs == 0 ? counted(result.destinations, "destination")
                       : control::grouped(2 * uint64_t{result.macs}) + " MAC addresses in all";
  return fmt::format("{}: frames of {:.0f} bytes, {}, {}, {}", result.scenario.label,
                     result.mean_frame_bytes, counted(result.scenario.flows, "flow"), addresses,
                     counted(result.scenario.pairs, "repetition"));
}

// Of the generator; one, unless the machine changed under way.
std::string engines(const ScenarioResult& result) {
  std::set<std::string> found;
  for (const Turn& turn : result.turns) {
    if (!turn.engine.empty()) {
      found.insert(fmt::format(" Sent by {}: {}.", turn.engine_text, turn.engine_reason));
    }
  }
  return fmt::format("{}", fmt::join(found, ""));
}

std::string verified(const ScenarioResult& result) {
  uint64_t frames = 0, corrupted = 0, duplicates = 0, reordered = 0;
  for (const Summary& summary : result.summaries) {
    frames += summary.frames_verified;
    corrupted += summary.corrupted;
    duplicates += summary.duplicates;
    reordered += summary.reordered;
  }
  return fmt::format("{} frames checked: {} corrupted, {} duplicated, {} out of order.{}",
                     control::grouped(frames), control::grouped(corrupted),
                     control::grouped(duplicates), control::grouped(reordered), engines(result));
}

std::string delay_section(const ForwardResults& results, const ScenarioResult& scenario) {
  return fmt::format("{}\n\n{}{}\n\n", heading(scenario), delay_markdown(scenario, results.duts),
                     verified(scenario));
}

// What is wrong with single devices: those that could not be measured first.
Cells remarks(const ForwardResults& results) {
  Cells lines = results.notes;
  for (const DutInfo& dut : results.duts) {
    if (!dut.unavailable.empty())
      lines.push_back(fmt::format("{}: not available: {}", dut.name, dut.unavailable));
  }
  for (const ScenarioResult& scenario : results.scenarios) {
    for (const Turn& turn : scenario.turns) {
      const auto place =
          fmt::format("{} in {}, repetition {}", turn.dut, scenario.scenario.label, turn.pair);
      if (turn.soak) lines.push_back(fmt::format("{}: {}", place, soak_text(*turn.soak)));
      if (!turn.failure.empty()) lines.push_back(fmt::format("{}: {}", place, turn.failure));
    }
    for (const Summary& summary : scenario.summaries) {
      if (summary.corrupted + summary.duplicates == 0) continue;
      lines.push_back(fmt::format("{} in {}: {} frames corrupted, {} duplicated", summary.dut,
                                  scenario.scenario.label, summary.corrupted, summary.duplicates));
    }
  }
  return lines;
}

// Of frames, above which a placement counts as lost.
constexpr double kStrayShare = 0.01;

void append_places(const ScenarioResult& scenario, Cells& lines) {
  for (const Turn& turn : scenario.turns) {
    for (const auto& [share, what] :
         {std::pair{turn.least_share_in, "the device's receive processing"},
          std::pair{turn.least_share_end, "the checker"}}) {
      if (share >= 1 - kStrayShare) continue;
      lines.push_back(fmt::format(
          "{} in {}, repetition {}: in one trial {} ran elsewhere for {:.0f} % of the frames",
          turn.dut, scenario.scenario.label, turn.pair, what, 100 * (1 - share)));
    }
  }
}

// In which state the generator's and the forwarder's CPU were, and how many turns were made again because it changed.
void append_distances(const ScenarioResult& scenario, Cells& lines) {
  struct Seen {
    std::string repetitions;
    double least_ns = std::numeric_limits<double>::max(), most_ns = 0;
  };
  std::map<CpuDistance, Seen> seen;
  std::string moved;
  uint32_t repeats = 0;
  for (const Turn& turn : scenario.turns) {
    repeats += turn.repeats;
    if (!turn.distance) continue;
    if (turn.distance->moved) {
      moved += fmt::format("{}{} in repetition {}", moved.empty() ? "" : ", ", turn.dut, turn.pair);
      continue;
    }
    Seen& state = seen[turn.distance->distance];
    const std::string number = fmt::to_string(turn.pair);
    if (!state.repetitions.ends_with(number)) {
      state.repetitions += (state.repetitions.empty() ? "" : ", ") + number;
    }
    state.least_ns = std::min(state.least_ns, turn.distance->least_line_ns);
    state.most_ns = std::max(state.most_ns, turn.distance->most_line_ns);
  }
  for (const auto& [distance, state] : seen) {
    lines.push_back(
        fmt::format("{}: the generator's and the forwarder's CPU were {} ({:.0f}–{:.0f} ns for a "
                    "cache line) in repetition {}",
                    scenario.scenario.label, to_string(distance), state.least_ns, state.most_ns,
                    state.repetitions));
  }
  if (!moved.empty()) {
    lines.push_back(fmt::format("{}: the hypervisor moved the CPUs meanwhile: {}",
                                scenario.scenario.label, moved));
  }
  if (repeats != 0) {
    lines.push_back(fmt::format("{}: {} turns were thrown away since it did",
                                scenario.scenario.label, repeats));
  }
}

void append_delay_repeats(const ScenarioResult& scenario, Cells& lines) {
  uint32_t repeats = 0;
  for (const Turn& turn : scenario.turns) repeats += turn.delay_repeats;
  if (repeats == 0) return;
  lines.push_back(
      fmt::format("{}: {} trials of delay were made again, since the hypervisor had taken more "
                  "than {:.1f} % of "
                  "the two CPUs' time",
                  scenario.scenario.label, repeats, kQuietStolenShare * 100));
}

void append_shares(const ScenarioResult& scenario, Cells& lines) {
  double least = 1, most = 0;
  for (const Turn& turn : scenario.turns) {
    if (!turn.taken_share) continue;
    least = std::min(least, *turn.taken_share);
    most = std::max(most, *turn.taken_share);
  }
  if (most == 0) return;
  lines.push_back(fmt::format(
      "{}: an interrupt took {:.1f}–{:.1f} % of the forwarder's CPU, and what it costs to enter it",
      scenario.scenario.label, 100 * least, 100 * most));
}

// Less loss than this when flooded: the device took what there was.
constexpr double kNotFlooded = 0.005;

void append_limits(const ForwardResults& results, Cells& lines) {
  for (const ScenarioResult& scenario : results.scenarios) {
    append_shares(scenario, lines);
    append_delay_repeats(scenario, lines);
    append_distances(scenario, lines);
    append_places(scenario, lines);
    for (const Summary& summary : scenario.summaries) {
      uint32_t pdr_limited = 0, flood_limited = 0, unconfirmed = 0;
      for (const Turn& turn : scenario.turns) {
        if (turn.dut != summary.dut) continue;
        pdr_limited += turn.pdr && turn.pdr->search.generator_limited;
        unconfirmed += turn.pdr && !turn.pdr->search.confirmed;
        flood_limited += turn.flood && turn.flood->loss_ratio() < kNotFlooded;
      }
      if (unconfirmed != 0) {
        lines.push_back(fmt::format("{} in {}: in {} repetitions no PDR was found that holds",
                                    summary.dut, scenario.scenario.label, unconfirmed));
      }
      if (pdr_limited + flood_limited == 0) continue;
      lines.push_back(
          fmt::format("{} in {}: in {} repetitions PDR, in {} the flooded rate is what the "
                      "generator could offer; "
                      "the device may be faster",
                      summary.dut, scenario.scenario.label, pdr_limited, flood_limited));
    }
  }
}

std::string markdown_row(const Cells& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

std::string settings_text(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", name, value);
  }
  return text;
}

}  // namespace

std::string ratio_text(const Spread& spread) {
  if (spread.count == 0) return kNothing;
  return fmt::format("{:.2f} ({:.2f}–{:.2f})", spread.median, spread.least, spread.most);
}

std::string turn_text(const Turn& turn) {
  Cells parts;
  const auto add = [&](std::string part) { parts.push_back(std::move(part)); };
  if (turn.flood) add(fmt::format("flooded {:.3f} Mpps", turn.flood->received_pps / kMillion));
  if (turn.pdr) add(fmt::format("PDR {:.3f} Mpps", turn.pdr->search.pps / kMillion));
  if (turn.ndr) add(fmt::format("NDR {:.3f} Mpps", turn.ndr->search.pps / kMillion));
  if (turn.delay_half) {
    add(fmt::format("delay p50 {:.0f} µs, p99 {:.0f} µs at half of PDR",
                    turn.delay_half->sent_delay.p50_ns / kUs,
                    turn.delay_half->sent_delay.p99_ns / kUs));
  }
  for (const Trial& trial : turn.delay_at) {
    add(fmt::format("p50 {:.0f} µs, p99 {:.0f} µs at {:.0f}k", trial.sent_delay.p50_ns / kUs,
                    trial.sent_delay.p99_ns / kUs, trial.asked_pps / kUs));
  }
  if (turn.soak) add(soak_text(*turn.soak));
  if (turn.corrupted != 0) add(fmt::format("{} CORRUPTED frames", turn.corrupted));
  if (!turn.failure.empty()) add(fmt::format("failed: {}", turn.failure));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string forward_text(const ForwardResults& results) {
  std::string text;
  for (const ScenarioResult& scenario : results.scenarios) {
    if (has_delay_curves(scenario)) {
      text += delay_section(results, scenario);
      continue;
    }
    std::vector<control::TextTable::Column> columns;
    for (const std::string& title : titles_of(results, scenario)) {
      columns.push_back({title, columns.empty() ? control::Align::kLeft : control::Align::kRight});
    }
    control::TextTable table(columns);
    for (const Summary& summary : scenario.summaries) {
      table.add_row(cells_of(summary, is_first(results, scenario)));
    }
    text += fmt::format("{}\n{}{}\n\n", heading(scenario), table.text(), verified(scenario));
  }
  Cells lines = remarks(results);
  append_limits(results, lines);
  for (const std::string& line : lines) text += fmt::format("{}\n", line);
  return text;
}

std::string forward_markdown(const ForwardResults& results, const std::string& plot) {
  std::string text = "# Forwarding\n\n";
  text +=
      "Median (smallest–largest) of the repetitions. Absolute figures hold for this machine and "
      "for "
      "AF_XDP in copy\nmode on veth; what carries over is the ratios. Delay: p50 / p99. CPU: "
      "seconds on the forwarder's CPU, and of the\nreceiving NAPI thread where that is elsewhere, "
      "per million frames, flooded; "
      "system calls per frame, flooded.\n\n";
  if (!plot.empty()) text += fmt::format("![Forwarding]({})\n\n", plot);
  for (const ScenarioResult& scenario : results.scenarios) {
    if (has_delay_curves(scenario)) {
      text += "## " + delay_section(results, scenario);
      continue;
    }
    const Cells titles = titles_of(results, scenario);
    text += fmt::format("## {}\n\n{}|---|", heading(scenario), markdown_row(titles));
    for (size_t i = 1; i < titles.size(); ++i) text += "---:|";
    text += "\n";
    for (const Summary& summary : scenario.summaries) {
      text += markdown_row(cells_of(summary, is_first(results, scenario)));
    }
    text += fmt::format("\n{}\n\n", verified(scenario));
  }
  Cells lines = remarks(results);
  append_limits(results, lines);
  if (!lines.empty()) text += "## To be known\n\n";
  for (const std::string& line : lines) text += fmt::format("- {}\n", line);
  text +=
      "\n## Devices\n\n| name | what | version | receive on CPU | settings "
      "|\n|---|---|---|---|---|\n";
  for (const DutInfo& dut : results.duts) {
    text += markdown_row({dut.name, dut.description, dut.version,
                          dut.receive_cpu < 0 ? kNothing : fmt::to_string(dut.receive_cpu),
                          settings_text(dut.settings)});
  }
  text += "\n## How\n\n";
  for (const auto& [name, value] : results.method) text += fmt::format("- {}: {}\n", name, value);
  text += "\n## Machine\n\n";
  for (const auto& [name, value] : results.machine) text += fmt::format("- {}: {}\n", name, value);
  return text;
}

}  // namespace starocean::bench
