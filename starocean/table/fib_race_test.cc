// One writer and several readers in one Fib. Run under ThreadSanitizer too.

#include <array>
#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/ring/test_scale.h"
#include "starocean/table/fib.h"

namespace starocean::table {
namespace {

constexpr size_t kReaders = 2;
constexpr uint32_t kIfindex = 7;
constexpr InterfaceId kInterface{1};

struct Random {
  explicit Random(uint64_t seed) : engine(seed) {}
  uint32_t operator()() { return static_cast<uint32_t>(engine() >> 32); }
  std::mt19937_64 engine;
};

net::Ipv6Address gateway(uint32_t number) {
  return net::Ipv6Address::mapped(net::Ipv4Address(0xc0000200u + number));
}

Route via(uint32_t number) {
  return {RouteKind::kForward, {{kIfindex, gateway(number)}}};
}

net::Ipv6Address v6(uint32_t top, uint32_t last) {
  return net::Ipv6Address({0x20, 0x01, 0x0d, 0xb8, static_cast<uint8_t>(top >> 8),
                           static_cast<uint8_t>(top), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                           static_cast<uint8_t>(last)});
}

class FibRace : public testing::Test {
 protected:
  void SetUp() override {
    table_ = *fib_.add_table(254);
    fib_.bind_interface(kIfindex, kInterface);
  }
  // Readers go round `read(random, wrong)` while `write` runs; each must have done some rounds meanwhile.
  void run(const std::function<uint64_t(Random&)>& read, const std::function<void()>& write) {
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> wrong{0};
    std::vector<std::atomic<uint64_t>> rounds(kReaders);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < kReaders; ++t) {
      threads.emplace_back([&, t] {
        Random random(t);
        auto& reader = qsbr_.reader(t);
        reader.online();
        while (!stop.load(std::memory_order_relaxed)) {
          wrong.fetch_add(read(random), std::memory_order_relaxed);
          reader.quiescent();
          rounds[t].fetch_add(1, std::memory_order_relaxed);
        }
        reader.offline();
      });
    }
    const auto wait_for_rounds = [&](uint64_t count) {
      for (const auto& done : rounds) {
        while (done.load(std::memory_order_relaxed) < count) std::this_thread::yield();
      }
    };
    wait_for_rounds(1);
    write();
    std::vector<uint64_t> after;
    after.reserve(rounds.size());
    for (const auto& done : rounds) after.push_back(done + 2);
    for (size_t t = 0; t < kReaders; ++t) wait_for_rounds(after[t]);
    stop = true;
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong.load(), 0u);
  }
  // The last byte of the gateway that a packet goes to; 0 when it goes nowhere.
  uint32_t gateway_of(RouteIndex route, const net::Ipv6Address& destination, uint32_t hash) const {
    const Decision decision = fib_.decide(route, destination, hash);
    if (decision.kind != RouteKind::kForward || decision.interface != kInterface) return 0;
    if (decision.adjacency == 0) return 0;
    return fib_.adjacency(decision.adjacency).address.bytes()[15];
  }

  ring::Qsbr qsbr_{kReaders};
  Fib fib_{qsbr_};
  Fib::Table* table_ = nullptr;
};

