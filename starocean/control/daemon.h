// `starocean run`: the daemon, from start to end.
#pragma once

#include <cstdint>
#include <string>

#include "starocean/base/result.h"

namespace starocean::control {

struct RunOptions {
  std::string config_path;
  std::string socket_path;
  uint32_t status_interval_s = 60;  // between the status lines in the log
};

// Returns when the daemon was asked to end (SIGTERM, SIGINT) and has detached from its interfaces,
// or with the reason why it could not start; then nothing is left attached, or with on_exit: block all that
// was, dropping.
Status run_daemon(const RunOptions& options);

}  // namespace starocean::control
