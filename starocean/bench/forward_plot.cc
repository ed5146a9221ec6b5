#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "starocean/bench/forward_delay.h"
#include "starocean/bench/forward_report.h"
#include "starocean/testbed/command.h"

namespace starocean::bench {
namespace {

constexpr double kMillion = 1e6;

// Names are drawn as they are: gnuplot's enhanced text is off.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string row(const Spread& spread) {
  return spread.count == 0 ? "0 0 0"
                           : fmt::format("{:.4f} {:.4f} {:.4f}", spread.median / kMillion,
                                         spread.least / kMillion, spread.most / kMillion);
}

// Bars of the first scenario: name, then median, least and most of three rates.
std::string bars(const ScenarioResult& result) {
  std::string data = "$bars << END\n";
  for (const Summary& summary : result.summaries) {
    if (summary.flood.count + summary.pdr.count == 0) continue;
    data += fmt::format("{} {} {} {}\n", quoted(summary.dut), row(summary.flood), row(summary.pdr),
                        row(summary.ndr));
  }
  data += "END\n";
  return data + "set title " +
         quoted(fmt::format("Frames of {:.0f} bytes, {} flows: median, smallest and largest",
                            result.mean_frame_bytes, result.scenario.flows)) +
         "\n"
         "set style data histogram\n"
         "set style histogram errorbars gap 1.5 lw 1\n"
         "set style fill solid 0.8\n"
         "set ylabel 'Mpps'\nset yrange [0:*]\nset grid y\nset xtics rotate by -25\n"
         "set key top left\n"
         "plot $bars using 2:3:4:xtic(1) title 'flooded' lc rgb '#9aa5b1', "
         "$bars using 5:6:7 title 'PDR' lc rgb '#1f6feb', "
         "$bars using 8:9:10 title 'NDR' lc rgb '#2da44e'\n";
}

// PDR by number of flows, at the size of the first scenario; empty unless there are two numbers.
std::string growth(const ForwardResults& results) {
  const std::vector<uint32_t>& sizes = results.scenarios.front().scenario.frame_bytes;
  std::map<std::string, std::map<uint32_t, Spread>> lines;
  std::map<uint32_t, bool> flows;
  for (const ScenarioResult& scenario : results.scenarios) {
    if (scenario.scenario.frame_bytes != sizes) continue;
    flows[scenario.scenario.flows] = true;
    for (const Summary& summary : scenario.summaries) {
      if (summary.pdr.count != 0) lines[summary.dut][scenario.scenario.flows] = summary.pdr;
    }
  }
  if (flows.size() < 2) return "";
  std::string data, plot;
  int number = 0;
  for (const auto& [dut, points] : lines) {
    data += fmt::format("$line{} << END\n", ++number);
    for (const auto& [count, spread] : points) data += fmt::format("{} {}\n", count, row(spread));
    data += "END\n";
    plot += fmt::format("{}$line{} using 1:2:3:4 with yerrorlines title {} lw 2 pt 7 ps 0.6",
                        plot.empty() ? "plot " : ", ", number, quoted(dut));
  }
  return data +
         "set title 'PDR by number of flows'\nset logscale x\nset xrange [0.7:2e6]\n"
         "set xtics norotate ('1' 1, '1k' 1000, '100k' 100000, '1M' 1000000)\n"
         "set key bottom left\nset xlabel 'flows'\n" +
         plot + "\n";
}

Status write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (file) return {};
  return fail(fmt::format("cannot write '{}'", path), "the file system refused it",
              "is the directory writable, and is there room?");
}

// `file` without its extension.
Status draw(const ForwardResults& results, const std::string& base, const std::string& terminal,
            const std::string& extension, Written& written) {
  const std::string file = fmt::format("{}.{}", base, extension);
  const std::string script = file + ".gnuplot";
  Status done = write_file(script, gnuplot_script(results, terminal, file));
  if (done) {
    const auto drawn = testbed::run_command({"gnuplot", script});
    if (!drawn) done = fail(drawn.error());
  }
  std::error_code ignored;
  std::filesystem::remove(script, ignored);
  if (done) written.files.push_back(file);
  return done;
}

}  // namespace

std::string gnuplot_script(const ForwardResults& results, const std::string& terminal,
                           const std::string& file) {
  const auto head = [&](int width) {
    return fmt::format("set terminal {} noenhanced size {},480 background 'white'\nset output {}\n",
                       terminal, width, quoted(file));
  };
  const std::string delay = results.scenarios.empty() ? "" : delay_plot(results.scenarios.front());
  if (!delay.empty()) {
    return head(1500) + "set multiplot layout 1,2\n" + delay + "unset multiplot\n";
  }
  bool anything = false;
  for (const ScenarioResult& scenario : results.scenarios) {
    for (const Summary& summary : scenario.summaries) {
      anything = anything || summary.flood.count + summary.pdr.count != 0;
    }
  }
  if (!anything) return "";
  const std::string second = growth(results);
  return head(second.empty() ? 900 : 1500) + (second.empty() ? "" : "set multiplot layout 1,2\n") +
         bars(results.scenarios.front()) + second + (second.empty() ? "" : "unset multiplot\n");
}

Result<Written> write_report(const ForwardResults& results, const std::string& directory,
                             const std::string& name) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return fail_system(fmt::format("cannot make the directory '{}'", directory), error.value());
  }
  Written written;
  const std::string base = directory + "/" + name;
  const std::string script = gnuplot_script(results, "svg", "");
  if (script.empty()) {
    written.notes.push_back("no plot: nothing was measured");
  } else if (!testbed::is_installed("gnuplot")) {
    written.notes.push_back("no plot: gnuplot is not installed: apt-get install gnuplot-nox");
  } else {
    for (const auto& [terminal, extension] :
         {std::pair{"svg", "svg"}, std::pair{"pngcairo", "png"}}) {
      if (Status drawn = draw(results, base, terminal, extension, written); !drawn) {
        written.notes.push_back("no plot: " + drawn.error().message());
      }
    }
  }
  const std::string plot = written.files.empty() ? "" : name + ".svg";
  for (const auto& [extension, text] : {std::pair{".json", forward_json(results).dump(1) + "\n"},
                                        std::pair{".md", forward_markdown(results, plot)}}) {
    const std::string path = base + extension;
    if (Status done = write_file(path, text); !done) return fail(done.error());
    written.files.push_back(path);
  }
  return written;
}

}  // namespace starocean::bench