// Host routes, networks and the default come and go above and below one another. An address always has a
// route: at least one of the covering ones is there, and never one that was not set for it.
TEST_F(FibRace, ReadersSeeTheRouteBeforeOrAfter) {
  const auto p4 = [](uint32_t host, uint8_t length) {
    return net::IpPrefix::v4(net::Ipv4Address(host), length);
  };
  // Gateway number = length of the prefix it is for.
  const auto set4 = [&](uint32_t host, uint8_t length) {
    ASSERT_TRUE(fib_.set_route(*table_, p4(host, length), via(length)));
  };
  set4(0x0a000000, 8);
  ASSERT_TRUE(fib_.set_route(*table_, net::IpPrefix::v6(v6(0, 0), 32), via(32)));
  const auto read = [&](Random& random) {
    uint64_t bad = 0;
    constexpr size_t kBatch = 32;
    std::array<uint32_t, kBatch> addresses{};
    std::array<net::Ipv6Address, kBatch> addresses6;
    std::array<RouteIndex, kBatch> routes{};
    for (auto& address : addresses) address = 0x0a000000u | (random() & 0x000103ffu);
    for (auto& address : addresses6) address = v6(random() & 3, random() & 0xff);
    fib_.lookup4(*table_, addresses, routes);
    for (size_t i = 0; i < kBatch; ++i) {
      const uint32_t length = gateway_of(routes[i], gateway(0), 0);
      const bool host_route = (addresses[i] & 1) != 0;  // only odd hosts have one
      bad += length != 8 && length != 16 && length != 24 && length != 25 &&
             !(length == 32 && host_route);
    }
    fib_.lookup6(*table_, addresses6, routes);
    for (const RouteIndex route : routes) {
      const uint32_t length = gateway_of(route, gateway(0), 0);
      bad += length != 32 && length != 48 && length != 64 && length != 128;
    }
    const RouteIndex single = fib_.lookup4(*table_, addresses[0]);
    bad += gateway_of(single, gateway(0), 0) == 0;
    return bad;
  };
  const uint64_t steps = scaled("changes", 30'000, 1000);
  run(read, [&] {
    Random random(99);
    for (uint64_t step = 0; step < steps; ++step) {
      const uint32_t host = 0x0a000000u | (random() & 0x000103ffu);
      const uint32_t top = random() & 3;
      const net::Ipv6Address host6 = v6(top, random() & 0xff);
      std::vector<net::IpPrefix> prefixes = {p4(host | 1, 32),
                                             p4(host & ~0x7fu, 25),
                                             p4(host & ~0xffu, 24),
                                             p4(host & 0xffff0000u, 16),
                                             net::IpPrefix::v6(host6, 128),
                                             net::IpPrefix::v6(v6(top, 0), 64),
                                             net::IpPrefix::v6(v6(top, 0), 48)};
      const net::IpPrefix& prefix = prefixes[random() % prefixes.size()];
      if (random() % 2 == 0) {
        ASSERT_TRUE(fib_.set_route(*table_, prefix, via(prefix.length)));
      } else {
        fib_.remove_route(*table_, prefix);
      }
    }
  });
}

// A covering route is exchanged make-before-break: longer and shorter ones take turns, so that an address
// moves from one level to another without ever being without.
TEST_F(FibRace, MakeBeforeBreakNeverLeavesAGap) {
  const uint32_t host = 0x0a010203;
  const std::vector<uint8_t> lengths = {0, 16, 20, 24, 25, 31, 32};
  const std::vector<uint8_t> lengths6 = {0, 20, 24, 32, 48, 64, 127, 128};
  const net::Ipv6Address host6 = v6(5, 9);
  const auto p4 = [&](uint8_t length) {
    const uint32_t mask = length == 0 ? 0 : ~0u << (32 - length);
    return net::IpPrefix::v4(net::Ipv4Address(host & mask), length);
  };
  const auto p6 = [&](uint8_t length) {
    net::Ipv6Address::Bytes bytes = host6.bytes();
    for (uint32_t bit = length; bit < 128; ++bit) {
      bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80u >> bit % 8));
    }
    return net::IpPrefix::v6(net::Ipv6Address(bytes), length);
  };
  ASSERT_TRUE(fib_.set_route(*table_, p4(0), via(200)));
  ASSERT_TRUE(fib_.set_route(*table_, p6(0), via(200)));
  const auto read = [&](Random&) {
    uint64_t bad = 0;
    const std::array<uint32_t, 8> hosts{host, host, host, host, host, host, host, host};
    const std::array<net::Ipv6Address, 8> hosts6{host6, host6, host6, host6,
                                                 host6, host6, host6, host6};
    std::array<RouteIndex, 8> routes{};
    for (int i = 0; i < 8; ++i) {
      bad += gateway_of(fib_.lookup4(*table_, host), gateway(0), 0) == 0;
      bad += gateway_of(fib_.lookup6(*table_, host6), gateway(0), 0) == 0;
      fib_.lookup4(*table_, hosts, routes);
      for (const RouteIndex route : routes) bad += gateway_of(route, gateway(0), 0) == 0;
      fib_.lookup6(*table_, hosts6, routes);
      for (const RouteIndex route : routes) bad += gateway_of(route, gateway(0), 0) == 0;
    }
    return bad;
  };
  const uint64_t steps = scaled("exchanges", 10'000, 500);
  run(read, [&] {
    Random random(5);
    net::IpPrefix now4 = p4(0), now6 = p6(0);
    for (uint64_t step = 0; step < steps; ++step) {
      const auto next4 = p4(lengths[random() % lengths.size()]);
      const auto next6 = p6(lengths6[random() % lengths6.size()]);
      const auto number = static_cast<uint32_t>(1 + random() % 250);
      ASSERT_TRUE(fib_.set_route(*table_, next4, via(number)));
      ASSERT_TRUE(fib_.set_route(*table_, next6, via(number)));
      if (next4 != now4) {
        ASSERT_TRUE(fib_.remove_route(*table_, now4));
      }
      if (next6 != now6) {
        ASSERT_TRUE(fib_.remove_route(*table_, now6));
      }
      now4 = next4;
      now6 = next6;
    }
  });
}

