#include <memory>

#include "starocean/cli/command_line.h"
#include "starocean/control/daemon.h"
#include "starocean/control/memory_map.h"

namespace starocean::cli {

void add_run(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand(
      "run",
      "Run the data plane in the foreground, logging to standard error. It answers on its socket\n"
      "once it forwards. SIGTERM or SIGINT ends it: it drains and detaches; SIGHUP reloads.");
  command->fallthrough();
  const auto options = std::make_shared<control::RunOptions>();
  command->add_option("--config", options->config_path, "The configuration to run")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--status-interval", options->status_interval_s,
                   "Seconds between the status lines in the log")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  command->callback([options, &context] {
    options->socket_path = context.socket_path;
    control::prepare_memory_map();
    context.exit_code = outcome_of(context, control::run_daemon(*options));
  });
}

}  // namespace starocean::cli
