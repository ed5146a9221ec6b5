// Interfaces, neighbours and rules of a real Linux, and news that are lost.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/control/mirror_fixture_for_test.h"
#include "starocean/control/netlink_message_for_test.h"

namespace starocean::control {
namespace {

using table::NeighbourState;
using testing::ip;
using testing::ip_batch;
using testing::ip_output;
using testing::MirrorTest;

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

TEST_F(MirrorTest, InterfacesWithTheirAddresses) {
  ip_output("addr add 10.0.0.1/24 dev va");
  open();
  const auto* va = mirror_->interfaces().find(index_of("va"));
  ASSERT_NE(va, nullptr);
  EXPECT_EQ(va->name, "va");
  EXPECT_EQ(va->mac.to_string(), "02:00:00:00:00:0a");
  EXPECT_EQ(va->mtu_bytes, 1500u);
  EXPECT_TRUE(va->up);
  EXPECT_EQ(va->source4().to_string(), "10.0.0.1");
  uint64_t generation = mirror_->interfaces().generation();
  const auto changed = [&] {
    settle();
    const uint64_t before = std::exchange(generation, mirror_->interfaces().generation());
    va = mirror_->interfaces().find(index_of("va"));
    return before != generation;
  };
  ip_output("addr add 10.0.0.2/24 dev va");
  ip_output("addr add 192.0.2.1/30 dev va");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  EXPECT_TRUE(changed());
  const InterfaceAddress expected[] = {{ip("10.0.0.1"), 24, false, true},
                                       {ip("192.0.2.1"), 30, false, true},
                                       {ip("10.0.0.2"), 24, true, true}};
  EXPECT_TRUE(std::ranges::is_permutation(va->addresses4, expected));
  EXPECT_EQ(va->source4().to_string(), "10.0.0.1");
  // Linux calls it tentative for a moment, nodad or not.
  expect_soon([&] { return va->source6().to_string() == "2001:db8::1"; },
              "the IPv6 address is in use");
  ip_output("addr del 10.0.0.1/24 dev va");  // its secondary goes with it, or is promoted
  ip_output("link set va mtu 1400 address 02:00:00:00:00:1a");
  EXPECT_TRUE(changed());
  EXPECT_EQ(va->source4().to_string(), "192.0.2.1");
  EXPECT_EQ(va->mtu_bytes, 1400u);
  EXPECT_EQ(va->mac.to_string(), "02:00:00:00:00:1a");
  // The order is Linux's even where the news of it were lost.
  mirror_->resynchronise();
  settle();
  EXPECT_EQ(mirror_->interfaces().find(index_of("va"))->source4().to_string(), "192.0.2.1");
  const uint32_t index = index_of("va");
  ip_output("link del va");
  EXPECT_TRUE(changed());
  EXPECT_EQ(mirror_->interfaces().find(index), nullptr);
}

TEST_F(MirrorTest, RulesInOrderAndTheForeignOnesNamed) {
  open();
  const auto words = [&](net::IpFamily family) {
    std::vector<std::string> all;
    for (const Rule& rule : mirror_->rules(family)) all.push_back(rule.to_string());
    return all;
  };
  const std::vector<std::string> standard = {"0: from all lookup 255", "32766: from all lookup 254",
                                             "32767: from all lookup 253"};
  EXPECT_EQ(words(net::IpFamily::kIpv4), standard);
  const uint64_t generation = mirror_->rules_generation();
  ip_output("rule add from 10.1.0.0/16 iif va lookup 100 pref 50");
  ip_output("rule add from 10.1.0.0/16 prohibit pref 51");
  ip_output("rule add fwmark 7 lookup 100 pref 60");
  ip_output("-6 rule add from 2001:db8::/32 lookup 100 pref 70");
  settle();
  EXPECT_NE(mirror_->rules_generation(), generation);
  EXPECT_EQ(words(net::IpFamily::kIpv4),
            (std::vector<std::string>{standard[0], "50: from 10.1.0.0/16 iif va lookup 100",
                                      "51: from 10.1.0.0/16 prohibit", "60: from all lookup 100",
                                      standard[1], standard[2]}));
  EXPECT_EQ(words(net::IpFamily::kIpv6)[1], "70: from 2001:db8::/32 lookup 100");
  const auto problems = mirror_->problems();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0],
            "the rule '60: from all lookup 100' (IPv4) asks for fwmark: the data plane chooses by "
            "incoming "
            "interface and source only, and leaves it out; remove it with `ip rule del priority "
            "60`, or do "
            "not route its VRF here");
  ip_output("rule del pref 60");
  ip_output("rule del pref 51");
  settle();
  EXPECT_TRUE(mirror_->problems().empty());
  EXPECT_EQ(words(net::IpFamily::kIpv4).size(), 4u);
}

