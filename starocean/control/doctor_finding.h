// What the doctor says: one finding per check and subject.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starocean::control::doctor {

enum class Verdict : uint8_t {
  kOk,       // as it should be, or a plain fact
  kNote,     // worth knowing; or it could not be seen
  kWarning,  // works, but slower or with losses
  kFault,    // starocean cannot work with it
};
const char* to_string(Verdict verdict);  // "ok", "note", "warning", "fault"

struct Finding {
  std::string id;         // of all_checks()
  std::string interface;  // the device; empty: the machine
  Verdict verdict = Verdict::kOk;
  std::string text;  // one sentence without a full stop
  std::string
      remedy;  // a command for a POSIX shell, names and numbers filled in; empty: none mends it
  bool safe = false;  // `--fix` may run the remedy: it interrupts no traffic and can be taken back
};

// Every check there is, in the order of the report.
struct Check {
  std::string_view id;
  bool per_interface;
  std::string_view looks_at;
};
std::span<const Check> all_checks();

// The worst verdict, kOk of none.
Verdict worst_of(std::span<const Finding> findings);
size_t count_of(std::span<const Finding> findings, Verdict verdict);

}  // namespace starocean::control::doctor
