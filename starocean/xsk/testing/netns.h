// For tests that need devices: a fresh network namespace, veth pairs and addresses in it. Needs
// root; tests skip themselves, saying why, where there is none:
//
//   if (const auto reason = testing::why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
//   testing::Netns netns;
//   const testing::Veth veth = testing::make_veth("va", "vb");
//
// Everything in the namespace disappears with it: when the Netns is destroyed, or the process ends.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "starocean/xsk/punt_link.h"

namespace starocean::xsk::testing {

// Empty if this process may make network namespaces.
std::string why_no_namespaces();

// Empty if the kernel has AF_XDP sockets that take packets of several buffers (XDP_USE_SG, from Linux 6.6).
std::string why_no_multi_buffer();

// The calling thread is in a network namespace of its own, with `lo` up, while this lives. Threads
// and processes started meanwhile are in it too.
class Netns {
 public:
  Netns();
  ~Netns();
  Netns(const Netns&) = delete;
  Netns& operator=(const Netns&) = delete;

 private:
  int previous_;
};

struct Veth {
  rtnl::Device near;
  rtnl::Device far;
};

struct VethOptions {
  uint32_t mtu = 1500;
  uint32_t queues = 1;
  // The far end sends on its first queue only, so that all arrives on the near end's first: of several, Linux
  // chooses by a hash with a seed of its own.
  bool one_queue_at_far_end = false;
  bool ipv6 = false;  // without it the kernel sends nothing of its own accord on the pair
};

// Both ends are up. Failures end the process with a message: without devices no test means
// anything.
Veth make_veth(const std::string& near, const std::string& far, const VethOptions& options = {});

// "10.0.0.1" on a network of /24.
void add_ip4(uint32_t ifindex, const std::string& address);
// On a network of /64; works when this returns.
void add_ip6(uint32_t ifindex, const std::string& address);

void remove_link(uint32_t ifindex);
void set_link(uint32_t ifindex, const rtnl::DeviceChange& change);

}  // namespace starocean::xsk::testing
