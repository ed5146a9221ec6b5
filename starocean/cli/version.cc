#include "starocean/control/version.h"

#include <nlohmann/json.hpp>

#include "starocean/cli/command_line.h"
#include "starocean/control/render_json.h"

namespace starocean::cli {

void add_version(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand("version", "Print the version of this program.");
  command->fallthrough();
  add_json_flag(*command, context);
  command->callback([&context] {
    const std::string version(control::version_text());
    if (context.json) {
      const control::Json document = {{"schema_version", control::kSchemaVersion},
                                      {"version", version}};
      context.out << control::to_text(document) << '\n';
    } else {
      context.out << "starocean " << version << '\n';
    }
  });
}

}  // namespace starocean::cli
