// The API's answers as tables for people. They take the JSON of render_json.h and not the structs,
// because the command line has the JSON: what one sees with and without --json is then the same
// answer.
//
// Pure; any thread. A member that is missing reads as 0 or empty, so that a newer command line can
// show an older daemon's answer; one of another type throws nlohmann::json::type_error.
#pragma once

#include <string>

#include "starocean/control/render_json.h"

namespace starocean::control {

std::string interfaces_text(const Json& answer);
std::string fdb_text(const Json& answer);
// Hides the reasons that never happened, and says how many it hides.
std::string drops_text(const Json& answer);
std::string queues_text(const Json& answer);
std::string workers_text(const Json& answer);
std::string memory_text(const Json& answer);

}  // namespace starocean::control
