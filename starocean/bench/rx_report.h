// The receive-path ladder as a reader gets it: JSON, a table for the terminal, Markdown, and a plot. Pure, but for
// the plot; any thread.
//
// JSON, schema_version 1: members may be added; one that is renamed, removed or changes its meaning raises it.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "starocean/base/result.h"
#include "starocean/bench/rx_machine.h"
#include "starocean/bench/rx_path.h"
#include "starocean/bench/rx_summary.h"

namespace starocean::bench {

inline constexpr int kRxPathSchemaVersion = 1;

struct RxReport {
  RxPathResult result = {};
  RxMachine machine;
  std::string command;   // that makes it again
  std::string version;   // of starocean
  std::string date_utc;  // "2025-11-25"
};

// What follows for this machine, from the figures alone; one paragraph each.
std::vector<std::string> rx_conclusions(const RxPathSummary& summary, const RxPathOptions& options);

// The source's order: XDP native above PREROUTING above LOCAL_IN; and AF_XDP above both AF_PACKET rungs. By the
// median of packets handled, or, where one of the two was below its limit, of ns per packet. In words: the pairs
// of which both were measured and that stand so, and those that do not.
struct RxOrder {
  std::vector<std::string> compared;
  std::vector<std::string> faults;
};
RxOrder rx_order(const RxPathSummary& summary);

nlohmann::ordered_json rx_path_json(const RxReport& report);
std::string rx_path_table(const RxReport& report);
std::string rx_path_markdown(const RxReport& report, bool with_chart);

// The script for gnuplot 5.4: bars of Mpps handled and of ns per packet, beside the source's. `terminal` is a
// line behind "set terminal".
std::string rx_path_plot(const RxReport& report, const std::string& terminal,
                         const std::string& output_path);

// Writes rx-path.json, rx-path.md, rx-path.svg and rx-path.png into the directory, which is made. Each file is
// whole or absent. Returns what could not be done and is no failure: no chart without gnuplot, or where no rung
// of the ladder was measured.
Result<std::vector<std::string>> write_rx_path(const RxReport& report,
                                               const std::string& directory);

}  // namespace starocean::bench