// A network namespace that has taken a device, with an address on it.
class OtherHost {
 public:
  OtherHost(const std::string& device, const std::string& address) {
    std::thread([&] {
      SO_CHECK(unshare(CLONE_NEWNET) == 0, "no second network namespace");
      fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    }).join();
    ip_output(fmt::format("link set {} netns /proc/{}/fd/{}", device, getpid(), fd_));
    std::thread([&] {
      SO_CHECK(setns(fd_, CLONE_NEWNET) == 0, "no way into the namespace");
      ip_output(fmt::format("addr add {} dev {}", address, device));
      ip_output(fmt::format("link set {} address 02:00:00:00:00:0b up", device));
    }).join();
  }
  ~OtherHost() { close(fd_); }
  OtherHost(const OtherHost&) = delete;
  OtherHost& operator=(const OtherHost&) = delete;

 private:
  int fd_ = -1;
};

// Routes of both families over va, whose next hops' adjacencies the tests look at.
class NeighbourTest : public MirrorTest {
 protected:
  void SetUp() override {
    MirrorTest::SetUp();
    if (IsSkipped()) return;
    ip_output("addr add 10.0.0.1/24 dev va");
    ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
    ip_output("route add 10.1.0.0/16 via 10.0.0.2");
    ip_output("-6 route add 2001:db8:1::/48 via 2001:db8::2");
    open();
    fib_->bind_interface(index_of("va"), InterfaceId(1));
  }
  // Null while nobody has told of the neighbour (Linux does not tell that it has asked).
  table::Adjacency* next_hop(const std::string& destination) {
    const auto& table = *fib_->find_table(kMain);
    const auto address = ip(destination);
    const auto index = address.is_mapped() ? fib_->lookup4(table, address.embedded_ipv4())
                                           : fib_->lookup6(table, address);
    const auto decision = fib_->decide(index, address, 0);
    EXPECT_EQ(decision.kind, table::RouteKind::kForward) << destination;
    return decision.adjacency == 0 ? nullptr : &fib_->adjacency(decision.adjacency);
  }
  NeighbourState state_of(const std::string& destination) {
    const auto* const adjacency = next_hop(destination);
    return adjacency == nullptr ? NeighbourState::kUnresolved : adjacency->state();
  }
  // "" while it has none.
  std::string mac_to(const std::string& destination) {
    if (state_of(destination) != NeighbourState::kReachable) return "";
    const uint64_t mac = table::Adjacency::mac_of(next_hop(destination)->word);
    net::MacAddress::Bytes bytes;
    std::memcpy(bytes.data(), &mac, bytes.size());
    const net::MacAddress address(bytes);
    EXPECT_EQ(address.as_u64(), mac);
    return address.to_string();
  }
};

TEST_F(NeighbourTest, FollowsLinux) {
  EXPECT_EQ(state_of("10.1.0.1"), NeighbourState::kUnresolved);
  ip_output("neigh add 10.0.0.2 lladdr 02:00:00:00:00:22 dev va nud permanent");
  ip_output("neigh add 2001:db8::2 lladdr 02:00:00:00:00:66 dev va nud stale");
  settle();
  EXPECT_EQ(mac_to("10.1.0.1"), "02:00:00:00:00:22");
  EXPECT_EQ(mac_to("2001:db8:1::1"), "02:00:00:00:00:66");
  ip_output("neigh change 10.0.0.2 lladdr 02:00:00:00:00:23 dev va nud permanent");
  settle();
  EXPECT_EQ(mac_to("10.1.0.1"), "02:00:00:00:00:23");
  // A list says the same, and what it does not name is gone.
  mirror_->resynchronise();
  settle();
  EXPECT_EQ(mac_to("10.1.0.1"), "02:00:00:00:00:23");
  ip_output("neigh del 10.0.0.2 dev va");
  settle();
  EXPECT_EQ(state_of("10.1.0.1"), NeighbourState::kUnresolved);
  ip_output("link set va down");
  ip_output("link set va up");
  settle();
  EXPECT_EQ(mirror_->stats().neighbours, 0u);
}

