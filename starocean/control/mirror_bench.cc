// How long a full table takes from Linux into the forwarding information, what it costs in memory, how far behind
// Linux we are while it is being announced, and how soon a single change is there. In a network namespace of its own;
// root. Prints JSON.
//
//   mirror_bench [ROUTES]        1,000,000 unless said otherwise
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/base/endian.h"
#include "starocean/control/route_mirror.h"
#include "starocean/xsk/testing/netns.h"

namespace starocean::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kRoutesPerCall = 64;
constexpr uint32_t kGateways = 16;
constexpr uint32_t kMain = 254;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

uint64_t resident_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
  }
  return 0;
}

struct Prefix {
  uint32_t address;
  uint8_t length;
};

// Lengths about as in today's global table: six in ten are /24 (bgp.potaroo.net, "BGP prefix length distribution").
std::vector<Prefix> make_prefixes(size_t count) {
  std::mt19937 random(1);
  std::discrete_distribution<int> lengths({2, 1, 2, 4, 6, 11, 10, 62, 2});
  constexpr std::array<uint8_t, 9> kLengths = {16, 17, 18, 19, 20, 22, 23, 24, 21};
  std::unordered_set<uint64_t> taken;
  std::vector<Prefix> prefixes;
  while (prefixes.size() < count) {
    const uint8_t length = kLengths[static_cast<size_t>(lengths(random))];
    // 11.0.0.0 to 223.255.255.255: clear of the devices' own network.
    const uint32_t first = 11 + static_cast<uint32_t>(random() % 213);
    const uint32_t address = (first << 24 | random() % (1u << 24)) & ~((1u << (32 - length)) - 1);
    if (first == 127 || !taken.insert(uint64_t{address} << 8 | length).second) continue;
    prefixes.push_back({address, length});
  }
  return prefixes;
}

// Changes routes in Linux, many in one system call. When change() returns, they are there.
class LinuxRoutes {
 public:
  explicit LinuxRoutes(uint32_t ifindex)
      : socket_(mnl_socket_open(NETLINK_ROUTE)), ifindex_(ifindex) {
    SO_CHECK(socket_ != nullptr && mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) == 0, "netlink");
    buffer_.resize(kRoutesPerCall * 128);
  }
  ~LinuxRoutes() { mnl_socket_close(socket_); }
  LinuxRoutes(const LinuxRoutes&) = delete;
  LinuxRoutes& operator=(const LinuxRoutes&) = delete;

  void change(uint16_t type, const Prefix* prefixes, size_t count, uint32_t gateway_offset = 0) {
    size_t len = 0;
    for (size_t i = 0; i < count; ++i)
      len += put(buffer_.data() + len, type, prefixes[i], gateway_offset);
    SO_CHECK(mnl_socket_sendto(socket_, buffer_.data(), len) == static_cast<ssize_t>(len), "send");
    // Only errors are answered.
    std::array<char, 8192> answer{};
    const ssize_t error =
        recv(mnl_socket_get_fd(socket_), answer.data(), answer.size(), MSG_DONTWAIT);
    SO_CHECK(error < 0, "Linux does not take a route");
  }
  void change_all(uint16_t type, const std::vector<Prefix>& prefixes) {
    for (size_t i = 0; i < prefixes.size(); i += kRoutesPerCall) {
      change(type, &prefixes[i], std::min(kRoutesPerCall, prefixes.size() - i));
    }
  }

 private:
  size_t put(char* at, uint16_t type, const Prefix& prefix, uint32_t gateway_offset) const {
    nlmsghdr* const request = mnl_nlmsg_put_header(at);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST;
    if (type == RTM_NEWROUTE) request->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    auto* const info = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
    info->rtm_family = AF_INET;
    info->rtm_dst_len = prefix.length;
    info->rtm_table = RT_TABLE_MAIN;
    info->rtm_protocol = RTPROT_BGP;
    info->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(request, RTA_DST, be32(prefix.address).raw());
    if (type == RTM_NEWROUTE) {
      const uint32_t gateway = 0x0a000002 + (prefix.address / 977 + gateway_offset) % kGateways;
      mnl_attr_put_u32(request, RTA_GATEWAY, be32(gateway).raw());
      mnl_attr_put_u32(request, RTA_OIF, ifindex_);
    }
    return request->nlmsg_len;
  }

  mnl_socket* socket_;
  uint32_t ifindex_;
  std::vector<char> buffer_;
};

struct Rig {
  explicit Rig(size_t count) : prefixes(make_prefixes(count)) {
    veth = xsk::testing::make_veth("va", "vb");
    xsk::testing::add_ip4(veth.near.ifindex, "10.0.0.1");
  }
  size_t routes() const { return fib->route_count(*fib->find_table(kMain), net::IpFamily::kIpv4); }
  void open() {
    fib = std::make_unique<table::Fib>(qsbr);
    auto opened = RouteMirror::open(*fib, {.tables = {kMain}});
    SO_CHECK(opened.has_value(), "the mirror does not open");
    mirror.emplace(std::move(*opened));
  }
  void settle() {
    while (mirror->service() || !mirror->synchronised()) {
    }
  }

  xsk::testing::Netns netns;
  std::vector<Prefix> prefixes;
  xsk::testing::Veth veth;
  ring::Qsbr qsbr{1};
  std::unique_ptr<table::Fib> fib;
  std::optional<RouteMirror> mirror;
};

