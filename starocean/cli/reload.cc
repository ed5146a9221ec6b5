#include "starocean/cli/command_line.h"
#include "starocean/control/api_client.h"

namespace starocean::cli {

int reload_daemon(Context& context) {
  const auto answer = control::ApiClient(context.socket_path).post("/v1/reload");
  if (!answer) return fail_with(context, answer.error());
  if (context.json) context.out << *answer << '\n';
  return kDone;
}

void add_reload(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand(
      "reload",
      "Have the running daemon read its configuration again. Returns when the new state is live\n"
      "everywhere; a configuration with a mistake changes nothing.");
  command->fallthrough();
  add_json_flag(*command, context);
  command->callback([&context] { context.exit_code = reload_daemon(context); });
}

}  // namespace starocean::cli
