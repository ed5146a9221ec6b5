// Programs of others, run in a network namespace and on given CPUs: `ip`, `ethtool`, and the systems that
// ours is measured beside.
//
// What is started never outlives this process: the kernel kills it when the thread that started it ends
// (PR_SET_PDEATHSIG), so start from a thread that lives as long as the program should.
//
// Inside another network namespace a program also gets a /sys of its own, since /sys/class/net shows the
// namespace that it was mounted in; like `ip netns exec` (ip-netns(8)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "starocean/base/result.h"

namespace starocean::testbed {

using Words = std::vector<std::string>;

struct CommandOptions {
  int netns_fd = -1;           // -1: where the calling thread is
  std::vector<int> cpus = {};  // empty: any
  // Set in the program's environment, besides ours.
  std::vector<std::pair<std::string, std::string>> environment = {};
};

// Whether a program of this name is on the PATH (or there, if it is a path).
bool is_installed(const std::string& program);

// Runs to its end and returns what it wrote to standard output. An exit status other than 0 is an error
// with what it wrote to standard error; so is one that takes longer than `timeout_ms` (it is killed).
Result<std::string> run_command(const Words& words, const CommandOptions& options = {},
                                uint64_t timeout_ms = 30'000);

// A program that runs beside us. Both its outputs go to the file `log_path`. Control thread.
class ChildProcess {
 public:
  static Result<ChildProcess> start(const Words& words, const std::string& log_path,
                                    const CommandOptions& options = {});
  ChildProcess() = default;
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // stop()

  pid_t pid() const { return pid_; }
  bool running();
  // SIGTERM, and SIGKILL if it still runs after `grace_ms`. Idempotent. Returns the wait status; -1 if
  // there was nothing to stop.
  int stop(uint64_t grace_ms = 3000);
  // The end of what it wrote: for messages.
  std::string log_tail(size_t max_bytes = 1000) const;

 private:
  pid_t pid_ = -1;
  int status_ = -1;
  std::string log_path_;
};

}  // namespace starocean::testbed
