// The ladder as a table: for the terminal and in Markdown, from the same cells.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/rx_report.h"
#include "starocean/control/text_table.h"

namespace starocean::bench {
namespace {

using Row = std::vector<std::string>;
struct Table {
  Row head;
  size_t words = 1;  // columns at the left that are text, not figures
  std::vector<Row> rows = {};
};

std::string kilo(double pps) {
  return fmt::format("{:g} kpps", pps / 1000);
}

std::string range(const Spread& spread, int digits) {
  return fmt::format("{:.{}f} … {:.{}f}", spread.least, digits, spread.most, digits);
}

std::string source_cell(double mpps) {
  return mpps == 0 ? "" : fmt::format("{:.1f}", mpps);
}

std::string cost_cell(const RxLoadSummary& load) {
  return load.ns_per_packet.count == 0 ? "" : fmt::format("{:.0f}", load.ns_per_packet.median);
}

std::string shares(const RxLoadSummary& load) {
  return fmt::format("{:.0f}/{:.0f}/{:.0f}/{:.0f}", load.user_percent, load.system_percent,
                     load.interrupt_percent, load.idle_percent);
}

std::string mpps_cell(const RxCaseSummary& one) {
  if (!one.flood) return "";
  return fmt::format("{}{:.2f}", one.is_bound() ? "≥ " : "", one.flood->handled_mpps.median);
}

// CPU at the fixed rate means something only if the rung took that rate.
std::string rate_cell(const std::optional<RxLoadSummary>& load) {
  if (!load) return "";
  if (!load->kept_up) {
    return fmt::format("{:.0f} % ({:.0f} % of it)", load->own_percent,
                       100 * load->handled_mpps.median / load->generated_mpps.median);
  }
  return fmt::format("{:.1f} %", load->own_percent);
}

Table ladder_table(const RxPathSummary& summary, const RxPathOptions& options) {
  Table table{
      .head = {"where it ends", "Mpps", "min … max", "lost", "core us/sy/in/id %", "ns/packet"}};
  if (options.rate_pps > 0) table.head.push_back(fmt::format("CPU at {}", kilo(options.rate_pps)));
  table.head.insert(table.head.end(), {"source 2 GHz", "3.6 GHz"});
  for (const RxCaseSummary& rung : summary.rungs) {
    Row row = {std::string(rung.what().title)};
    if (rung.flood) {
      const RxLoadSummary& flood = *rung.flood;
      row.insert(row.end(),
                 {mpps_cell(rung), range(flood.handled_mpps, 2),
                  fmt::format("{:.0f} %", flood.lost_percent), shares(flood), cost_cell(flood)});
    } else {
      row.insert(row.end(), {"unavailable", "", "", "", ""});
    }
    if (options.rate_pps > 0) row.push_back(rate_cell(rung.at_rate));
    row.push_back(source_cell(rung.what().source.mpps_2ghz));
    row.push_back(source_cell(rung.what().source.mpps_3_6ghz));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string ratio_cell(const Spread& ratio) {
  if (ratio.count == 0) return "";
  return fmt::format("× {:.2f} ({})", ratio.median, range(ratio, 2));
}

Table tuning_table(const RxPathSummary& summary, const RxPathOptions& options) {
  Table table{.head = {"rung", "what is different", "Mpps", "against the rung above"}, .words = 2};
  if (options.rate_pps > 0) table.head.push_back(fmt::format("CPU at {}", kilo(options.rate_pps)));
  for (const RxCaseSummary& tuning : summary.tunings) {
    Row row = {std::string(tuning.what().title), std::string(tuning.what().change)};
    const RxCaseSummary* const base = summary.find(tuning.what().base);
    row.push_back(mpps_cell(tuning));
    row.push_back(base != nullptr && tuning.flood
                      ? ratio_cell(ratio_of(tuning, *base, RxMetric::kFloodHandled))
                      : "");
    // Softirqs outside a thread of ours are not in the clocks that this is made of.
    if (options.rate_pps > 0)
      row.push_back(tuning.what().tuning.pin_receive ? rate_cell(tuning.at_rate) : "");
    table.rows.push_back(std::move(row));
  }
  return table;
}

// Empty without rows; so is as_markdown().
std::string as_text(const Table& table) {
  if (table.rows.empty()) return "";
  std::vector<control::TextTable::Column> columns;
  for (size_t i = 0; i < table.head.size(); ++i) {
    columns.push_back(
        {table.head[i], i < table.words ? control::Align::kLeft : control::Align::kRight});
  }
  control::TextTable text(std::move(columns));
  for (const Row& row : table.rows) text.add_row(row);
  return text.text();
}

std::string as_markdown(const Table& table) {
  if (table.rows.empty()) return "";
  std::string text = fmt::format("| {} |\n|", fmt::join(table.head, " | "));
  for (size_t i = 0; i < table.head.size(); ++i) text += i < table.words ? "---|" : "---:|";
  text += '\n';
  for (const Row& row : table.rows) text += fmt::format("| {} |\n", fmt::join(row, " | "));
  return text;
}

std::vector<std::string> unavailable(const RxPathSummary& summary) {
  std::vector<std::string> lines;
  for (const auto* list : {&summary.rungs, &summary.tunings}) {
    for (const RxCaseSummary& one : *list) {
      if (!one.available())
        lines.push_back(fmt::format("{}: {}", one.what().title, one.result->unavailable));
    }
  }
  return lines;
}

std::string conditions(const RxPathOptions& options) {
  return fmt::format(
      "Frames of {} bytes, {}, over a veth pair; generator on CPU {}, receiving NAPI thread and "
      "program pinned to CPU {}; "
      "{} repetition{} of {:g} s, set up anew each time.",
      options.frame_bytes, options.flows == 1 ? "one flow" : fmt::format("{} flows", options.flows),
      options.generate_cpu, options.receive_cpu, options.repetitions,
      options.repetitions == 1 ? "" : "s", static_cast<double>(options.measure_ns) / 1e9);
}

}  // namespace

std::string rx_path_table(const RxReport& report) {
  const RxPathSummary summary = summarize(report.result);
  const RxPathOptions& options = report.result.options;
  std::string text =
      fmt::format("{}\n{}\n\n", rx_machine_text(report.machine), conditions(options));
  text += as_text(ladder_table(summary, options));
  if (!summary.tunings.empty())
    text += fmt::format("\n{}", as_text(tuning_table(summary, options)));
  for (const std::string& line : unavailable(summary))
    text += fmt::format("\nunavailable: {}\n", line);
  for (const std::string& said : rx_conclusions(summary, options))
    text += fmt::format("\n{}\n", said);
  return text;
}

std::string rx_path_markdown(const RxReport& report, bool with_chart) {
  const RxPathSummary summary = summarize(report.result);
  const RxPathOptions& options = report.result.options;
  std::string text =
      fmt::format("# The receive path\n\nMade by `{}` (starocean {}, {}) on {}.\n{}\n\n{}",
                  report.command, report.version, report.date_utc, rx_machine_text(report.machine),
                  conditions(options), with_chart ? "![bar chart](rx-path.svg)\n\n" : "");
  text += as_markdown(ladder_table(summary, options));
  text += fmt::format(
      "\n- **Mpps**: counted by the rung itself in a flood; ≥: it took all that the generator "
      "made, or left more than 5 % of its core idle, and could do more. **lost**: of what was on "
      "the wire, before it came to its end; what the wire did not take is not in it.\n"
      "- **core us/sy/in/id**: user, system, interrupts, idle of the receive core, /proc/stat; a "
      "NAPI thread counts as system.\n"
      "- **ns/packet**: CPU time of the NAPI thread and the program, for each packet handled in "
      "the flood.\n");
  if (options.rate_pps > 0) {
    text +=
        fmt::format("- **CPU at {}**: the same CPU time, as a share of the core, at that load.\n",
                    kilo(options.rate_pps));
  }
  text +=
      "- **source**: the articles about the predecessor, 10 Gbit/s card, one core; XDP's 14.2 is "
      "the line rate, at less than "
      "20 % CPU; beside AF_XDP stands netmap.\n\n";
  for (const RxCaseSummary& rung : summary.rungs) {
    text += fmt::format("- **{}**: {}.\n", rung.what().title, rung.what().how);
  }
  if (!summary.tunings.empty()) {
    text +=
        fmt::format("\n## What tuning changes\n\n{}", as_markdown(tuning_table(summary, options)));
  }
  const auto missing = unavailable(summary);
  if (!missing.empty()) {
    text += "\n## Not measured\n\n";
    for (const std::string& line : missing) text += fmt::format("- {}\n", line);
  }
  const auto follows = rx_conclusions(summary, options);
  if (!follows.empty()) text += "\n## What follows, on this machine\n";
  for (const std::string& said : follows) text += fmt::format("\n{}\n", said);
  return text;
}

}  // namespace starocean::bench
