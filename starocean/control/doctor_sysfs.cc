#include "starocean/control/doctor_sysfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace starocean::control::doctor {
namespace {

constexpr size_t kMaxBytes = 64 << 10;
constexpr size_t kMaxNumbers = 65536;

template <class T>
std::optional<T> number_of(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> read_text(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string text;
  std::array<char, 4096> part;
  ssize_t got = 0;
  while (text.size() < kMaxBytes && (got = read(fd, part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<size_t>(got));
  }
  close(fd);
  if (got < 0) return std::nullopt;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<uint64_t> read_number(const std::string& path) {
  const auto text = read_text(path);
  return text ? number_of<uint64_t>(*text) : std::nullopt;
}

std::vector<int> parse_list(std::string_view text) {
  std::vector<int> numbers;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    if (comma + 1 == text.size()) return {};
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    const size_t dash = item.find('-');
    const auto first = number_of<int>(item.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : number_of<int>(item.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first) return {};
    for (int number = *first; number <= *last; ++number) {
      if (numbers.size() == kMaxNumbers) return {};
      numbers.push_back(number);
    }
  }
  return numbers;
}

std::string list_text(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text +=
        last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace starocean::control::doctor
