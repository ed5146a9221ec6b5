// Runs remedies. Control code: waits for a shell.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "starocean/control/doctor_finding.h"

namespace starocean::control::doctor {

struct Fix {
  std::string id;
  std::string interface;
  std::string command;
  int exit_status = 0;  // of the command; -1: it could not be started, or did not end in time
  std::string output;   // what it said, both streams
  bool mended = false;  // the finding is gone
};

// Whether `--fix` runs the finding's remedy: warnings and faults whose remedy is safe.
bool is_fixable(const Finding& finding);

// Runs the remedy of each fixable finding with /bin/sh, as the finding says it, one after the other. Each has
// 30 s. `mended` is left false: look again, then call note_mended.
std::vector<Fix> apply_fixes(std::span<const Finding> findings);

// Fills `mended` from what was found afterwards.
void note_mended(std::span<Fix> fixes, std::span<const Finding> findings);

}  // namespace starocean::control::doctor
