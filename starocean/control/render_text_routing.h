// The tables of `show routes`, `show neighbours`, `show route` and `explain`, of the JSON that the daemon answers
// (collect_routing.h). Pure.
#pragma once

#include <string>

#include "starocean/control/render_json.h"

namespace starocean::control {

std::string routes_text(const Json& answer);
std::string neighbours_text(const Json& answer);
std::string route_text(const Json& answer);
std::string explain_text(const Json& answer);

}  // namespace starocean::control
