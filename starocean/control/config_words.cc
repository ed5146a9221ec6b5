#include "starocean/control/config_words.h"

#include <algorithm>
#include <vector>

namespace starocean::control {
namespace {

// Optimal string alignment: letters wrong, missing, too many, or swapped with their neighbour.
size_t edit_distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> table((a.size() + 1) * width);
  for (size_t i = 0; i <= a.size(); ++i) table[i * width] = i;
  for (size_t j = 0; j <= b.size(); ++j) table[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      size_t best = std::min({table[(i - 1) * width + j] + 1, table[i * width + j - 1] + 1,
                              table[(i - 1) * width + j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, table[(i - 2) * width + j - 2] + 1);
      }
      table[i * width + j] = best;
    }
  }
  return table.back();
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kLongestKey = 64;
  if (word.empty() || word.size() > kLongestKey) return {};
  const size_t limit = std::min<size_t>(2, (word.size() - 1) / 2);
  std::string_view best;
  size_t best_distance = limit + 1;
  for (const std::string_view candidate : candidates) {
    const size_t longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) > limit) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string remedy_for_interface(std::string_view name,
                                 std::span<const std::string_view> declared) {
  const std::string_view near = nearest(name, declared);
  return near.empty() ? "declare it under 'interfaces'" : "did you mean " + quote(near) + "?";
}

std::string quote(std::string_view text) {
  constexpr size_t kLongest = 40;
  size_t length = std::min(text.size(), kLongest);
  // Not in the middle of a character: 10xxxxxx goes with the byte before it.
  while (length > 0 && length < text.size() &&
         (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) {
    --length;
  }
  std::string out = "'";
  for (const char c : text.substr(0, length)) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    out += is_control ? ' ' : c;
  }
  return out + (length < text.size() ? "…'" : "'");
}

}  // namespace starocean::control
