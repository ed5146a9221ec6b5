// The reference of all counters, as the Markdown that stands in docs/operations.md: made from the tables of
// dataplane/counters.h, so that it cannot say something else than the program. report_test fails when the page
// is out of date; `counter_reference` prints the new text.
#pragma once

#include <string>

namespace starocean::control {

std::string counter_reference_markdown();

}  // namespace starocean::control
