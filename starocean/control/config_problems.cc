#include "starocean/control/config_problems.h"

#include <algorithm>

#include "starocean/base/check.h"

namespace starocean::control {

void Problems::add(Mark mark, std::string_view what, std::string_view cause,
                   std::string_view remedy) {
  add({mark, Error(what, cause, remedy)});
}

void Problems::add(Problem problem) {
  if (!full()) problems_.push_back(std::move(problem));
}

Error Problems::to_error(std::string_view file_name) const {
  SO_CHECK(!empty(), "an error without a problem");
  std::vector<Problem> sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Problem& a, const Problem& b) { return a.mark < b.mark; });
  std::vector<std::string> lines;
  for (const Problem& problem : sorted) {
    std::string line = problem.error.in(format_place(file_name, problem.mark)).message();
    // The same value may stand in the same place twice, by an alias.
    if (lines.empty() || lines.back() != line) lines.push_back(std::move(line));
  }
  const bool is_cut = lines.size() > kMaxReportedProblems;
  if (is_cut) lines.resize(kMaxReportedProblems);
  // An Error takes its message in parts; the first line has the first ": " after the place.
  std::string text = lines.front();
  for (size_t i = 1; i < lines.size(); ++i) text.append("\n").append(lines[i]);
  if (is_cut) {
    text.append("\n").append(file_name).append(
        ": cannot list all that is wrong: there is more of it; mend these first");
  }
  const size_t split = text.find(": ");
  return {text.substr(0, split), text.substr(split + 2)};
}

std::string at(Mark mark) {
  return std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

std::string format_place(std::string_view file_name, Mark mark) {
  std::string out(file_name);
  if (mark.line == 0) return out;
  return out + ":" + at(mark);
}

}  // namespace starocean::control
