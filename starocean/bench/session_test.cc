#include "starocean/bench/session.h"

#include <gtest/gtest.h>
#include <signal.h>

namespace starocean::bench {
namespace {

bool is_blocked(int signal) {
  sigset_t blocked;
  sigemptyset(&blocked);
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  return sigismember(&blocked, signal) == 1;
}

TEST(EndSignals, AreAnAnswerAndNotAnEnd) {
  auto signals = EndSignals::watch();
  ASSERT_TRUE(signals);
  EXPECT_FALSE(signals->wait(0));
  ASSERT_EQ(raise(SIGTERM), 0);
  EXPECT_TRUE(signals->wait(0));
  EXPECT_TRUE(signals->wait(0)) << "once told, told for good";
}

TEST(EndSignals, ThatComeAtTheVeryEndDoNotEndTheProcess) {
  {
    auto signals = EndSignals::watch();
    ASSERT_TRUE(signals);
    ASSERT_EQ(raise(SIGTERM), 0);
    ASSERT_EQ(raise(SIGINT), 0);
  }
  EXPECT_FALSE(is_blocked(SIGTERM));
  EXPECT_FALSE(is_blocked(SIGINT));
}

}  // namespace
}  // namespace starocean::bench
