#include "starocean/control/status_line.h"

#include <gtest/gtest.h>

#include "starocean/control/status_sample.h"

namespace starocean::control {
namespace {

TEST(StatusLine, OnePerQueueInTheNamesOfTheField) {
  const auto lines = status_lines(sample_status());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0],
            "lan1:0 Filled=5000 Completed=5001 Received=5002 Transmitted=5003 [K]RxDropped=5008 "
            "[K]RxInvalidDescs=5009 [K]TxInvalidDescs=5010 [K]RxRingFull=5011 "
            "[K]RxFillRingEmpty=5012 [K]TxRingEmpty=5013");
  EXPECT_EQ(lines[1].rfind("lan2:0 Filled=6000 ", 0), 0u);
}

}  // namespace
}  // namespace starocean::control
