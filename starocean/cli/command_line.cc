#include "starocean/cli/command_line.h"

#include <arpa/inet.h>

#include <cctype>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "starocean/base/log.h"
#include "starocean/control/api_server.h"

namespace starocean::cli {
namespace {

// One line, and where the help for it is: "starocean show fdb --help".
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  std::string command = app->get_name();
  for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
    app = chosen.front();
    command += fmt::format(" {}", app->get_name());
  }
  return fmt::format("starocean: {}; see `{} --help`\n", error.what(), command);
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return std::nullopt;
}

std::string check_log_level(const std::string& text) {
  if (parse_log_level(text)) return "";
  return fmt::format("'{}' is not a log level: debug, info, warning and error are", text);
}

void describe(CLI::App& app, Context& context) {
  app.name("starocean");
  app.require_subcommand(1);
  app.fallthrough();
  app.get_formatter()->column_width(34);
  app.footer(
      "--socket and --log-level may stand anywhere. Exit status: 0 done, 1 the work failed, 2 "
      "wrong usage.");
  app.failure_message(usage_error);
  app.add_option("--socket", context.socket_path, "The daemon's control socket")
      ->type_name("PATH")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--log-level", [](const std::string& text) { set_log_level(*parse_log_level(text)); },
         "Log from here up: debug, info, warning or error (info)")
      ->type_name("LEVEL")
      ->check(check_log_level);
  add_run(app, context);
  add_config(app, context);
  add_explain(app, context);
  add_reload(app, context);
  add_show(app, context);
  add_doctor(app, context);
  add_echo(app, context);
  add_gen(app, context);
  add_wan(app, context);
  add_bench(app, context);
  add_version(app, context);
}

}  // namespace

int run_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  Context context{out, err};
  CLI::App app("A software-defined data plane on AF_XDP");
  describe(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == kDone ? kDone : kWrongUsage;
  } catch (const std::exception& error) {
    err << "starocean: " << error.what() << '\n';
    return kFailed;
  }
  if (!out.flush() && context.exit_code == kDone) {
    err << "starocean: cannot write the answer: the output is closed or full\n";
    return kFailed;
  }
  return context.exit_code;
}

int fail_with(Context& context, const Error& error) {
  // A configuration's mistakes come as a line each.
  std::istringstream lines(error.message());
  for (std::string line; std::getline(lines, line);) context.err << "starocean: " << line << '\n';
  return kFailed;
}

int outcome_of(Context& context, const Status& status) {
  return status ? kDone : fail_with(context, status.error());
}

void add_json_flag(CLI::App& command, Context& context) {
  command.add_flag("--json", context.json, "Print JSON, with a schema_version");
}

std::string check_address(const std::string& text) {
  in6_addr binary{};  // large enough for both
  const bool good = inet_pton(AF_INET, text.c_str(), &binary) == 1 ||
                    inet_pton(AF_INET6, text.c_str(), &binary) == 1;
  return good ? "" : fmt::format("'{}' is not an IP address", text);
}

std::string check_mac(const std::string& text) {
  constexpr size_t kLength = 17;
  bool good = text.size() == kLength;
  for (size_t i = 0; good && i < kLength; ++i) {
    good = i % 3 == 2 ? text[i] == ':' : std::isxdigit(static_cast<unsigned char>(text[i])) != 0;
  }
  return good ? "" : fmt::format("'{}' is not a MAC address like 02:00:00:00:00:01", text);
}

std::string check_listen(const std::string& text) {
  const auto address = control::parse_listen_address(text);
  return address ? "" : address.error().message();
}

}  // namespace starocean::cli