// Neighbours of a connected network come and go while packets look for them: found is always the right one.
TEST_F(FibRace, ANeighbourIsNeverAnother) {
  constexpr uint32_t kHosts = 512;
  const auto address = [](uint32_t i) {
    return net::Ipv6Address::mapped(net::Ipv4Address(0x0a000000u + i));
  };
  const auto mac = [](uint32_t i) {
    return net::MacAddress({2, 0, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)});
  };
  ASSERT_TRUE(fib_.set_route(*table_, net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 8),
                             {RouteKind::kForward, {{kIfindex, std::nullopt}}}));
  // The first 16 stay.
  for (uint32_t i = 0; i < 16; ++i) {
    ASSERT_TRUE(fib_.set_neighbour(kIfindex, address(i), NeighbourState::kReachable, mac(i)));
  }
  const auto read = [&](Random& random) {
    uint64_t bad = 0;
    for (int k = 0; k < 32; ++k) {
      const uint32_t i = random() % kHosts;
      const Decision decision =
          fib_.decide(fib_.lookup4(*table_, 0x0a000000u + i), address(i), random());
      bad += decision.kind != RouteKind::kForward;
      bad += decision.adjacency == 0 && i < 16;
      if (decision.adjacency == 0) continue;
      Adjacency& next = fib_.adjacency(decision.adjacency);
      next.mark_used();
      bad += next.address != address(i) || next.ifindex != kIfindex;
      const uint64_t word = next.word.load(std::memory_order_acquire);
      if (Adjacency::state_of(word) == NeighbourState::kReachable) {
        bad += Adjacency::mac_of(word) != mac(i).as_u64();
      }
    }
    return bad;
  };
  const uint64_t steps = scaled("changes", 100'000, 2000);
  run(read, [&] {
    Random random(3);
    for (uint64_t step = 0; step < steps; ++step) {
      const uint32_t i = 16 + random() % (kHosts - 16);
      if (random() % 2 == 0) {
        ASSERT_TRUE(fib_.set_neighbour(kIfindex, address(i), NeighbourState::kReachable, mac(i)));
      } else {
        fib_.remove_neighbour(kIfindex, address(i));
      }
      if (step % 16 == 0) fib_.collect();
      if (step % 1024 == 0) fib_.take_used([](const Adjacency&) {});
    }
  });
}

// Multipath routes change their next hops: a flow goes by one of those before or after.
TEST_F(FibRace, FlowsOfAChangingMultipathRoute) {
  const auto prefix = net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 24);
  ASSERT_TRUE(fib_.set_route(*table_, prefix, via(1)));
  const auto read = [&](Random& random) {
    const RouteIndex route = fib_.lookup4(*table_, 0x0a000001);
    uint64_t bad = 0;
    for (int i = 0; i < 16; ++i) {
      const uint32_t number = gateway_of(route, gateway(0), random());
      bad += number < 1 || number > 8;
    }
    return bad;
  };
  const uint64_t steps = scaled("changes", 5000, 200);
  run(read, [&] {
    Random random(3);
    for (uint64_t step = 0; step < steps; ++step) {
      Route route;
      for (uint32_t number = 1; number <= 8; ++number) {
        if (random() % 2 == 0) {
          route.next_hops.push_back({kIfindex, gateway(number), 1 + random() % 3});
        }
      }
      if (route.next_hops.empty()) route = via(1);
      ASSERT_TRUE(fib_.set_route(*table_, prefix, route));
    }
  });
}

}  // namespace
}  // namespace starocean::table