TEST_F(NeighbourTest, AnsweredAndUnanswered) {
  // Linux sends three probes, a second apart, before it gives up: here faster.
  for (const char* family : {"ipv4", "ipv6"}) {
    const auto words = fmt::format("echo 100 > /proc/sys/net/{}/neigh/va/retrans_time_ms", family);
    ASSERT_EQ(std::system(words.c_str()), 0);
  }
  const OtherHost host("vb", "10.0.0.2/24");
  expect_soon([&] { return mirror_->interfaces().find(index_of("va"))->carrier; }, "carrier");
  const uint32_t va = index_of("va");
  EXPECT_TRUE(mirror_->resolve(va, ip("10.0.0.2"), now_ns()));
  EXPECT_TRUE(mirror_->resolve(va, ip("10.0.0.9"), now_ns()));
  EXPECT_TRUE(mirror_->resolve(va, ip("2001:db8::9"), now_ns()));
  EXPECT_TRUE(mirror_->resolve(va, ip("10.0.0.2"), now_ns())) << "asked already";
  EXPECT_EQ(mirror_->neighbour_stats().asked, 3u);
  expect_soon([&] { return mac_to("10.1.0.1") == "02:00:00:00:00:0b"; }, "10.0.0.2 answers");
  for (const char* silent : {"10.0.0.9", "2001:db8::9"}) {
    expect_soon([&] { return state_of(silent) == NeighbourState::kFailed; }, silent);
  }
}

TEST_F(NeighbourTest, ThoseInUseAreConfirmed) {
  ip_output("neigh add 10.0.0.2 lladdr 02:00:00:00:00:22 dev va nud stale");
  settle();
  mirror_->keep_alive_used(now_ns());
  EXPECT_EQ(mirror_->neighbour_stats().asked, 0u) << "nobody uses it";
  next_hop("10.1.0.1")->mark_used();
  mirror_->keep_alive_used(now_ns());
  EXPECT_EQ(mirror_->neighbour_stats().asked, 1u);
  expect_soon(
      [&] { return ip_output("neigh show 10.0.0.2 dev va").find("STALE") == std::string::npos; },
      "Linux confirms it");
  mirror_->keep_alive_used(now_ns());
  EXPECT_EQ(mirror_->neighbour_stats().asked, 1u) << "used once";
}

