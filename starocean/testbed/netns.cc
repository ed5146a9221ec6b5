#include "starocean/testbed/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "starocean/base/check.h"
#include "starocean/base/cpu_affinity.h"

namespace starocean::testbed {
namespace {

constexpr int kNapiThreadTries = 50;
constexpr std::chrono::milliseconds kNapiThreadPause{10};

// Of the calling thread.
int open_own_netns() {
  return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

Status set_offloads_off(const WireEnd& end) {
  // Names that a device does not know are an error of the whole call: only those that every veth has.
  return end.where.do_run({"ethtool", "-K", end.device, "tx", "off", "tso", "off", "gso", "off",
                           "gro", "off", "txvlan", "off"});
}

}  // namespace

Result<NetNamespace> NetNamespace::create() {
  const int home = open_own_netns();
  if (home < 0) return fail_system("cannot find the current network namespace", errno);
  if (unshare(CLONE_NEWNET) != 0) {
    const int code = errno;
    close(home);
    return fail_system("cannot make a network namespace", code, "run as root");
  }
  const int made = open_own_netns();
  SO_CHECK(setns(home, CLONE_NEWNET) == 0, "no way back to the first network namespace");
  close(home);
  if (made < 0) return fail_system("cannot open the new network namespace", errno);
  NetNamespace result(made);
  Status ready = result.do_run({"ip", "link", "set", "lo", "up"});
  for (const char* scope : {"all", "default"}) {
    if (ready) ready = result.sysctl(fmt::format("net.ipv6.conf.{}.disable_ipv6", scope), "1");
  }
  if (!ready) return fail(ready.error());
  return result;
}

NetNamespace::NetNamespace(NetNamespace&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

NetNamespace& NetNamespace::operator=(NetNamespace&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

NetNamespace::~NetNamespace() {
  if (fd_ >= 0) close(fd_);
}

NetNamespace::Entered::Entered(int netns_fd) : home_fd_(open_own_netns()) {
  SO_CHECK(home_fd_ >= 0 && setns(netns_fd, CLONE_NEWNET) == 0, "cannot enter a network namespace");
}

NetNamespace::Entered::~Entered() {
  SO_CHECK(setns(home_fd_, CLONE_NEWNET) == 0, "no way back from a network namespace");
  close(home_fd_);
}

std::string NetNamespace::path() const {
  return fmt::format("/proc/{}/fd/{}", getpid(), fd_);
}

Status NetNamespace::do_run(const Words& words) const {
  auto done = run(words);
  if (!done) return fail(done.error());
  return {};
}

Status NetNamespace::sysctl(const std::string& key, const std::string& value) const {
  std::string path = "/proc/sys/" + key;
  for (char& c : path) c = c == '.' ? '/' : c;
  const Entered inside = enter();
  std::ofstream file(path);
  file << value << std::flush;
  if (!file) {
    return fail(fmt::format("cannot set {} to {}", key, value),
                "the kernel refused it or lacks it");
  }
  return {};
}

Status make_wire(const WireEnd& a, const WireEnd& b, const WireOptions& options) {
  const auto end = [&](const WireEnd& e) {
    Words words = {"name",        e.device,
                   "mtu",         fmt::to_string(options.mtu),
                   "numrxqueues", fmt::to_string(options.queues),
                   "numtxqueues", fmt::to_string(options.queues)};
    if (!e.mac.empty()) words.insert(words.end(), {"address", e.mac});
    return words;
  };
  Words words = {"ip", "link", "add"};
  for (const std::string& word : end(a)) words.push_back(word);
  words.insert(words.end(), {"type", "veth", "peer"});
  for (const std::string& word : end(b)) words.push_back(word);
  words.insert(words.end(), {"netns", b.where.path()});
  if (Status made = a.where.do_run(words); !made) return made;
  for (const WireEnd* e : {&a, &b}) {
    if (!options.offloads) {
      if (Status off = set_offloads_off(*e); !off) return off;
    }
    if (Status up = e->where.do_run({"ip", "link", "set", e->device, "up"}); !up) return up;
  }
  return {};
}

// "napi/DEVICE-ID" (net/core/dev.c, napi_kthread_create).
std::vector<pid_t> napi_threads(const std::string& device) {
  const std::string prefix = fmt::format("napi/{}-", device);
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    std::ifstream comm(entry.path() / "comm");
    std::string text;
    if (std::getline(comm, text) && text.starts_with(prefix)) found.push_back(pid);
  }
  return found;
}

Result<uint32_t> pin_napi(const WireEnd& end, int cpu) {
  const std::string switch_on = fmt::format("echo 1 > /sys/class/net/{}/threaded", end.device);
  if (Status on = end.where.do_run({"sh", "-c", switch_on}); !on) {
    return fail(
        on.error().in(fmt::format("cannot thread the receive processing of {}", end.device)));
  }
  std::vector<pid_t> threads;
  for (int i = 0; i < kNapiThreadTries && threads.empty(); ++i) {
    threads = napi_threads(end.device);
    if (threads.empty()) std::this_thread::sleep_for(kNapiThreadPause);
  }
  if (threads.empty()) {
    return fail(fmt::format("cannot pin the receive processing of {}", end.device),
                "its kernel threads did not appear");
  }
  for (const pid_t thread : threads) {
    if (!place_thread(thread, {{cpu}})) {
      return fail_system(
          fmt::format("cannot pin the receive processing of {} to CPU {}", end.device, cpu), errno);
    }
  }
  return static_cast<uint32_t>(threads.size());
}

}  // namespace starocean::testbed
