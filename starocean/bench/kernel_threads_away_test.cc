#include "starocean/bench/kernel_threads_away.h"

#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

TEST(KernelThreadsAway, ArePutBackWhereTheyWere) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU";
  const int cpu = allowed_cpus().back();
  constexpr pid_t kParentOfAll = 2;  // kthreadd
  const std::vector<int> before = allowed_cpus(kParentOfAll);
  if (before.size() < 2) GTEST_SKIP() << "kthreadd has one CPU";
  {
    const KernelThreadsAway away(cpu);
    EXPECT_NE(std::ranges::count(away.names(), "kthreadd"), 0);
    EXPECT_EQ(std::ranges::count(allowed_cpus(kParentOfAll), cpu), 0);
  }
  EXPECT_EQ(allowed_cpus(kParentOfAll), before);
}

}  // namespace
}  // namespace starocean::bench
