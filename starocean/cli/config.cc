#include "starocean/control/config.h"

#include <memory>

#include <nlohmann/json.hpp>

#include "starocean/cli/command_line.h"
#include "starocean/control/render_json.h"
#include "starocean/control/schema.h"

namespace starocean::cli {
namespace {

int check_config(Context& context, const std::string& path) {
  const auto config = control::load_config(path);
  if (!config) return fail_with(context, config.error());
  const auto summary = control::check_summary(*config);
  if (!summary) return fail_with(context, summary.error());
  if (context.json) {
    const control::Json document = {
        {"schema_version", control::kSchemaVersion}, {"file", path}, {"summary", *summary}};
    context.out << control::to_text(document) << '\n';
  } else {
    context.out << *summary;
    if (!summary->ends_with('\n')) context.out << '\n';
  }
  return kDone;
}

void add_check(CLI::App& config, Context& context) {
  CLI::App* const command = config.add_subcommand(
      "check",
      "Read a configuration and say what it means, or where its first mistake is\n"
      "(file:line:column). Needs neither root nor the devices.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto path = std::make_shared<std::string>();
  command->add_option("file,--config", *path, "The configuration")->type_name("FILE")->required();
  command->callback([path, &context] { context.exit_code = check_config(context, *path); });
}

}  // namespace

void add_config(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand("config", "Work with configuration files.");
  command->fallthrough();
  command->require_subcommand(1);
  add_check(*command, context);
  CLI::App* const schema = command->add_subcommand(
      "schema", "Print the JSON Schema of the configuration, for editors and other tools.");
  schema->fallthrough();
  schema->callback([&context] { context.out << control::config_schema_json() << '\n'; });
}

}  // namespace starocean::cli
