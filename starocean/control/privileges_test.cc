#include "starocean/control/privileges.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include <gtest/gtest.h>

namespace starocean::control {
namespace {

// Capabilities cannot be taken back, so each case runs in a child; it prints why it returns false.
template <class Body>
bool in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool says(bool truth, const std::string& text) {
  if (!truth) std::fprintf(stderr, "unexpected: %s\n", text.c_str());
  return truth;
}

bool held(cap_value_t capability, cap_flag_t set) {
  cap_t caps = cap_get_proc();
  cap_flag_value_t value = CAP_CLEAR;
  cap_get_flag(caps, capability, set, &value);
  cap_free(caps);
  return value == CAP_SET;
}

TEST(Privileges, WithoutAnyTheSentenceNamesAll) {
  EXPECT_TRUE(in_child([] {
    const rlimit low{4096, 4096};
    if (setrlimit(RLIMIT_MEMLOCK, &low) != 0 || !keep_capabilities({})) return false;
    const Status status = need_privileges(1 << 20);
    return !status && says(status.error().message().starts_with(
                               "cannot take interfaces: this process lacks CAP_NET_ADMIN, "
                               "CAP_NET_RAW, CAP_BPF, CAP_PERFMON and CAP_IPC_LOCK (or an "
                               "RLIMIT_MEMLOCK of 1048576 bytes, now 4096); run as root, "),
                           status.error().message());
  }));
}

TEST(Privileges, EnoughMemlockReplacesIpcLock) {
  EXPECT_TRUE(in_child([] {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    if (!keep_capabilities({})) return false;
    const Status status = need_privileges(limit.rlim_cur);
    return !status && says(status.error().message().find("IPC_LOCK (or") == std::string::npos,
                           status.error().message());
  }));
}

TEST(Privileges, KeepsWhatWasAskedForAndNothingElse) {
  if (!held(CAP_NET_ADMIN, CAP_PERMITTED) || !held(CAP_SETPCAP, CAP_EFFECTIVE)) {
    GTEST_SKIP() << "needs root";
  }
  EXPECT_TRUE(in_child([] {
    const auto report = keep_capabilities(kDaemonCapabilities);
    if (!report) return says(false, report.error().message());
    bool good = says(*report ==
                         "capabilities kept: cap_net_admin, cap_net_raw, cap_bpf, cap_perfmon and "
                         "cap_ipc_lock",
                     *report);
    for (const cap_value_t capability : kDaemonCapabilities) {
      good &= says(held(capability, CAP_EFFECTIVE) && held(capability, CAP_PERMITTED), "dropped");
      good &= says(cap_get_bound(capability) == 1, "bound dropped");
    }
    for (const cap_value_t capability : {CAP_SYS_ADMIN, CAP_DAC_OVERRIDE, CAP_SETPCAP}) {
      good &= says(!held(capability, CAP_PERMITTED), "still permitted");
      good &= says(cap_get_bound(capability) == 0, "still in the bounding set");
    }
    good &= says(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "new privileges possible");
    good &= says(bool(need_privileges(UINT64_MAX)), "not enough left to work");
    return good;
  }));
}

TEST(Privileges, CannotKeepWhatIsNotThere) {
  EXPECT_TRUE(in_child([] {
    if (!keep_capabilities({})) return false;
    const auto report = keep_capabilities(kDaemonCapabilities);
    return report && says(report->starts_with("capabilities kept: none"), *report) &&
           !held(CAP_NET_ADMIN, CAP_EFFECTIVE);
  }));
}

}  // namespace
}  // namespace starocean::control
