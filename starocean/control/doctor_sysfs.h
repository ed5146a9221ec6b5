// Small files of /proc and /sys, and the forms that they use. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starocean::control::doctor {

// The first 64 KiB of a file without white space at its end; nullopt if it cannot be read.
std::optional<std::string> read_text(const std::string& path);
// A file that holds one decimal number and nothing else.
std::optional<uint64_t> read_number(const std::string& path);

// "0-3,8" → 0 1 2 3 8. What is no such list gives none. At most 65536 numbers.
std::vector<int> parse_list(std::string_view text);
// The reverse, for people and for smp_affinity_list.
std::string list_text(const std::vector<int>& numbers);

}  // namespace starocean::control::doctor
