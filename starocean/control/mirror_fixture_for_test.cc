#include "starocean/control/mirror_fixture_for_test.h"

#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "starocean/base/check.h"

namespace starocean::control::testing {
namespace {

using nlohmann::json;
using table::RouteKind;

constexpr auto kPatience = std::chrono::seconds(10);

bool has_flag(const json& hop, const char* flag) {
  const auto flags = hop.value("flags", json::array());
  return std::ranges::find(flags, flag) != flags.end();
}

std::string hop_text(const std::string& gateway, uint32_t ifindex, uint32_t weight) {
  return fmt::format("via {} dev {} weight {}", gateway.empty() ? "-" : gateway, ifindex, weight);
}

std::string gateway_text(const json& hop) {
  if (hop.contains("via")) return hop["via"].value("host", "");
  return hop.value("gateway", "");
}

std::string forward_text(std::vector<std::string> hops) {
  std::ranges::sort(hops);
  return fmt::format("forward: {}", fmt::join(hops, ", "));
}

// "" for a route that Linux does not follow now, or that is not ours to follow.
std::string route_text(const json& route, bool ignore_linkdown) {
  std::string type = route.value("type", "unicast");
  if (type == "local" || type == "anycast") return "local";
  if (type == "multicast") return "";
  if (type != "unicast") return type;
  if (route.contains("encap")) return forward_text({hop_text("", 0, 1)});
  std::vector<std::string> hops;
  const json several = route.contains("nexthops") ? route["nexthops"] : json::array({route});
  size_t alive = 0;
  const auto is_alive = [&](const json& hop) {
    return !has_flag(hop, "dead") && !(ignore_linkdown && has_flag(hop, "linkdown"));
  };
  for (const json& hop : several) alive += is_alive(hop) ? 1 : 0;
  for (const json& hop : several) {
    if (!is_alive(hop)) continue;
    // Linux does not tell the weight of a single next hop.
    const uint32_t weight = alive == 1 ? 1 : hop.value("weight", 1u);
    hops.push_back(
        hop_text(gateway_text(hop), if_nametoindex(hop.value("dev", "").c_str()), weight));
  }
  return hops.empty() ? "" : forward_text(hops);
}

std::string prefix_text(const std::string& dst, net::IpFamily family) {
  const bool ipv4 = family == net::IpFamily::kIpv4;
  if (dst == "default") return ipv4 ? "0.0.0.0/0" : "::/0";
  if (dst.find('/') != std::string::npos) return dst;
  return dst + (ipv4 ? "/32" : "/128");
}

std::string route_text(const table::Route& route) {
  switch (route.kind) {
    case RouteKind::kForward: {
      std::vector<std::string> hops;
      for (const table::NextHop& hop : route.next_hops) {
        hops.push_back(hop_text(hop.gateway ? net::to_string_either(*hop.gateway) : "", hop.ifindex,
                                route.next_hops.size() == 1 ? 1 : hop.weight));
      }
      return forward_text(hops);
    }
    case RouteKind::kNone:
    case RouteKind::kElsewhere:
      return "never set";
    default:
      return to_string(route.kind);
  }
}

}  // namespace

namespace {

struct Outcome {
  int status = 0;
  std::string output;
};

Outcome run_ip(const std::string& words) {
  FILE* const pipe = popen(("ip " + words).c_str(), "r");
  SO_CHECK(pipe != nullptr, "cannot run ip");
  Outcome outcome;
  std::array<char, 65536> buffer{};
  while (const size_t len = fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.output.append(buffer.data(), len);
  }
  outcome.status = pclose(pipe);
  return outcome;
}

}  // namespace

std::string ip_output(const std::string& words) {
  const Outcome outcome = run_ip(words);
  EXPECT_EQ(outcome.status, 0) << "ip " << words;
  return outcome.output;
}

void ip_batch(const std::string& commands, bool ipv6) {
  FILE* const pipe = popen(ipv6 ? "ip -6 -batch -" : "ip -batch -", "w");
  SO_CHECK(pipe != nullptr, "cannot run ip");
  EXPECT_EQ(fwrite(commands.data(), 1, commands.size(), pipe), commands.size());
  EXPECT_EQ(pclose(pipe), 0);
}

RoutesByPrefix linux_routes(net::IpFamily family, uint32_t table, bool ignore_linkdown) {
  struct Best {
    uint64_t metric;
    std::string text;
  };
  std::map<std::string, Best> best;
  // A table that has no routes does not exist, which `ip` calls an error.
  const Outcome outcome = run_ip(fmt::format("{} -j route show table {} 2>/dev/null",
                                             family == net::IpFamily::kIpv4 ? "-4" : "-6", table));
  const json routes = outcome.status == 0 ? json::parse(outcome.output) : json::array();
  for (const json& route : routes) {
    if (route.contains("tos") && !route.contains("encap")) continue;
    if (route.contains("from")) continue;
    const std::string text = route_text(route, ignore_linkdown);
    if (text.empty()) continue;
    const uint64_t metric = route.value("metric", uint64_t{0});
    // With an encapsulation `ip` writes two members named "dst": the parser keeps the last.
    const std::string dst = route.value("dst", "");
    const auto [at, fresh] = best.try_emplace(prefix_text(dst, family), Best{metric, text});
    if (!fresh && metric < at->second.metric) at->second = {metric, text};
  }
  RoutesByPrefix result;
  for (const auto& [prefix, each] : best) result[prefix] = each.text;
  return result;
}

RoutesByPrefix fib_routes(const table::Fib& fib, uint32_t table, net::IpFamily family) {
  RoutesByPrefix result;
  const auto* const found = const_cast<table::Fib&>(fib).find_table(table);
  if (found == nullptr) return result;
  fib.for_each_route(*found, family, [&](const net::IpPrefix& prefix, const table::Route& route) {
    result[prefix.to_string()] = route_text(route);
  });
  EXPECT_EQ(result.size(), fib.route_count(*found, family));
  return result;
}

void MirrorTest::SetUp() {
  if (const auto reason = xsk::testing::why_no_namespaces(); !reason.empty()) {
    GTEST_SKIP() << reason;
  }
  if (std::system("command -v ip >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs `ip` (iproute2)";
  netns_.emplace();
  ip_output("link add va address 02:00:00:00:00:0a type veth peer name vb");
  ip_output("link add vc address 02:00:00:00:00:0c type veth peer name vd");
  for (const char* device : {"va", "vb", "vc", "vd"}) {
    ip_output(fmt::format("link set {} up", device));
  }
  fib_ = std::make_unique<table::Fib>(qsbr_);
}

void MirrorTest::open(const RouteMirror::Options& options) {
  tables_ = options.tables;
  auto mirror = RouteMirror::open(*fib_, options);
  ASSERT_TRUE(mirror) << mirror.error().message();
  mirror_.emplace(std::move(*mirror));
  settle();
}

void MirrorTest::settle() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (mirror_->service() || !mirror_->synchronised()) {
    if (std::chrono::steady_clock::now() > end) return ADD_FAILURE() << "the mirror never rests";
  }
}

void MirrorTest::expect_soon(const std::function<bool()>& condition, const std::string& what) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    settle();
    if (condition()) return;
    if (std::chrono::steady_clock::now() > end) break;
    std::array<pollfd, 2> readable{
        {{mirror_->fds()[0], POLLIN, 0}, {mirror_->fds()[1], POLLIN, 0}}};
    constexpr int kPause_ms = 50;
    poll(readable.data(), readable.size(), kPause_ms);
  }
  ADD_FAILURE() << what;
}

