// A network namespace without a name, and cables (veth pairs) between such: the machines and wires of a
// benchmark. They vanish with this process, however it ends, together with all devices and everything
// started in them (command.h).
//
//   auto sender = NetNamespace::create();
//   auto wire = make_wire({*sender, "gen0"}, {*forwarder, "in0"}, {.mtu = 1500});
//   { const auto inside = sender->enter(); … sockets, Generator::create() … }
//
// Control thread. Privileges: CAP_SYS_ADMIN, CAP_NET_ADMIN. Needs `ip` and `ethtool` (iproute2, ethtool).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/testbed/command.h"

namespace starocean::testbed {

class NetNamespace {
 public:
  // `lo` is up; IPv6 is off, so that Linux sends nothing of its own accord.
  static Result<NetNamespace> create();
  NetNamespace(NetNamespace&& other) noexcept;
  NetNamespace& operator=(NetNamespace&& other) noexcept;
  ~NetNamespace();

  // The calling thread is inside while the result lives. Threads and sockets made meanwhile stay there.
  class Entered {
   public:
    explicit Entered(int netns_fd);
    ~Entered();
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

   private:
    int home_fd_;
  };
  [[nodiscard]] Entered enter() const { return Entered(fd_); }

  int fd() const { return fd_; }
  // As `ip link set … netns PATH` takes it.
  std::string path() const;
  // run_command() and ChildProcess::start() inside.
  Result<std::string> run(const Words& words) const {
    return run_command(words, {.netns_fd = fd_});
  }
  Status do_run(const Words& words) const;  // where the output does not matter
  // As `sysctl -w KEY=VALUE` inside.
  Status sysctl(const std::string& key, const std::string& value) const;

 private:
  explicit NetNamespace(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Device names are unique over the whole testbed: NAPI threads are found by them.
struct WireEnd {
  const NetNamespace& where;
  std::string device;
  std::string mac = {};  // empty: Linux's choice
};

struct WireOptions {
  uint32_t mtu = 1500;
  uint32_t queues = 1;
  // False: TCP segmentation, checksum offload, GRO and VLAN offload are off at both ends, so that frames
  // look as on a wire.
  bool offloads = false;
};

// Both ends are up when this returns.
Status make_wire(const WireEnd& a, const WireEnd& b, const WireOptions& options = {});

// Runs the device's receive processing (NAPI) in threads of their own, pinned to `cpu`: without this it
// stays on whichever CPU scheduled it last, and every result is one of two. On a veth it needs an XDP
// program or GRO first (the kernel answers EIO). Returns how many threads there are.
// Source: Documentation/networking/napi.rst, "Threaded NAPI".
Result<uint32_t> pin_napi(const WireEnd& end, int cpu);

// Those threads, of every device of that name on the machine.
std::vector<pid_t> napi_threads(const std::string& device);

}  // namespace starocean::testbed
