// The bar chart, for gnuplot: horizontal bars, since rungs have long names, from the driver at the top to the
// program at the bottom. Left how many packets, with the smallest and the largest repetition and the source's
// figures as points; right what each costs.
#include <fmt/format.h>

#include "starocean/bench/rx_report.h"

namespace starocean::bench {
namespace {

constexpr auto kKernelColour = "#3b6ea5";
constexpr auto kProgramColour = "#2f9e77";

// In double quotes, as gnuplot reads them.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

// place, then median, least, most and a label for the left and for the right side.
std::string bars(const RxPathSummary& summary, bool user_space) {
  std::string data = user_space ? "$program << END\n" : "$kernel << END\n";
  for (size_t i = 0; i < summary.rungs.size(); ++i) {
    const RxCaseSummary& rung = summary.rungs[i];
    if (!rung.flood || rung.what().user_space != user_space) continue;
    const Spread& handled = rung.flood->handled_mpps;
    const Spread& cost = rung.flood->ns_per_packet;
    data += fmt::format(
        "{} {:.4f} {:.4f} {:.4f} {} {:.2f} {:.2f} {:.2f} {}\n", i + 1, handled.median,
        handled.least, handled.most,
        quoted(fmt::format("{}{:.2f}", rung.is_bound() ? "≥ " : "", handled.median)), cost.median,
        cost.least, cost.most, quoted(cost.count == 0 ? "" : fmt::format("{:.0f}", cost.median)));
  }
  return data + "END\n";
}

std::string source_points(const RxPathSummary& summary) {
  std::string data = "$source << END\n";
  for (size_t i = 0; i < summary.rungs.size(); ++i) {
    const SourceFigures& source = summary.rungs[i].what().source;
    if (source.mpps_2ghz != 0) {
      data += fmt::format("{} {} {}\n", i + 1, source.mpps_2ghz, source.mpps_3_6ghz);
    }
  }
  return data + "END\n";
}

// At the height of the bars.
std::string names(const RxPathSummary& summary) {
  std::string tics;
  for (size_t i = 0; i < summary.rungs.size(); ++i) {
    const RxCaseSummary& rung = summary.rungs[i];
    tics += fmt::format(
        "{}{} {}.9", tics.empty() ? "" : ", ",
        quoted(fmt::format("{}{}", rung.what().title, rung.flood ? "" : " (unavailable)")), i);
  }
  return tics;
}

// One panel: bars and their labels from columns `first` (median) to first + 3 (label) of both groups. Bars stand a
// little above the middle of their row; what is drawn beside them has the rest.
std::string panel(int first, const std::string& extra) {
  std::string plot = "plot ";
  for (const auto& [data, colour, title] :
       {std::tuple{"$kernel", kKernelColour, "dropped in the kernel"},
        std::tuple{"$program", kProgramColour, "read by a program"}}) {
    plot += fmt::format(
        "{0} using (${1}/2):($1-0.1):(${1}/2):(0.27) with boxxyerror fs solid 1 noborder lc rgb "
        "'{2}' title '{3}', "
        "{0} using {1}:($1-0.1):{4}:{5} with xerrorbars pt -1 lw 1.2 lc rgb '#222222' notitle, "
        "{0} using {5}:($1-0.1):{6} with labels left offset 0.8,0 tc rgb '#222222' notitle, ",
        data, first, colour, title, first + 1, first + 2, first + 3);
  }
  return plot + (extra.empty() ? "1/0 notitle" : extra) + "\n";
}

}  // namespace

std::string rx_path_plot(const RxReport& report, const std::string& terminal,
                         const std::string& output_path) {
  const RxPathSummary summary = summarize(report.result);
  const RxPathOptions& options = report.result.options;
  const std::string title =
      fmt::format("Receiving frames of {} bytes on one core, in a flood", options.frame_bytes);
  const std::string conditions = fmt::format(
      "{}; veth; median of {} repetition{}, smallest and largest", rx_machine_text(report.machine),
      options.repetitions, options.repetitions == 1 ? "" : "s");
  std::string script =
      fmt::format("set terminal {}\nset output {}\n", terminal, quoted(output_path));
  script += bars(summary, false) + bars(summary, true) + source_points(summary);
  script += fmt::format(
      "set multiplot\n"
      "set label 1 {} at screen 0.015,0.955 left font ',15' tc rgb '#111111'\n"
      "set label 2 {} at screen 0.015,0.905 left tc rgb '#555555'\n"
      "set yrange [{}.6:0.4]\nset border 1 lc rgb '#888888'\n"
      "set xtics nomirror tc rgb '#444444'\nset grid xtics lc rgb '#dddddd'\n"
      "set tmargin at screen 0.865\nset bmargin at screen 0.175\n",
      quoted(title), quoted(conditions), summary.rungs.size());
  script += fmt::format(
      "set lmargin at screen 0.215\nset rmargin at screen 0.635\n"
      "set ytics scale 0 nomirror ({}) tc rgb '#111111'\nset xrange [0:*]\n"
      "set xlabel 'Mpps handled' tc rgb '#444444'\n"
      "set key at screen 0.5,0.04 center center horizontal maxrows 1 samplen 1.5 width 1\n",
      names(summary));
  script += panel(
      2,
      "$source using 2:($1+0.32) with points pt 4 ps 0.9 lw 1.5 lc rgb '#c2410c' title 'source, "
      "2 GHz', $source using 3:($1+0.32) with points pt 5 ps 0.9 lc rgb '#c2410c' title 'source, "
      "3.6 GHz'");
  script +=
      "unset key\nunset label\nset lmargin at screen 0.675\nset rmargin at screen 0.95\n"
      "unset ytics\nset xtics font ',9'\nset xlabel 'ns of the receive core per packet'\n";
  return script + panel(6, "") + "unset multiplot\nunset output\n";
}

}  // namespace starocean::bench
