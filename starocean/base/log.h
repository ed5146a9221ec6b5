// Logging of the control path, to standard error. Never called per packet. Any thread.
//
//   log_info("interface '{}' attached in {} mode", name, mode);
#pragma once

#include <string_view>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace starocean {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void log_message(LogLevel level, std::string_view message);
// Messages below `level` are discarded. The default is kInfo.
void set_log_level(LogLevel level);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace starocean
