#include "starocean/control/smaps.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace starocean::control {
namespace {

// Takes what stands before `delimiter` off the front of `text`; all of it if there is none.
std::string_view take(std::string_view& text, char delimiter) {
  const size_t at = text.find(delimiter);
  const std::string_view token = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return token;
}

std::optional<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trim_left(std::string_view text) {
  const size_t at = text.find_first_not_of(' ');
  return at == std::string_view::npos ? std::string_view() : text.substr(at);
}

// "7f00-7f80 rw-p 00000000 fe:00 247134      /usr/bin/cat"
std::optional<SmapsEntry> parse_header(std::string_view line) {
  SmapsEntry entry;
  const auto start = parse_number(take(line, '-'), 16);
  const auto end = parse_number(take(line, ' '), 16);
  entry.permissions = take(line, ' ');
  if (!start || !end || *end <= *start || entry.permissions.size() != 4) return std::nullopt;
  const std::string_view offset = take(line, ' ');
  const std::string_view device = take(line, ' ');
  const std::string_view inode = take(line, ' ');
  if (!parse_number(offset, 16) || device.find(':') == std::string_view::npos ||
      !parse_number(inode, 10)) {
    return std::nullopt;
  }
  entry.start = *start;
  entry.end = *end;
  entry.path = trim_left(line);
  return entry;
}

// "Rss:                   8 kB". Fields without an amount (VmFlags, THPeligible) are fine.
bool add_field(SmapsEntry& entry, std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  std::string_view rest = trim_left(line.substr(colon + 1));
  const auto kib = parse_number(take(rest, ' '), 10);
  const uint64_t bytes = kib.value_or(0) * 1024;
  uint64_t* const target = name == "Size"             ? &entry.size_bytes
                           : name == "KernelPageSize" ? &entry.page_size_bytes
                           : name == "Locked"         ? &entry.locked_bytes
                           : name == "Rss" || name == "Private_Hugetlb" || name == "Shared_Hugetlb"
                               ? &entry.resident_bytes
                               : nullptr;
  if (target == nullptr) return true;
  if (!kib || rest != "kB") return false;
  *target += bytes;
  return true;
}

bool is_field(std::string_view line) {
  return std::isupper(static_cast<unsigned char>(line.front())) != 0;
}

bool same_mapping(const SmapsEntry& a, const SmapsEntry& b) {
  return a.start == b.start && a.end == b.end && a.permissions == b.permissions && a.path == b.path;
}

}  // namespace

Result<std::vector<SmapsEntry>> parse_smaps(std::string_view text) {
  std::vector<SmapsEntry> entries;
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take(text, '\n');
    bool good = !line.empty();
    if (good && is_field(line)) {
      good = !entries.empty() && add_field(entries.back(), line);
    } else if (good) {
      auto entry = parse_header(line);
      good = entry.has_value();
      if (good) entries.push_back(std::move(*entry));
    }
    if (!good) {
      return fail("cannot read the memory map",
                  fmt::format("line {} is not in the format of smaps: '{}'", number, line));
    }
  }
  return entries;
}

Result<std::vector<SmapsEntry>> read_own_smaps() {
  std::ifstream file("/proc/self/smaps");
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || text.view().empty()) {
    return fail("cannot read the memory map", "/proc/self/smaps cannot be read",
                "mount proc at /proc");
  }
  return parse_smaps(text.view());
}

Result<std::vector<SmapsEntry>> read_until_settled(
    const std::function<Result<std::vector<SmapsEntry>>()>& read) {
  auto last = read();
  for (int readings = 1; last && readings < kMaxReadings; ++readings) {
    auto next = read();
    if (!next) return next;
    const bool settled = std::ranges::equal(*last, *next, same_mapping);
    last = std::move(next);
    if (settled) break;
  }
  return last;
}

}  // namespace starocean::control
