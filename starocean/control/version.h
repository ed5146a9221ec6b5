// The version of this build, "0.1.0": as in the project's CMakeLists.txt.
#pragma once

#include <string_view>

namespace starocean::control {

std::string_view version_text();

}  // namespace starocean::control
