// `starocean doctor`: looks at the machine and its interfaces, judges, and mends what is safe.
//
// Gathering (doctor_facts.h) and judging (doctor_judge.h) are apart; this puts them together. Control
// code: any thread, one at a time; speaks of the calling thread's network namespace.
#pragma once

#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/doctor_fix.h"
#include "starocean/control/doctor_judge.h"

namespace starocean::control::doctor {

enum class TrialMode { kAuto, kAlways, kNever };  // see doctor_trial.h

struct Options {
  // Devices, or names of the configuration's interfaces. Empty: those of the configuration; without one,
  // interesting_devices().
  std::vector<std::string> interfaces;
  std::string config_path;  // empty: judge by the defaults
  TrialMode trial = TrialMode::kAuto;
  bool fix = false;
};

struct Report {
  Survey survey;
  std::vector<Finding> findings;  // after the fixes, if there were any
  std::vector<Fix> fixes;
};

// Fails if the configuration cannot be read, or an interface that was named is not there.
Result<Report> examine(const Options& options);

// What the daemon looks at when it starts, before it attaches: its own configuration, without trials. Only
// what is a warning or worse, and not what the daemon says anyway. Never fails; what cannot be seen is left
// out. Some milliseconds an interface.
std::vector<Finding> examine_at_start(const Config& config);

}  // namespace starocean::control::doctor
