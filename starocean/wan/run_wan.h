// `starocean wan`: the emulator as a process, in the foreground, with its control socket.
//
//   GET  /v1/wan     the document of report.h
//   POST /v1/wan     a change (report.h, apply_change); answers with the document once it is in force, or 422
//   GET  /metrics    Prometheus text
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "starocean/base/result.h"
#include "starocean/wan/emulator.h"

namespace starocean::wan {

inline constexpr const char* kDefaultSocketPath = "/run/starocean/wan.sock";
// Seeds go through JSON, whose readers keep integers up to this.
inline constexpr uint64_t kMostSeed = (uint64_t{1} << 53) - 1;

struct WanOptions {
  EmulatorOptions emulator;      // with the seed below
  std::optional<uint64_t> seed;  // none: one by chance, which the log and status tell
  std::string socket_path = kDefaultSocketPath;
  std::string listen;  // "ADDRESS:PORT" for GET over TCP; empty: no TCP
};

// Returns when asked to end (SIGTERM, SIGINT) and detached, or with the reason why it could not start
// or go on.
Status run_wan(const WanOptions& options);

}  // namespace starocean::wan
