// The command line of `starocean`: one file per subcommand, each adding itself to the parser.
//
// Exit status: 0 done, 1 the work failed, 2 wrong usage. Answers go to `out`, everything else to
// `err`, where each message begins with "starocean: ".
#pragma once

#include <ostream>
#include <string>

#include <CLI/CLI.hpp>

#include "starocean/base/result.h"
#include "starocean/control/socket_claim.h"

namespace starocean::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;

// Parses and does what was asked. Single-threaded; `run` and `echo` return when they are told to
// end.
int run_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

// What the subcommands share; outlives the parser.
struct Context {
  std::ostream& out;
  std::ostream& err;
  std::string socket_path = control::kDefaultSocketPath;
  bool json = false;
  int exit_code = kDone;
};

// Each declares one subcommand; its callback leaves the outcome in context.exit_code.
void add_run(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_reload(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_echo(CLI::App& app, Context& context);
void add_gen(CLI::App& app, Context& context);
void add_wan(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_bench_forward(CLI::App& bench, Context& context);
void add_bench_rx_path(CLI::App& bench, Context& context);
void add_version(CLI::App& app, Context& context);

// Prints "starocean: <error>" and returns kFailed.
int fail_with(Context& context, const Error& error);
int outcome_of(Context& context, const Status& status);

void add_json_flag(CLI::App& command, Context& context);

// Option checks, whose failure is wrong usage: "" or what is wrong.
std::string check_address(const std::string& text);  // IPv4 or IPv6
std::string check_mac(const std::string& text);
std::string check_listen(const std::string& text);

}  // namespace starocean::cli
