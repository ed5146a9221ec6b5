#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <future>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "starocean/base/cpu_affinity.h"
#include "starocean/base/kernel_threads.h"
#include "starocean/base/regions.h"
#include "starocean/base/rlimits.h"
#include "starocean/base/short_slice.h"

namespace starocean {
namespace {

const Region* find(const std::vector<Region>& regions, const void* start) {
  const auto found = std::ranges::find(regions, reinterpret_cast<uintptr_t>(start), &Region::start);
  return found == regions.end() ? nullptr : &*found;
}

TEST(Regions, ScopeRegistersAndMoves) {
  std::array<char, 64> memory{};
  {
    ScopedRegion outer;
    {
      ScopedRegion inner(memory.data(), memory.size(), "test memory", "other");
      outer = std::move(inner);
    }
    const auto regions = registered_regions();
    const Region* const region = find(regions, memory.data());
    ASSERT_NE(region, nullptr);
    EXPECT_EQ(region->len_bytes, 64u);
    EXPECT_EQ(region->name, "test memory");
  }
  EXPECT_EQ(find(registered_regions(), memory.data()), nullptr);
}

TEST(Regions, OrderedByAddressAndReplaced) {
  std::array<char, 3> memory{};
  const ScopedRegion high(&memory[2], 1, "high", "other");
  const ScopedRegion low(&memory[0], 1, "low", "other");
  register_region(&memory[2], 1, "higher", "heap");
  const auto regions = registered_regions();
  EXPECT_TRUE(std::ranges::is_sorted(regions, {}, &Region::start));
  EXPECT_EQ(find(regions, &memory[2])->name, "higher");
}

TEST(Regions, ThreadStackHoldsTheThreadsLocals) {
  std::thread([] {
    const int local = 0;
    const ScopedRegion stack = ScopedRegion::this_thread_stack("stack of the test");
    const auto regions = registered_regions();
    const auto address = reinterpret_cast<uintptr_t>(&local);
    const auto holds = [&](const Region& region) {
      return region.name == "stack of the test" && region.kind == "stack" &&
             region.start <= address && address < region.start + region.len_bytes;
    };
    EXPECT_TRUE(std::ranges::any_of(regions, holds));
  }).join();
}

TEST(Regions, ManyThreads) {
  const size_t before = registered_regions().size();
  std::vector<std::thread> threads;
  std::array<std::array<char, 100>, 4> memory{};
  for (auto& part : memory) {
    threads.emplace_back([&part] {
      for (int round = 0; round < 50; ++round) {
        for (char& byte : part) register_region(&byte, 1, "x", "other");
        for (char& byte : part) unregister_region(&byte);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(registered_regions().size(), before);
}

// Runs `body` in a child process; true if it returned true.
template <class Body>
bool in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Rlimits, WithoutPrivilegeTheSoftLimitRisesToTheHardOneAndSaysSo) {
  EXPECT_TRUE(in_child([] {
    const rlimit low{1 << 16, 1 << 20};
    if (setrlimit(RLIMIT_MEMLOCK, &low) != 0) return false;
    if (getuid() == 0 && setuid(65534) != 0) return false;
    const auto notes = lift_resource_limits();
    const auto about_memlock = [](const std::string& note) {
      return note.starts_with("RLIMIT_MEMLOCK stays at 1048576 bytes: ") &&
             note.find("CAP_SYS_RESOURCE") != std::string::npos;
    };
    return memlock_limit_bytes() == 1 << 20 && std::ranges::any_of(notes, about_memlock);
  }));
}

TEST(Rlimits, WhatIsLiftedGivesNoNote) {
  EXPECT_TRUE(in_child([] {
    const auto notes = lift_resource_limits();
    const bool noted = std::ranges::any_of(
        notes, [](const std::string& note) { return note.starts_with("RLIMIT_MEMLOCK"); });
    return noted != (memlock_limit_bytes() == std::numeric_limits<uint64_t>::max());
  }));
}

SchedulerAttributes attributes_of_this_thread() {
  SchedulerAttributes attributes;
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0), 0);
  return attributes;
}

TEST(ShortSlice, IsOfTheThreadAloneAndChangesNothingElse) {
  const SchedulerAttributes before = attributes_of_this_thread();
  bool granted = false;
  SchedulerAttributes inside;
  std::thread([&] {
    granted = ask_for_short_slice();
    inside = attributes_of_this_thread();
  }).join();
  EXPECT_EQ(inside.policy, before.policy);
  EXPECT_EQ(inside.nice, before.nice);
  EXPECT_EQ(attributes_of_this_thread().runtime_ns, before.runtime_ns);
  if (!granted) GTEST_SKIP() << "this kernel knows no slices of single threads: Linux 6.12 does";
  EXPECT_EQ(inside.runtime_ns, kShortSliceNs);
}

TEST(ShortSlice, IsNotForThreadsOfOtherPolicies) {
  std::thread([] {
    sched_param none{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
    EXPECT_FALSE(ask_for_short_slice());
    EXPECT_EQ(attributes_of_this_thread().policy, static_cast<uint32_t>(SCHED_IDLE));
  }).join();
}

// In a thread of its own, since what it changes stays changed.
template <class Body>
void in_a_thread(Body body) {
  std::thread(body).join();
}

TEST(CpuAffinity, APinnedThreadRunsOnThatCpuAlone) {
  in_a_thread([] {
    const int last = allowed_cpus().back();
    ASSERT_TRUE(pin_this_thread("the test", last));
    EXPECT_EQ(allowed_cpus(), std::vector{last});
    EXPECT_EQ(sched_getcpu(), last);
  });
}

TEST(CpuAffinity, ACpuThatIsNotThereIsRefusedAndNothingChanges) {
  in_a_thread([] {
    const std::vector<int> before = allowed_cpus();
    for (const int cpu : {-1, 1023, 100'000}) {
      const Status pinned = pin_this_thread("worker 3", cpu);
      ASSERT_FALSE(pinned);
      EXPECT_NE(pinned.error().message().find("cannot run worker 3 on CPU"), std::string::npos);
    }
    EXPECT_EQ(allowed_cpus(), before);
  });
}

TEST(CpuAffinity, LeavesCpusWithAllThatItMakesWhereOthersRemain) {
  in_a_thread([] {
    const std::vector<int> before = allowed_cpus();
    EXPECT_FALSE(leave_cpus({}));
    EXPECT_FALSE(leave_cpus(before));
    EXPECT_FALSE(leave_cpus({{before.back()}}, 1 << 30));
    EXPECT_FALSE(place_thread(kThisThread, {}));
    EXPECT_TRUE(allowed_cpus(1 << 30).empty());
    EXPECT_EQ(allowed_cpus(), before);
    if (before.size() < 2) GTEST_SKIP() << "one CPU";
    EXPECT_TRUE(leave_cpus({{before.back(), 100'000}}));
    const std::vector<int> others(before.begin(), before.end() - 1);
    EXPECT_EQ(allowed_cpus(), others);
    in_a_thread([&] { EXPECT_EQ(allowed_cpus(), others); });
    // It may still place another there.
    std::promise<void> placed;
    std::thread other([&] {
      placed.get_future().wait();
      EXPECT_EQ(allowed_cpus(), std::vector{before.back()});
    });
    EXPECT_TRUE(pin_thread(other, "the other", before.back()));
    placed.set_value();
    other.join();
    EXPECT_FALSE(leave_cpus({{before.back()}}));
    EXPECT_TRUE(place_thread(kThisThread, before));
    EXPECT_EQ(allowed_cpus(), before);
  });
}

TEST(KernelThreads, OnlyLinuxsOwnThatCanBePlaced) {
  const auto parse = [](const std::string& stat) { return parse_kernel_thread(stat, 1000, 100); };
  const std::string times = " 0 0 0 0 5 2495 0 0 20 0 1 0 50000 0 0 18446744073709551615\n";
  const auto thread = parse("77 (kdamond.0) I 2 0 0 0 -1 2129984" + times);
  ASSERT_TRUE(thread);
  EXPECT_EQ(thread->id, 77);
  EXPECT_EQ(thread->name, "kdamond.0");
  EXPECT_DOUBLE_EQ(thread->cpu_share, 0.05);  // 25 s of the 500 s since it began
  EXPECT_EQ(parse("8 (a) b (c) I 2 0 0 0 -1 2129984" + times)->name, "a) b (c");
  EXPECT_FALSE(parse("14 (ksoftirqd/0) S 2 0 0 0 -1 69238848" + times));
  EXPECT_FALSE(parse("812 (bash) S 1 812 812 0 -1 4194304" + times));
  for (const char* broken :
       {"", ")(", "77 (kdamond.0", "77 (x) I 2 0 0", "77 (x) I 2 0 0 0 -1 flags 0 0 0 0 1 1"}) {
    EXPECT_FALSE(parse(broken)) << broken;
  }
}

TEST(KernelThreads, TheParentOfAllIsAmongThem) {
  const auto threads = movable_kernel_threads();
  const auto found = std::ranges::find(threads, "kthreadd", &KernelThread::name);
  if (found == threads.end()) GTEST_SKIP() << "/proc shows no threads of Linux's";
  EXPECT_EQ(found->id, 2);
  EXPECT_FALSE(found->cpus.empty());
  EXPECT_LT(found->cpu_share, 1);
}

}  // namespace
}  // namespace starocean
