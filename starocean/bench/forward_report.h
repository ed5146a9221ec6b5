// The results of `starocean bench forward` as JSON, as a table for the terminal, as Markdown, and as a plot.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "starocean/base/result.h"
#include "starocean/bench/forward_results.h"

namespace starocean::bench {

// Rises when a member changes its meaning.
inline constexpr int kForwardSchemaVersion = 1;

// Pure.
nlohmann::ordered_json forward_json(const ForwardResults& results);
std::string forward_text(const ForwardResults& results);
// `plot`: the name of its file; empty: none.
std::string forward_markdown(const ForwardResults& results, const std::string& plot);
// One line about a finished turn: "PDR 1.234 Mpps, NDR …".
std::string turn_text(const Turn& turn);
// Of a ratio: "1.15 (1.04–1.94)", or "–" for none.
std::string ratio_text(const Spread& spread);
// What an hour or so showed, in one line: loss, memory, and how much of it was lost while the CPU was away.
std::string soak_text(const Soak& soak);
// A program for gnuplot that draws into `file`; `terminal` is "svg" or "pngcairo". Empty if there is nothing to draw.
std::string gnuplot_script(const ForwardResults& results, const std::string& terminal,
                           const std::string& file);

// What was written, and what could not be, and why.
struct Written {
  std::vector<std::string> files;
  std::vector<std::string> notes;
};

// Writes NAME.json, NAME.md, and, if gnuplot is installed, NAME.svg and NAME.png into `directory`, which is made if
// need be.
Result<Written> write_report(const ForwardResults& results, const std::string& directory,
                             const std::string& name);

}  // namespace starocean::bench
