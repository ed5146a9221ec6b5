#include "starocean/control/doctor.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "starocean/control/doctor_host.h"
#include "starocean/control/doctor_interface.h"
#include "starocean/control/doctor_trial.h"
#include "starocean/control/engine_options.h"

namespace starocean::control::doctor {
namespace {

Plan make_plan(Config config) {
  Plan plan;
  plan.memory_bytes =
      xsk::Umem::bytes_needed(dataplane::Engine::packet_memory(engine_options(config)));
  if (!config.file.empty()) {
    std::ifstream file(config.file);
    for (std::string line; std::getline(file, line);) plan.config_lines.push_back(line);
  }
  plan.config = std::move(config);
  return plan;
}

std::vector<std::string> devices_of(const Config& config) {
  std::vector<std::string> devices;
  for (const InterfaceConfig& interface : config.interfaces) devices.push_back(interface.device);
  return devices;
}

// What was named on the command line may be a name of the configuration.
std::vector<std::string> devices_named(const Config& config,
                                       const std::vector<std::string>& names) {
  std::vector<std::string> devices;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(config.interfaces, name, &InterfaceConfig::name);
    const std::string& device = found == config.interfaces.end() ? name : found->device;
    if (std::ranges::find(devices, device) == devices.end()) devices.push_back(device);
  }
  return devices;
}

void gather(Survey& survey, const std::vector<std::string>& devices, TrialMode mode) {
  survey.host = gather_host();
  survey.interfaces.clear();
  for (const std::string& device : devices) survey.interfaces.push_back(gather_interface(device));
  // Trials last: they change for a moment what the others look at.
  for (InterfaceFacts& facts : survey.interfaces) {
    if (mode == TrialMode::kNever) {
      facts.trial.skipped = "it was not wanted";
    } else if (facts.exists) {
      facts.trial = try_interface(survey.host, facts,
                                  {.force = mode == TrialMode::kAlways,
                                   .frame_size_bytes = survey.plan.config.memory.frame_size});
    }
  }
}

}  // namespace

Result<Report> examine(const Options& options) {
  Config config;
  if (!options.config_path.empty()) {
    auto loaded = load_config(options.config_path);
    if (!loaded) return fail(loaded.error());
    config = std::move(*loaded);
  }
  Report report;
  report.survey.plan = make_plan(std::move(config));
  const Config& plan = report.survey.plan.config;
  std::vector<std::string> devices = devices_named(plan, options.interfaces);
  if (devices.empty() && report.survey.plan.from_file()) devices = devices_of(plan);
  if (devices.empty() && !report.survey.plan.from_file()) {
    auto found = interesting_devices();
    if (!found) return fail(found.error());
    devices = std::move(*found);
  }
  gather(report.survey, devices, options.trial);
  for (const InterfaceFacts& facts : report.survey.interfaces) {
    if (facts.exists || report.survey.plan.names(facts.name)) continue;
    return fail(fmt::format("cannot examine '{}'", facts.name),
                facts.problem.empty() ? "Linux has no device of this name" : facts.problem,
                "`ip link` lists those of this network namespace", ENODEV);
  }
  report.findings = judge(report.survey);
  if (!options.fix) return report;
  report.fixes = apply_fixes(report.findings);
  if (report.fixes.empty()) return report;
  gather(report.survey, devices, options.trial);
  report.findings = judge(report.survey);
  note_mended(report.fixes, report.findings);
  return report;
}

std::vector<Finding> examine_at_start(const Config& config) {
  // What refuses the start with its own sentence, or is logged by who does it.
  static constexpr const char* kSaidAnyway[] = {"huge-pages", "locked-memory", "capabilities",
                                                "frames",     "device",        "kernel"};
  Survey survey;
  survey.plan = make_plan(config);
  gather(survey, devices_of(config), TrialMode::kNever);
  std::vector<Finding> findings = judge(survey);
  std::erase_if(findings, [](const Finding& finding) {
    return finding.verdict < Verdict::kWarning ||
           std::ranges::find(kSaidAnyway, finding.id) != std::end(kSaidAnyway);
  });
  return findings;
}

}  // namespace starocean::control::doctor
