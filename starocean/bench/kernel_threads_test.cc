#include "starocean/bench/kernel_threads.h"

#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

TEST(KernelThreads, OnlyLinuxsOwnThatCanBePlacedAreMoved) {
  EXPECT_TRUE(is_movable_kernel_thread("77 (kdamond.0) I 2 0 0 0 -1 2097216 0 0 0 0 0 31000\n"));
  EXPECT_TRUE(is_movable_kernel_thread("77 (a) b (c) I 2 0 0 0 -1 2097216 0 0"));
  EXPECT_FALSE(
      is_movable_kernel_thread("14 (ksoftirqd/0) S 2 0 0 0 -1 69238848 0 0 0 0 0 28600\n"));
  EXPECT_FALSE(is_movable_kernel_thread("812 (bash) S 1 812 812 0 -1 4194304 100 0 0 0 5 6\n"));
  for (const char* broken :
       {"", "77 (kdamond.0", "77 (kdamond.0) I 2", "77 (x) I 2 0 0 0 -1 flags"}) {
    EXPECT_FALSE(is_movable_kernel_thread(broken)) << broken;
  }
}

TEST(KernelThreads, ArePutBackWhereTheyWere) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  if (allowed_cpus().size() < 2) GTEST_SKIP() << "one CPU";
  const int cpu = allowed_cpus().back();
  constexpr pid_t kParentOfAll = 2;  // kthreadd: all others inherit from it
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
