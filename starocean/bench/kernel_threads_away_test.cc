#include "starocean/bench/kernel_threads_away.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

constexpr pid_t kParentOfAll = 2;  // kthreadd

// The CPU that kthreadd is to leave; negative where this cannot be tested.
int cpu_to_leave() {
  const std::vector<int> cpus = allowed_cpus(kParentOfAll);
  return geteuid() == 0 && cpus.size() > 1 ? cpus.back() : -1;
}

TEST(KernelThreadsAway, ArePutBackWhereTheyWere) {
  const int cpu = cpu_to_leave();
  if (cpu < 0) GTEST_SKIP() << "needs root, and kthreadd on two CPUs";
  const std::vector<int> before = allowed_cpus(kParentOfAll);
  {
    const KernelThreadsAway away(cpu);
    EXPECT_NE(std::ranges::count(away.names(), "kthreadd"), 0);
    EXPECT_EQ(std::ranges::count(allowed_cpus(kParentOfAll), cpu), 0);
  }
  EXPECT_EQ(allowed_cpus(kParentOfAll), before);
}

TEST(KernelThreadsAway, ArePutBackWhenTheProcessIsKilled) {
  const int cpu = cpu_to_leave();
  if (cpu < 0) GTEST_SKIP() << "needs root, and kthreadd on two CPUs";
  const std::vector<int> before = allowed_cpus(kParentOfAll);
  const pid_t child = fork();
  if (child == 0) {
    const KernelThreadsAway away(cpu);
    if (std::ranges::count(allowed_cpus(kParentOfAll), cpu) != 0) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  for (int i = 0; i < 60'000 && allowed_cpus(kParentOfAll) != before; ++i) usleep(1000);
  EXPECT_EQ(allowed_cpus(kParentOfAll), before);
}

}  // namespace
}  // namespace starocean::bench