// Of a device that is not there: entries would fill the table that all namespaces of this machine share.
TEST_F(NeighbourTest, RequestsAreBounded) {
  constexpr uint32_t kNoDevice = 0x7ffffff0;
  const uint64_t now = now_ns();
  uint32_t asked = 0;
  const auto ask_all = [&](uint64_t at_ns) {
    asked = 0;
    for (uint32_t i = 0; i < NeighbourMirror::kMaxAsked + 100; ++i) {
      const auto address = net::Ipv6Address::mapped(net::Ipv4Address(0x0a000100 + i));
      asked += mirror_->resolve(kNoDevice, address, at_ns) ? 1u : 0u;
    }
  };
  ask_all(now);
  EXPECT_EQ(asked, NeighbourMirror::kMaxAsked);
  EXPECT_EQ(mirror_->neighbour_stats().not_asked, 100u);
  settle();
  EXPECT_EQ(mirror_->neighbour_stats().refused, NeighbourMirror::kMaxAsked);
  ask_all(now + 999'999'999);
  EXPECT_EQ(mirror_->neighbour_stats().asked, NeighbourMirror::kMaxAsked);
  ask_all(now + 1'000'000'000);
  EXPECT_EQ(mirror_->neighbour_stats().asked, 2 * NeighbourMirror::kMaxAsked);
}

// The kernel's own words for it; the text is about its limits.
TEST(NeighbourMirror, CountsWhatLinuxHasNoRoomFor) {
  ring::Qsbr qsbr(1);
  table::Fib fib(qsbr);
  NeighbourMirror mirror(fib);
  mirror.answer(0);
  mirror.answer(ENOBUFS);
  mirror.answer(EINVAL);
  EXPECT_EQ(mirror.stats().table_overflow, 1u);
  EXPECT_EQ(mirror.stats().refused, 1u);
}

// 100,000 routes at once, and a buffer for a few hundred news: afterwards all is as Linux has it.
TEST_F(MirrorTest, AFloodThatTheBufferCannotHold) {
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("addr add 10.0.1.1/24 dev vc");
  open({.tables = {kMain}, .receive_buffer_bytes = 1});  // the kernel's least
  constexpr int kRoutes = 100'000;
  const auto commands = [](const char* verb, int begin, int step, const char* words) {
    std::string text;
    for (int i = begin; i < kRoutes; i += step) {
      text += fmt::format("route {} {}.{}.{}.0/24 {}\n", verb, 20 + i / 65536, i / 256 % 256,
                          i % 256, words);
    }
    return text;
  };
  ip_batch(commands("add", 0, 1, "via 10.0.0.2"));
  settle();
  EXPECT_GT(mirror_->stats().lost_news, 0u);
  EXPECT_EQ(mirror_->stats().routes4, kRoutes + 2u);
  expect_agreement();
  // Changed and withdrawn while nobody reads.
  ip_batch(commands("replace", 0, 7, "via 10.0.1.2"));
  ip_batch(commands("del", 1, 3, ""));
  expect_agreement();
}

// A worker that looks up all the time finds a route all the time, while each is replaced and everything is listed
// over and over.
TEST_F(MirrorTest, ForwardingHasNoGap) {
  ip_output("addr add 10.0.0.1/24 dev va");
  constexpr uint32_t kRoutes = 2000;
  const auto commands = [](int gateway) {
    std::string text;
    for (uint32_t i = 0; i < kRoutes; ++i) {
      text += fmt::format("route replace 20.{}.{}.0/24 via 10.0.0.{}\n", i / 256, i % 256, gateway);
    }
    return text;
  };
  ip_batch(commands(2));
  open({.tables = {kMain}});
  fib_->bind_interface(index_of("va"), InterfaceId(1));
  std::atomic<bool> done = false;
  std::atomic<uint64_t> rounds = 0;
  uint64_t gaps = 0;
  const auto& table = *fib_->find_table(kMain);
  std::thread worker([&] {
    auto& reader = qsbr_.reader(0);
    reader.online();
    while (!done) {
      for (uint32_t i = 0; i < kRoutes; ++i) {
        const uint32_t address = 0x14000001 + (i << 8);
        const auto decision = fib_->decide(fib_->lookup4(table, address),
                                           net::Ipv6Address::mapped(net::Ipv4Address(address)), i);
        gaps += decision.kind == table::RouteKind::kForward ? 0 : 1;
      }
      reader.quiescent();
      ++rounds;
    }
    reader.offline();
  });
  for (int i = 0; i < 10; ++i) {
    ip_batch(commands(3 + i % 2));
    mirror_->resynchronise();
    settle();
  }
  while (rounds < 100) std::this_thread::yield();
  done = true;
  worker.join();
  EXPECT_EQ(gaps, 0u);
  expect_agreement();
}

// Lists without end while routes of both families change: what the two say in between may contradict itself.
TEST_F(MirrorTest, ListsUnderWayWhileRoutesChange) {
  ip_output("addr add 10.0.0.1/24 dev va");
  ip_output("-6 addr add 2001:db8::1/64 dev va nodad");
  open({.tables = {kMain, kLocal}});
  std::atomic<bool> done = false;
  std::thread changes([&] {
    constexpr int kRoutes = 1500;
    for (int round = 0; round < 6; ++round) {
      std::string v4;
      std::string v6;
      for (int i = 0; i < kRoutes; ++i) {
        const int gateway = 2 + (i * 7 + round) % 50;
        // A third of them goes in each round but the first, and comes again in the next.
        if (round > 0 && (i + round) % 3 == 0) {
          v4 += fmt::format("route del 10.{}.{}.0/24\n", 1 + i / 250, i % 250);
          v6 += fmt::format("route del 2001:db8:{:x}::/48\n", i + 1);
          continue;
        }
        v4 += fmt::format("route replace 10.{}.{}.0/24 via 10.0.0.{} metric {}\n", 1 + i / 250,
                          i % 250, gateway, 1 + round % 2);
        v6 += fmt::format("route {} 2001:db8:{:x}::/48 via 2001:db8::{:x}\n",
                          i % 2 == 0 ? "append" : "replace", i + 1, gateway);
      }
      ip_batch(v4);
      ip_batch(v6, true);
    }
    done = true;
  });
  while (!done) {
    mirror_->resynchronise();
    settle();
  }
  changes.join();
  EXPECT_GT(mirror_->stats().lists, 20u);
  expect_agreement();
  EXPECT_GT(fib_->route_count(*fib_->find_table(kMain), net::IpFamily::kIpv6), 900u);
}

}  // namespace
}  // namespace starocean::control
