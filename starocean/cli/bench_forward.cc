#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/cpu_thief.h"
#include "starocean/bench/dut.h"
#include "starocean/bench/forward_bench.h"
#include "starocean/bench/forward_report.h"
#include "starocean/bench/traffic_parse.h"
#include "starocean/cli/command_line.h"

namespace starocean::cli {
namespace {

using bench::ForwardOptions;

constexpr double kPercent = 100;
constexpr double kQuickTrialSeconds = bench::kShortestTrialSeconds;
constexpr double kQuickPrecision = 0.25;
constexpr uint32_t kQuickTrials = 5;

std::atomic<bool> stop_asked = false;

void ask_to_stop(int) {
  stop_asked = true;
}

struct ForwardWords {
  std::vector<std::string> duts;
  std::vector<std::string> scenarios = {"64@1k"};
  std::string order = "turn";
  double loss_percent = 0.1;
  double precision_percent = 1;
  double share_percent = 100;
  bool quick = false;
  bool no_ndr = false;
  std::vector<std::string> delay_rates;
  std::string out_directory;
  std::string out_name = "forward";
  ForwardOptions options;
};

// A line that is overwritten, on a terminal; nothing elsewhere.
class Progress {
 public:
  explicit Progress(std::ostream& out) : out_(out), terminal_(isatty(STDERR_FILENO) != 0) {}
  void now(const std::string& text) {
    if (terminal_) out_ << "\r\033[K" << text << std::flush;
  }
  void line(const std::string& text) { out_ << (terminal_ ? "\r\033[K" : "") << text << std::endl; }