void MirrorTest::expect_agreement(bool ignore_linkdown) {
  struct Pair {
    RoutesByPrefix ours, theirs;
  };
  std::map<std::string, Pair> pairs;
  const auto agree = [&] {
    bool equal = true;
    for (const uint32_t table : tables_) {
      for (const auto family : {net::IpFamily::kIpv4, net::IpFamily::kIpv6}) {
        Pair& pair = pairs[fmt::format("table {} IPv{}", table, static_cast<int>(family))];
        pair = {fib_routes(*fib_, table, family), linux_routes(family, table, ignore_linkdown)};
        equal = equal && pair.ours == pair.theirs;
      }
    }
    return equal;
  };
  // Linux changes some of them on its own after `ip` has returned (IPv6 addresses, carrier).
  expect_soon(agree, "the mirror and Linux do not agree");
  for (const auto& [name, pair] : pairs) EXPECT_EQ(pair.ours, pair.theirs) << name;
}

std::string MirrorTest::route(const std::string& prefix, uint32_t table) {
  const auto family =
      prefix.find(':') == std::string::npos ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6;
  const auto routes = fib_routes(*fib_, table, family);
  const auto found = routes.find(prefix);
  return found == routes.end() ? "" : found->second;
}

uint32_t MirrorTest::index_of(const std::string& device) const {
  return if_nametoindex(device.c_str());
}

}  // namespace starocean::control::testing
