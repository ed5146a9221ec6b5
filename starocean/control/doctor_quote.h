// Names in commands that are meant to be pasted into a shell: Linux lets a device be called `a;b`.
#pragma once

#include <string>
#include <string_view>

namespace starocean::control::doctor {

// As it is if it has only letters, digits and . _ - / : @ + , = %; else in single quotes (POSIX sh, 2.2.2).
// Quotes do not keep a name that begins with '-' from being taken for an option.
std::string shell_quoted(std::string_view text);

}  // namespace starocean::control::doctor