 private:
  std::ostream& out_;
  bool terminal_;
};

// What was asked for, written out, so that it can be asked for again.
std::string command_of(const ForwardWords& words) {
  if (words.quick)
    return fmt::format("starocean bench forward --quick --dut {}", fmt::join(words.duts, ","));
  const ForwardOptions& options = words.options;
  std::string text = fmt::format(
      "starocean bench forward --dut {} --scenario {} --pairs {} --trial-seconds {} --loss {} "
      "--precision {} --order {} --generator-cpu {} --checker-cpu {} --forwarder-cpu {}",
      fmt::join(words.duts, ","), fmt::join(words.scenarios, " "), options.pairs,
      options.trial_seconds, words.loss_percent, words.precision_percent, words.order,
      options.placement.generator_cpu, options.placement.checker_cpu,
      options.placement.forwarder_cpu);
  if (words.no_ndr) text += " --no-ndr";
  if (options.measures.soak_seconds > 0) {
    text += fmt::format(" --soak {}", options.measures.soak_seconds);
  }
  if (options.forwarder_share < 1)
    text += fmt::format(" --forwarder-share {}", words.share_percent);
  if (options.receive_cpu >= 0) text += fmt::format(" --receive-cpu {}", options.receive_cpu);
  if (!words.delay_rates.empty()) {
    text += fmt::format(" --delay-at {}", fmt::join(words.delay_rates, ","));
  }
  if (options.rings != 0) text += fmt::format(" --rings {}", options.rings);
  return text;
}

void apply(ForwardWords& words) {
  ForwardOptions& options = words.options;
  options.duts = words.duts;
  options.loss_ratio = words.loss_percent / kPercent;
  options.precision = words.precision_percent / kPercent;
  options.forwarder_share = words.share_percent / kPercent;
  options.random_order = words.order == "random";
  options.command = command_of(words);
  for (const std::string& text : words.scenarios) {
    options.scenarios.push_back(*bench::parse_scenario(text));
  }
  for (const std::string& text : words.delay_rates) {
    options.measures.delay_rates.push_back(static_cast<double>(*bench::parse_count(text)));
  }
  if (words.no_ndr) options.measures.ndr = false;
  if (!words.quick) return;
  options.pairs = 1;
  options.trial_seconds = kQuickTrialSeconds;
  options.precision = kQuickPrecision;
  options.measures.ndr = false;
  options.votes = 1;
  options.max_trials = kQuickTrials;
}

int run_bench(Context& context, ForwardWords& words) {
  apply(words);
  if (Status good = bench::check(words.options); !good) return fail_with(context, good.error());
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, ask_to_stop);
  Progress progress(context.err);
  const auto results = bench::run_forward_bench(
      words.options, stop_asked, [&](const std::string& text) { progress.now(text); },
      [&](const bench::Turn& turn, const bench::Scenario& scenario) {
        progress.line(fmt::format("[{} {}] {}: {}", scenario.label, turn.pair, turn.dut,
                                  bench::turn_text(turn)));
      });
  if (!results) return fail_with(context, results.error());
  progress.now("");
  if (context.json) {
    context.out << bench::forward_json(*results).dump(1) << '\n';
  } else {
    context.out << bench::forward_text(*results);
  }
  if (!words.out_directory.empty()) {
    const auto written = bench::write_report(*results, words.out_directory, words.out_name);
    if (!written) return fail_with(context, written.error());
    for (const std::string& note : written->notes) progress.line("starocean: " + note);
    progress.line(fmt::format("starocean: wrote {}", fmt::join(written->files, ", ")));
  }
  return results->interrupted ? kFailed : kDone;
}

std::string check_scenario(const std::string& text) {
  const auto scenario = bench::parse_scenario(text);
  return scenario ? "" : scenario.error().message();
}

std::string check_dut(const std::string& name) {
  if (bench::find_dut_type(name) != nullptr) return "";
  return fmt::format("'{}' is no device under test", name);
}

std::string check_name(const std::string& name) {
  if (!name.empty() && name.find('/') == std::string::npos) return "";
  return fmt::format("'{}' is no name of a file; --out has the directory", name);
}

std::string check_delay_rate(const std::string& text) {
  constexpr uint64_t kLeast = 1000, kMost = 100'000'000;
  const auto rate = bench::parse_count(text);
  if (!rate) return rate.error().message();
  if (*rate >= kLeast && *rate <= kMost) return "";
  return fmt::format("'{}' is no rate from 1k to 100M frames a second", text);
}

std::string check_rings(const std::string& text) {
  for (uint32_t size = 64; size <= 32768; size *= 2) {
    if (text == fmt::to_string(size)) return "";
  }
  return fmt::format("'{}' is no power of two from 64 to 32768", text);
}

std::string dut_help() {
  std::string text = "What to measure (what does not route):";
  for (const bench::DutType& type : bench::dut_types()) text += fmt::format(" {}", type.name);
  return text;
}

void add_options(CLI::App& command, ForwardWords& words) {
  ForwardOptions& options = words.options;
  for (const bench::DutType& type : bench::dut_types()) {
    const bool on_request = type.name == std::string_view(bench::kOtherBuild);
    if (!on_request && type.job == bench::DutJob::kSwitch) words.duts.emplace_back(type.name);
  }
  command.add_option("--dut", words.duts, dut_help())
      ->delimiter(',')
      ->type_name("NAMES")
      ->check(check_dut, "");
  command
      .add_option("--scenario", words.scenarios,
                  "SIZE@FLOWS, or SIZE@FLOWSxPAIRS: 64@1k, imix@1k, 64@1Mx2 (several, with blanks)")
      ->type_name("WORDS")
      ->capture_default_str()
      ->check(check_scenario, "");
  command.add_option("--pairs", options.pairs, "Repetitions, interleaved")
      ->type_name("N")
      ->check(CLI::Range(1, 1000), "")
      ->capture_default_str();
  command
      .add_option("--trial-seconds", options.trial_seconds, "Length of a trial; below 1 no result")
      ->type_name("SECONDS")
      ->check(CLI::Range(bench::kShortestTrialSeconds, 3600.0), "")
      ->capture_default_str();
  command.add_option("--loss", words.loss_percent, "Loss that PDR allows")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.0, 50.0), "")
      ->capture_default_str();
  command.add_option("--precision", words.precision_percent, "How closely rates are searched")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.01, 50.0), "")
      ->capture_default_str();
  command.add_option("--order", words.order, "Flows of consecutive frames: random or turn")
      ->check(CLI::IsMember({"random", "turn"}), "")
      ->capture_default_str();
  command.add_option("--generator-cpu", options.placement.generator_cpu, "The generator")
      ->type_name("CPU")
      ->check(CLI::Range(0, 1023), "")
      ->capture_default_str();
  command
      .add_option("--checker-cpu", options.placement.checker_cpu,
                  "Where frames are checked at the end")
      ->type_name("CPU")
      ->check(CLI::Range(0, 1023), "")
      ->capture_default_str();
  command.add_option("--forwarder-cpu", options.placement.forwarder_cpu, "The device under test")
      ->type_name("CPU")
      ->check(CLI::Range(0, 1023), "")
      ->capture_default_str();
  command
      .add_option(
          "--receive-cpu", options.receive_cpu,
          "Receive processing of in0 (the generator's; for what is in the kernel, the forwarder's)")
      ->type_name("CPU")
      ->check(CLI::Range(0, 1023), "");
  command
      .add_option("--forwarder-share", words.share_percent,
                  "Of the forwarder's CPU: an interrupt takes the rest of it away, so that the "
                  "device is the\n"
                  "limit and not the generator")
      ->type_name("PERCENT")
      ->check(CLI::Range(bench::kLeastCpuShare * kPercent, kPercent), "")
      ->capture_default_str();
  command
      .add_option(
          "--rings", options.rings,
          "Of starocean: entries of its receive and fill rings, instead of what it takes by itself")
      ->type_name("N")
      ->check(check_rings, "");
  command
      .add_option("--delay-at", words.delay_rates,
                  "Measure nothing but delay, of all devices at these rates: 200k,400k,600k")
      ->delimiter(',')
      ->type_name("PPS")
      ->check(check_delay_rate, "");
  command.add_option("--out", words.out_directory, "Write forward.json, .md, .svg and .png there")
      ->type_name("DIR");
  command.add_option("--out-name", words.out_name, "Name of these files, without extension")
      ->type_name("NAME")
      ->check(check_name, "")
      ->capture_default_str();
  command.add_flag("--no-ndr", words.no_ndr,
                   "Leave out the search for the rate without any loss: half of the time");
  command
      .add_option("--soak", options.measures.soak_seconds,
                  "At the end of a turn, so long at 80 % of PDR, the least of six searches:\nloss, "
                  "memory, packet buffers")
      ->type_name("SECONDS")
      ->check(CLI::Range(1.0, 86400.0), "")
      ->excludes("--delay-at");
  command.add_flag("--quick", words.quick, "A test of the instrument, in seconds; no result");
}

}  // namespace

void add_bench_forward(CLI::App& bench, Context& context) {
  CLI::App* const command = bench.add_subcommand(
      "forward",
      "Measure how fast starocean and other systems forward frames, on the same wires in network\n"
      "namespaces: rate at a stated loss, flooded rate, delay, CPU. Every frame is checked. Leave\n"
      "the machine alone meanwhile.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto words = std::make_shared<ForwardWords>();
  add_options(*command, *words);
  command->callback([words, &context] { context.exit_code = run_bench(context, *words); });
}

}  // namespace starocean::cli
