// A report for people and for programs. Pure.
//
// JSON: {schema_version, starocean, config, host{…}, interfaces[{…}], findings[{id, interface, verdict,
// text, remedy, safe}], fixes[{id, interface, command, exit_status, output, mended}], summary{ok, note,
// warning, fault}}. What could not be seen is null. Members may be added under the same schema_version; one
// that is renamed, removed or changes its meaning raises it.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "starocean/control/doctor.h"
#include "starocean/control/render_json.h"

namespace starocean::control::doctor {

inline constexpr int kReportSchemaVersion = 1;

Json report_json(const Report& report);
// A line per finding, its remedy below it, and a sum at the end.
std::string report_text(const Report& report);

}  // namespace starocean::control::doctor
