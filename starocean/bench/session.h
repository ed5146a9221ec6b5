// What a command that runs until it is done or told to end needs: signals as an answer to a question, and a
// line on the terminal that is rewritten. Main thread only.
#pragma once

#include <cstdint>
#include <ostream>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::bench {

// While it lives, SIGINT and SIGTERM do not end the process but are waited for. Make it before any threads, so
// that they block the signals too.
class EndSignals {
 public:
  static Result<EndSignals> watch();
  EndSignals(EndSignals&& other) noexcept;
  EndSignals& operator=(EndSignals&&) = delete;
  ~EndSignals();

  // Sleeps until told to end, at most `timeout_ms`. True once told, at once from then on.
  bool wait(int timeout_ms);

 private:
  explicit EndSignals(int fd) : fd_(fd) {}
  int fd_;
  bool told_ = false;
};

// Progress on `err` if that is the process's standard error and a terminal; otherwise nothing.
class ProgressLine {
 public:
  explicit ProgressLine(std::ostream& err);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool shown() const { return shown_; }
  void show(std::string_view text);
  void clear();

 private:
  std::ostream& err_;
  bool shown_;
  bool dirty_ = false;
};

inline constexpr int kProgressMs = 500;

}  // namespace starocean::bench
