// The words of the configuration's errors.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace starocean::control {

// The candidate that `word` is most probably meant to be; empty when none is near: at most two
// letters wrong, missing, too many or swapped, and less than half of the word.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

// What to do about the name of an interface that is not there: "did you mean 'lan1'?", or to declare it.
std::string remedy_for_interface(std::string_view name, std::span<const std::string_view> declared);

// 'text', fit for one line of an error: cut to a length, control characters replaced.
std::string quote(std::string_view text);

}  // namespace starocean::control
