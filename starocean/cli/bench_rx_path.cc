#include <unistd.h>

#include <ctime>
#include <iostream>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "starocean/bench/rx_path.h"
#include "starocean/bench/rx_report.h"
#include "starocean/bench/traffic_parse.h"
#include "starocean/cli/command_line.h"
#include "starocean/control/render_json.h"
#include "starocean/control/version.h"

namespace starocean::cli {
namespace {

struct Words {
  bench::RxPathOptions options;
  double seconds = 2;
  std::string rate = "200kpps";
  bool no_rate = false;
  bool no_tuning = false;
  bool quick = false;
  std::string directory;
};

std::string check_rate(const std::string& text) {
  const auto rate = bench::parse_rate(text);
  if (!rate) return rate.error().message();
  return rate->unit == bench::RateUnit::kFrames ? "" : "a rate in frames per second, like 200kpps";
}

std::string check_rung(const std::string& name) {
  const auto good = bench::check_rx_path({.rungs = {name}});
  return good ? "" : good.error().message();
}

void declare(CLI::App& command, Context& context, Words& words) {
  add_json_flag(command, context);
  command.add_flag("--quick", words.quick,
                   "See whether everything works: one short repetition. Its figures mean nothing");
  command
      .add_option("--out", words.directory,
                  "Write rx-path.json, .md, .svg and .png into this directory")
      ->type_name("DIR");
  command
      .add_option("--rungs", words.options.rungs, "Only these rungs or variations (default: all)")
      ->type_name("NAME,…")
      ->delimiter(',')
      ->check(check_rung, "");
  command
      .add_option("--rate", words.rate, "The load at which CPU time is compared, after the flood")
      ->type_name("RATE")
      ->capture_default_str()
      ->check(check_rate, "");
  command.add_flag("--no-rate", words.no_rate, "Flood only");
  command.add_flag("--no-tuning", words.no_tuning, "The ladder only, without the variations");
  command.add_option("--repetitions", words.options.repetitions, "Of everything, in rotated order")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command.add_option("--seconds", words.seconds, "How long each load is measured")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  command.add_option("--size", words.options.frame_bytes, "Bytes per frame, FCS included")
      ->type_name("BYTES")
      ->capture_default_str();
  command.add_option("--flows", words.options.flows, "UDP flows, told apart by source port")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--receive-cpu", words.options.receive_cpu, "Where packets are received")
      ->type_name("CPU")
      ->capture_default_str();
  command.add_option("--generate-cpu", words.options.generate_cpu, "Where packets are generated")
      ->type_name("CPU")
      ->capture_default_str();
}

void apply(Words& words) {
  constexpr uint64_t kQuickMeasureNs = 100 * kNsPerMs;
  constexpr uint64_t kQuickWarmUpNs = 30 * kNsPerMs;
  bench::RxPathOptions& options = words.options;
  options.measure_ns = static_cast<uint64_t>(words.seconds * 1e9);
  if (words.quick) {
    options.repetitions = 1;
    options.measure_ns = kQuickMeasureNs;
    options.warm_up_ns = kQuickWarmUpNs;
  }
  options.rate_pps = words.no_rate ? 0 : bench::parse_rate(words.rate)->value;
  options.tunings = !words.no_tuning;
}

// The command that does the same again.
std::string command_text(const Words& words) {
  const bench::RxPathOptions defaults, &options = words.options;
  std::string text = "starocean bench rx-path";
  if (words.quick) text += " --quick";
  if (!words.directory.empty()) text += " --out " + words.directory;
  if (!options.rungs.empty()) text += fmt::format(" --rungs {}", fmt::join(options.rungs, ","));
  if (words.no_rate) text += " --no-rate";
  if (!words.no_rate && options.rate_pps != defaults.rate_pps) text += " --rate " + words.rate;
  if (words.no_tuning) text += " --no-tuning";
  const auto number = [&](const char* name, auto value, auto usual) {
    if (value != usual) text += fmt::format(" {} {}", name, value);
  };
  if (!words.quick) {
    number("--repetitions", options.repetitions, defaults.repetitions);
    number("--seconds", words.seconds, Words().seconds);
  }
  number("--size", options.frame_bytes, defaults.frame_bytes);
  number("--flows", options.flows, defaults.flows);
  number("--receive-cpu", options.receive_cpu, defaults.receive_cpu);
  number("--generate-cpu", options.generate_cpu, defaults.generate_cpu);
  return text;
}

// On a terminal the line is written over again and again; elsewhere only what has ended is told.
void show_progress(Context& context, const bench::RxProgress& said) {
  const bool terminal = &context.err == &std::cerr && isatty(STDERR_FILENO) != 0;
  if (terminal) {
    context.err << "\r\033[K" << said.text << (said.finished ? "\n" : "") << std::flush;
  } else if (said.finished) {
    context.err << said.text << std::endl;
  }
}

Status books_balance(const bench::RxPathSummary& summary) {
  for (const auto* list : {&summary.rungs, &summary.tunings}) {
    for (const bench::RxCaseSummary& one : *list) {
      for (const auto* load : {&one.flood, &one.at_rate}) {
        if (!*load || (*load)->unaccounted == 0) continue;
        return fail(fmt::format("the books of '{}' do not balance", one.what().name),
                    fmt::format("{} packets that were on the wire are neither handled nor lost",
                                (*load)->unaccounted),
                    "please report it, with the output of --json");
      }
    }
  }
  return {};
}

int run(Context& context, Words& words) {
  apply(words);
  if (Status good = bench::check_rx_path(words.options); !good) {
    fail_with(context, good.error());
    return kWrongUsage;
  }
  auto result = bench::run_rx_path(
      words.options, [&](const bench::RxProgress& said) { show_progress(context, said); });
  if (!result) return fail_with(context, result.error());
  const bench::RxReport report{
      .result = std::move(*result),
      .machine = bench::describe_rx_machine(),
      .command = command_text(words),
      .version = std::string(control::version_text()),
      .date_utc = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)))};
  if (context.json) {
    context.out << control::to_text(bench::rx_path_json(report), 1) << '\n';
  } else {
    context.out << bench::rx_path_table(report);
  }
  if (!words.directory.empty()) {
    const auto notes = bench::write_rx_path(report, words.directory);
    if (!notes) return fail_with(context, notes.error());
    for (const std::string& note : *notes) context.err << "starocean: " << note << '\n';
  }
  return outcome_of(context, books_balance(bench::summarize(report.result)));
}

}  // namespace

void add_bench_rx_path(CLI::App& bench, Context& context) {
  CLI::App* const command = bench.add_subcommand(
      "rx-path",
      "What each place costs where Linux can end a packet: XDP, tc, netfilter, sockets, AF_XDP.\n"
      "Floods each on one core, over a veth pair between network namespaces of its own, then loads "
      "it\n"
      "at a fixed rate. Nothing of this machine's network is touched, and nothing is left behind.");
  command->fallthrough();
  const auto words = std::make_shared<Words>();
  declare(*command, context, *words);
  command->callback([words, &context] { context.exit_code = run(context, *words); });
}

}  // namespace starocean::cli
