// For tests of the mirror against Linux: a network namespace of its own with two veth pairs, a Fib, a RouteMirror, and
// what `ip -j route` says of the same tables, read by a parser that shares nothing with ours.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "starocean/control/route_mirror.h"
#include "starocean/ring/qsbr.h"
#include "starocean/table/fib.h"
#include "starocean/xsk/testing/netns.h"

namespace starocean::control::testing {

// "10.1.0.0/16" → "forward: via 10.0.0.2 dev 3 weight 1, …", next hops sorted; of one family of one table.
using RoutesByPrefix = std::map<std::string, std::string>;

// Runs `ip` and returns its output; a failure is the test's.
std::string ip_output(const std::string& words);
// The same for many commands at once (`ip -batch -`).
void ip_batch(const std::string& commands, bool ipv6 = false);

// The route that Linux follows for each prefix, by `ip -j route show table N`: lowest metric first, without next
// hops that are dead. `ignore_linkdown`: nor without carrier.
RoutesByPrefix linux_routes(net::IpFamily family, uint32_t table, bool ignore_linkdown = false);
RoutesByPrefix fib_routes(const table::Fib& fib, uint32_t table, net::IpFamily family);

class MirrorTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kMain = 254;
  static constexpr uint32_t kLocal = 255;

  // va–vb and vc–vd, up, without addresses; IPv6 is on.
  void SetUp() override;
  void open(const RouteMirror::Options& options = {.tables = {kMain, kLocal, 100}});
  // Works until nothing is left to do.
  void settle();
  // Waits, within bounds, until it is so.
  void expect_soon(const std::function<bool()>& condition, const std::string& what);
  // Mirror and Linux agree on all routes of the tables, both families, sooner or later.
  void expect_agreement(bool ignore_linkdown = false);
  // What the mirror has of a prefix; "" for nothing.
  std::string route(const std::string& prefix, uint32_t table = kMain);
  uint32_t index_of(const std::string& device) const;

  std::optional<xsk::testing::Netns> netns_;
  ring::Qsbr qsbr_{1};
  std::unique_ptr<table::Fib> fib_;
  std::optional<RouteMirror> mirror_;
  std::vector<uint32_t> tables_;
};

}  // namespace starocean::control::testing
