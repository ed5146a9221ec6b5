#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/testbed/command.h"
#include "starocean/testbed/cpu_time.h"
#include "starocean/testbed/netns.h"

namespace starocean::testbed {
namespace {

std::string log_path() {
  return fmt::format("{}/starocean-testbed-{}.log", std::filesystem::temp_directory_path().string(),
                     getpid());
}

TEST(Command, ReturnsWhatWasPrinted) {
  const auto said = run_command({"sh", "-c", "printf 'one\ntwo'; echo noise >&2"});
  ASSERT_TRUE(said) << said.error().message();
  EXPECT_EQ(*said, "one\ntwo");
}

TEST(Command, SaysWhyItFailed) {
  const auto failed = run_command({"sh", "-c", "echo no such thing >&2; exit 3"});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("no such thing"), std::string::npos);
  EXPECT_EQ(failed.error().code(), 3);
  EXPECT_FALSE(run_command({"no-program-of-this-name"}));
  EXPECT_FALSE(run_command({"sleep", "100"}, {}, 50)) << "takes too long";
}

TEST(Command, RunsWhereAndHowItWasTold) {
  const auto cpus =
      run_command({"sh", "-c", "grep Cpus_allowed_list /proc/self/status; echo $GREETING"},
                  {.cpus = {0}, .environment = {{"GREETING", "hello"}}});
  ASSERT_TRUE(cpus) << cpus.error().message();
  EXPECT_EQ(*cpus, "Cpus_allowed_list:\t0\nhello\n");
}

TEST(ChildProcess, IsStoppedAndReportsItsEnd) {
  auto child = ChildProcess::start({"sh", "-c", "echo alive; exec sleep 100"}, log_path());
  ASSERT_TRUE(child) << child.error().message();
  EXPECT_TRUE(child->running());
  while (child->log_tail() != "alive\n") sched_yield();
  const pid_t pid = child->pid();
  EXPECT_EQ(WTERMSIG(child->stop()), SIGTERM);
  EXPECT_FALSE(child->running());
  EXPECT_EQ(kill(pid, 0), -1) << "the process is still there";
  std::filesystem::remove(log_path());
}

TEST(CpuTime, CountsWhatThisProcessDoes) {
  const auto before = process_time(getpid());
  ASSERT_TRUE(before) << before.error().message();
  CpuTime spent;
  while (spent.busy_ns() < 50 * kNsPerMs) spent = *process_time(getpid()) - *before;
  EXPECT_LT(spent.busy_ns(), 100 * kNsPerSecond);
  EXPECT_TRUE(cpu_time(0));
  EXPECT_FALSE(cpu_time(4095));
}

class Wires : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
  }
};

TEST_F(Wires, JoinTwoNamespaces) {
  auto left = NetNamespace::create();
  auto right = NetNamespace::create();
  ASSERT_TRUE(left && right);
  const WireEnd a{*left, "tbtest0", "02:00:00:00:00:01"};
  const WireEnd b{*right, "tbtest1"};
  const Status made = make_wire(a, b, {.mtu = 1600, .queues = 2});
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(if_nametoindex("tbtest0"), 0u) << "it must not appear here";
  {
    const auto inside = left->enter();
    EXPECT_NE(if_nametoindex("tbtest0"), 0u);
    EXPECT_EQ(if_nametoindex("tbtest1"), 0u);
  }
  EXPECT_EQ(if_nametoindex("tbtest0"), 0u);
  const auto sysfs =
      left->run({"cat", "/sys/class/net/tbtest0/mtu", "/sys/class/net/tbtest0/address"});
  ASSERT_TRUE(sysfs) << sysfs.error().message();
  EXPECT_EQ(*sysfs, "1600\n02:00:00:00:00:01\n");
  for (const auto& [where, address] :
       {std::pair{&a, "10.0.0.1/24"}, std::pair{&b, "10.0.0.2/24"}}) {
    ASSERT_TRUE(where->where.do_run({"ip", "addr", "add", address, "dev", where->device}));
  }
  const auto ping = left->run({"ping", "-n", "-c", "1", "-W", "10", "10.0.0.2"});
  EXPECT_TRUE(ping) << ping.error().message();
}

TEST_F(Wires, PinsReceiveProcessing) {
  auto left = NetNamespace::create();
  auto right = NetNamespace::create();
  ASSERT_TRUE(left && right);
  const WireEnd a{*left, "tbpin0"};
  const WireEnd b{*right, "tbpin1"};
  ASSERT_TRUE(make_wire(a, b));
  EXPECT_FALSE(pin_napi(b, 0)) << "there is no NAPI without GRO or XDP";
  ASSERT_TRUE(right->do_run({"ethtool", "-K", "tbpin1", "gro", "on"}));
  const auto threads = pin_napi(b, 0);
  ASSERT_TRUE(threads) << threads.error().message();
  EXPECT_EQ(*threads, 1u);
}

}  // namespace
}  // namespace starocean::testbed
