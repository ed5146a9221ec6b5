#include "starocean/control/doctor.h"

#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include "starocean/cli/command_line.h"
#include "starocean/control/doctor_render.h"

namespace starocean::cli {
namespace {

using control::doctor::TrialMode;

int run_doctor(Context& context, const control::doctor::Options& options) {
  const auto report = control::doctor::examine(options);
  if (!report) return fail_with(context, report.error());
  if (context.json) {
    context.out << control::to_text(control::doctor::report_json(*report), 2) << '\n';
  } else {
    context.out << control::doctor::report_text(*report);
  }
  const auto worst = control::doctor::worst_of(report->findings);
  return worst == control::doctor::Verdict::kFault ? kFailed : kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* const command = app.add_subcommand(
      "doctor",
      "Say what this machine and its interfaces can do, what is wrong, and the command that mends\n"
      "it. Ends with status 1 if anything is a fault. As root it also tries each interface.");
  command->fallthrough();
  add_json_flag(*command, context);
  const auto options = std::make_shared<control::doctor::Options>();
  static const std::map<std::string, TrialMode> kModes = {
      {"auto", TrialMode::kAuto}, {"always", TrialMode::kAlways}, {"never", TrialMode::kNever}};
  command->add_option("interface", options->interfaces, "Devices to look at; default: all")
      ->type_name("NAME");
  command->add_option("--config", options->config_path, "Judge by this configuration")
      ->type_name("FILE");
  command
      ->add_option("--trial", options->trial,
                   "Attach a program and sockets, and remove them: auto spares the interface by\n"
                   "which Linux reaches the world")
      ->type_name("auto|always|never")
      ->transform(CLI::CheckedTransformer(kModes));
  command->add_flag("--fix", options->fix, "Run the remedies that are safe, and say so");
  command->callback([options, &context] { context.exit_code = run_doctor(context, *options); });
}

}  // namespace starocean::cli
