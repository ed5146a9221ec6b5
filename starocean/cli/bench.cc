#include "starocean/cli/command_line.h"

namespace starocean::cli {

void add_bench(CLI::App& app, Context& context) {
  CLI::App* const command =
      app.add_subcommand("bench", "Measure this machine, and starocean beside other systems.");
  command->fallthrough();
  command->require_subcommand(1);
  add_bench_forward(*command, context);
  add_bench_rx_path(*command, context);
}

}  // namespace starocean::cli
