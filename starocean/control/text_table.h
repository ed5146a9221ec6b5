// Columns of text for the terminal, and the forms numbers take there. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace starocean::control {

enum class Align : uint8_t { kLeft, kRight };

// A header and rows; every column is as wide as its longest cell (counted in UTF-8 characters), two
// spaces apart. Lines have no trailing blanks.
class TextTable {
 public:
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void add_row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  void append_line(std::string& out, const std::vector<size_t>& widths,
                   const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// 1234567 → "1,234,567".
std::string grouped(int64_t value);
std::string grouped(uint64_t value);
// 65536 → "64 KiB"; one digit after the point where it is not a whole number of the unit.
std::string bytes_text(uint64_t bytes);
// The two largest units that are not zero: "2d 3h", "1h 2m", "12s", "340ms".
std::string duration_text(uint64_t ms);

}  // namespace starocean::control