// Milliseconds that the Fib was behind Linux, of every call's routes.
std::vector<double> measure_lag(Rig& rig, double& announce_ms) {
  const size_t before = rig.routes();
  const size_t calls = (rig.prefixes.size() + kRoutesPerCall - 1) / kRoutesPerCall;
  std::vector<std::atomic<int64_t>> done(calls);  // when Linux had them all
  const auto start = Clock::now();
  std::thread announcer([&] {
    LinuxRoutes linux_routes(rig.veth.near.ifindex);
    for (size_t call = 0; call < calls; ++call) {
      const size_t at = call * kRoutesPerCall;
      linux_routes.change(RTM_NEWROUTE, &rig.prefixes[at],
                          std::min(kRoutesPerCall, rig.prefixes.size() - at));
      done[call] = Clock::now().time_since_epoch().count();
    }
    announce_ms = ms_since(start);
  });
  std::vector<double> lags;
  while (lags.size() < calls) {
    if (!rig.mirror->service()) {
      pollfd readable{rig.mirror->fds()[0], POLLIN, 0};
      poll(&readable, 1, 100);
    }
    const size_t have = rig.routes() - before;
    const int64_t now = Clock::now().time_since_epoch().count();
    while (lags.size() < calls &&
           std::min(rig.prefixes.size(), (lags.size() + 1) * kRoutesPerCall) <= have) {
      const int64_t when = done[lags.size()];
      // Seen before the announcer had taken the time.
      lags.push_back(when == 0 ? 0 : std::max(0.0, static_cast<double>(now - when) / 1e6));
    }
  }
  announcer.join();
  std::ranges::sort(lags);
  return lags;
}

// From the system call that changes a route to the changed route in the Fib.
std::vector<double> measure_single_changes(Rig& rig) {
  LinuxRoutes linux_routes(rig.veth.near.ifindex);
  const auto& table = *rig.fib->find_table(kMain);
  std::vector<double> times;
  constexpr size_t kChanges = 1000;
  for (size_t i = 0; i < kChanges; ++i) {
    const Prefix& prefix = rig.prefixes[i * (rig.prefixes.size() / kChanges)];
    const auto at = net::IpPrefix::v4(net::Ipv4Address(prefix.address), prefix.length);
    const auto before = rig.fib->route_of(table, at);
    const auto start = Clock::now();
    linux_routes.change(RTM_NEWROUTE, &prefix, 1, 1);
    while (rig.fib->route_of(table, at) == before) rig.mirror->service();
    times.push_back(ms_since(start));
  }
  std::ranges::sort(times);
  return times;
}

double at(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

int run(size_t count) {
  if (const auto reason = xsk::testing::why_no_namespaces(); !reason.empty()) {
    std::fprintf(stderr, "%s\n", reason.c_str());
    return 1;
  }
  Rig rig(count);
  {
    LinuxRoutes linux_routes(rig.veth.near.ifindex);
    linux_routes.change_all(RTM_NEWROUTE, rig.prefixes);
  }
  malloc_trim(
      0);  // so that what comes does not find its memory among what the preparation has freed
  const uint64_t before_kb = resident_kb();
  const auto start = Clock::now();
  rig.open();
  rig.settle();
  const double live_ms = ms_since(start);
  SO_CHECK(rig.routes() == count + 1, "routes are missing");
  const uint64_t after_kb = resident_kb();
  const auto again = Clock::now();
  rig.mirror->resynchronise();
  rig.settle();
  const double resync_ms = ms_since(again);
  const auto singles = measure_single_changes(rig);
  const auto stats = rig.mirror->stats();
  fmt::print(
      "{{\"schema_version\": 1, \"routes\": {}, \"start_to_live_ms\": {:.0f}, \"resident_kb\": {}, "
      "\"fib_bytes\": {}, \"mirror_bytes\": {}, \"resync_ms\": {:.0f}, \"change_p50_ms\": {:.3f}, "
      "\"change_p99_ms\": {:.3f}, ",
      count, live_ms, after_kb - before_kb, rig.fib->memory_bytes(), stats.memory_bytes, resync_ms,
      at(singles, 0.5), at(singles, 0.99));
  const auto withdrawn = Clock::now();
  {
    std::thread withdrawer(
        [&] { LinuxRoutes(rig.veth.near.ifindex).change_all(RTM_DELROUTE, rig.prefixes); });
    while (rig.routes() > 1) rig.mirror->service();
    withdrawer.join();
  }
  const double withdraw_ms = ms_since(withdrawn);
  rig.settle();
  double announce_ms = 0;
  const auto lags = measure_lag(rig, announce_ms);
  rig.settle();
  SO_CHECK(rig.routes() == count + 1, "routes are missing");
  fmt::print(
      "\"withdraw_ms\": {:.0f}, \"announce_ms\": {:.0f}, \"lag_p50_ms\": {:.2f}, \"lag_p99_ms\": "
      "{:.2f}, "
      "\"lag_max_ms\": {:.2f}, \"lost_news\": {}}}\n",
      withdraw_ms, announce_ms, at(lags, 0.5), at(lags, 0.99), lags.back(),
      rig.mirror->stats().lost_news);
  return 0;
}

}  // namespace
}  // namespace starocean::control

int main(int argc, char** argv) {
  const long long count = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  if (argc > 2 || count < 1000 || count > 4'000'000) {
    std::fprintf(stderr, "usage: mirror_bench [ROUTES], 1000 to 4000000 of them\n");
    return 2;
  }
  return starocean::control::run(static_cast<size_t>(count));
}
