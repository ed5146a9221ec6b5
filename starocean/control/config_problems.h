// Collects what is wrong with a configuration, so that one run reports all of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "starocean/control/config.h"

namespace starocean::control {

class Problems {
 public:
  // Keeps no more than this: a file that is not a configuration at all has no end of mistakes.
  static constexpr size_t kMaxKept = 200;

  // The parts of an Error (base/result.h).
  void add(Mark mark, std::string_view what, std::string_view cause, std::string_view remedy);
  void add(Problem problem);

  bool empty() const { return problems_.empty(); }
  bool full() const { return problems_.size() >= kMaxKept; }

  // Not empty() only. One line per problem, in the order of the file, each "file:line:column:
  // sentence", the same line once, at most kMaxReportedProblems of them.
  Error to_error(std::string_view file_name) const;

 private:
  std::vector<Problem> problems_;
};

// "line:column", for another place in the same file.
std::string at(Mark mark);

// "file:line:column", or "file" for a mark that is not from a file.
std::string format_place(std::string_view file_name, Mark mark);

}  // namespace starocean::control
