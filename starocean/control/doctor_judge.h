// From facts to findings. Pure: asks nothing, changes nothing; any thread.
//
// What is judged is whether starocean can work well here, with the configuration given or, without one,
// with the defaults. Where a fact is missing the finding is a note that says so: never a guess.
//
// Sources of the rules are named where they are applied; the limits on MTU are those of
// dataplane/attached_port.h and xsk/steering_attach.h.
#pragma once

#include <string>
#include <vector>

#include "starocean/control/config.h"
#include "starocean/control/doctor_facts.h"
#include "starocean/control/doctor_finding.h"

namespace starocean::control::doctor {

// What starocean is to do with the machine.
struct Plan {
  Config config;                          // the defaults if there is no file; then `file` is empty
  std::vector<std::string> config_lines;  // the file's text, for remedies that edit it
  uint64_t memory_bytes = 0;              // of the packet memory, with all arrays

  bool from_file() const { return !config.file.empty(); }
  // The settings for a device; defaults if the file does not name it.
  InterfaceConfig interface_of(const std::string& device) const;
  bool names(const std::string& device) const;
};

struct Survey {
  HostFacts host;
  std::vector<InterfaceFacts> interfaces;
  Plan plan;
};

// All findings: the machine, the configuration, then interface by interface, in the order of all_checks().
std::vector<Finding> judge(const Survey& survey);

// The parts of judge().
std::vector<Finding> judge_host(const Survey& survey);
std::vector<Finding> judge_config(const Survey& survey);
std::vector<Finding> judge_interface(const Survey& survey, const InterfaceFacts& interface);

}  // namespace starocean::control::doctor
