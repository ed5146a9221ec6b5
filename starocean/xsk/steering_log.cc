#include "starocean/xsk/steering_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <vector>

#include "starocean/base/log.h"

namespace starocean::xsk::steering {
namespace {

// The messages are for whoever debugs: what went wrong reaches the user as an Error.
int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;  // a hundred lines about each load
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    std::vector<char> text(static_cast<size_t>(length) + 1);
    std::vsnprintf(text.data(), text.size(), format, again);
    std::string_view line(text.data(), static_cast<size_t>(length));
    while (line.ends_with('\n')) line.remove_suffix(1);
    log_message(LogLevel::kDebug, line);
  }
  va_end(again);
  return length;
}

}  // namespace

void route_libbpf_messages() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(log_libbpf); });
}

}  // namespace starocean::xsk::steering
