// A question to a running program over its control socket, and how the answer is printed: as a table, or
// as the JSON that it is.
#pragma once

#include <string>

#include "starocean/cli/command_line.h"
#include "starocean/control/render_json.h"

namespace starocean::cli {

struct Question {
  std::string path;                             // of the request
  std::string (*render)(const control::Json&);  // the table
  std::string program = "starocean run";        // that answers, for messages
};

// Checks that it is JSON of the schema version that this program knows.
Result<control::Json> read_answer(const Context& context, const std::string& body);
// Asks and prints; `watching`: again every second, until something fails (JSON: a document per line).
// Returns the exit status.
int show_answer(Context& context, const Question& question, bool watching);

}  // namespace starocean::cli
