#include "starocean/control/text_table.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/check.h"

namespace starocean::control {
namespace {

size_t width_of(const std::string& text) {
  constexpr auto continues_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
  };
  return text.size() - static_cast<size_t>(std::ranges::count_if(text, continues_character));
}

std::string group_digits(const std::string& digits) {
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace

void TextTable::add_row(std::vector<std::string> cells) {
  SO_CHECK(cells.size() == columns_.size(), "a row has as many cells as the table has columns");
  rows_.push_back(std::move(cells));
}

void TextTable::append_line(std::string& out, const std::vector<size_t>& widths,
                            const std::vector<std::string>& cells) const {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - width_of(cells[i]), ' ');
    if (i != 0) line += "  ";
    line += columns_[i].align == Align::kRight ? padding + cells[i] : cells[i] + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

std::string TextTable::text() const {
  std::vector<std::string> titles;
  std::ranges::transform(columns_, std::back_inserter(titles), &Column::title);
  std::vector<size_t> widths;
  std::ranges::transform(titles, std::back_inserter(widths), width_of);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  append_line(out, widths, titles);
  for (const auto& row : rows_) append_line(out, widths, row);
  return out;
}

std::string grouped(uint64_t value) {
  return group_digits(fmt::to_string(value));
}

std::string grouped(int64_t value) {
  if (value >= 0) return grouped(static_cast<uint64_t>(value));
  return fmt::format("-{}", grouped(0 - static_cast<uint64_t>(value)));
}

std::string bytes_text(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  uint64_t scale = 1;
  while (unit + 1 < kUnits.size() && bytes / scale >= 1024) {
    scale *= 1024;
    ++unit;
  }
  if (bytes % scale == 0) return fmt::format("{} {}", bytes / scale, kUnits[unit]);
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / static_cast<double>(scale),
                     kUnits[unit]);
}

std::string duration_text(uint64_t ms) {
  if (ms < 1000) return fmt::format("{}ms", ms);
  const std::array<std::pair<uint64_t, char>, 4> parts = {{{ms / 86'400'000, 'd'},
                                                           {ms / 3'600'000 % 24, 'h'},
                                                           {ms / 60'000 % 60, 'm'},
                                                           {ms / 1000 % 60, 's'}}};
  const auto* first = std::ranges::find_if(parts, [](const auto& part) { return part.first != 0; });
  std::string text = fmt::format("{}{}", first->first, first->second);
  const auto* second = std::next(first);
  if (second != parts.end() && second->first != 0) {
    text += fmt::format(" {}{}", second->first, second->second);
  }
  return text;
}

}  // namespace starocean::control
