#include "starocean/control/counter_reference.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace starocean::control {
namespace {

// Tests run in the project's root.
TEST(CounterReference, OperationsPageIsUpToDate) {
  std::ifstream file("docs/operations.md");
  ASSERT_TRUE(file) << "docs/operations.md is missing";
  std::ostringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  const std::string begin_mark = "<!-- counters: begin -->\n";
  const size_t begin = text.find(begin_mark);
  const size_t end = text.find("<!-- counters: end -->");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t from = begin + begin_mark.size();
  EXPECT_EQ(text.substr(from, end - from), counter_reference_markdown())
      << "put the output of `counter_reference` between the marks of docs/operations.md";
}

}  // namespace
}  // namespace starocean::control
