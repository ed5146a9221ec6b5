// What a Fib costs beside the look-up: filling it with a full Internet table, time and memory; and deciding where a
// packet goes whose route is known.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "starocean/ring/qsbr.h"
#include "starocean/table/fib.h"
#include "starocean/table/internet_routes_for_bench.h"

namespace starocean::table {
namespace {

// Of the process, from /proc/self/statm.
double resident_mib() {
  FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * 4096 / (1 << 20) : 0;
}

net::Ipv6Address gateway(uint32_t number) {
  return net::Ipv6Address::mapped(net::Ipv4Address(0xc0000200u + number));
}

using Input = std::vector<std::pair<net::IpPrefix, uint32_t>>;

Input input(bool v4) {
  Input all;
  const auto routes = v4 ? InternetRoutes::v4(1'000'000) : InternetRoutes::v6(200'000);
  for (const BenchRoute& route : routes) {
    net::Ipv6Address::Bytes bytes;
    for (uint32_t i = 0; i < bytes.size(); ++i) bytes[i] = route.prefix.byte(8 * i);
    const auto length = static_cast<uint8_t>(route.length);
    const net::Ipv4Address host(static_cast<uint32_t>(route.prefix.high >> 32));
    all.emplace_back(
        v4 ? net::IpPrefix::v4(host, length) : net::IpPrefix::v6(net::Ipv6Address(bytes), length),
        route.next_hop);
  }
  return all;
}

// A whole table into an empty Fib, as the mirror of Linux's routes does it.
void fill(benchmark::State& state, bool v4) {
  const Input all = input(v4);
  ring::Qsbr qsbr(1);
  for (auto _ : state) {
    state.PauseTiming();
    const double before = resident_mib();
    auto fib = std::make_unique<Fib>(qsbr);
    Fib::Table& table = **fib->add_table(254);
    state.ResumeTiming();
    for (const auto& [prefix, next_hop] : all) {
      const Route route{RouteKind::kForward, {{1, gateway(next_hop), 1}}};
      if (!fib->set_route(table, prefix, route)) state.SkipWithError("no room");
    }
    state.PauseTiming();
    state.counters["resident_MiB"] = resident_mib() - before;
    state.counters["memory_bytes_MiB"] = static_cast<double>(fib->memory_bytes()) / (1 << 20);
    fib.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(all.size()));
}
// Once: memory that malloc keeps from one iteration would not be counted in the next.
BENCHMARK_CAPTURE(fill, ipv4, true)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(fill, ipv6, false)->Iterations(1)->Unit(benchmark::kMillisecond);

// Routes of a full table that flap: removed and set again, at random.
void flap(benchmark::State& state, bool v4) {
  const Input all = input(v4);
  ring::Qsbr qsbr(1);
  Fib fib(qsbr);
  Fib::Table& table = **fib.add_table(254);
  const auto set = [&](const auto& entry) {
    const Route route{RouteKind::kForward, {{1, gateway(entry.second), 1}}};
    if (!fib.set_route(table, entry.first, route)) state.SkipWithError("no room");
  };
  for (const auto& entry : all) set(entry);
  size_t at = 0;
  for (auto _ : state) {
    at = (at + 7919) % all.size();
    fib.remove_route(table, all[at].first);
    set(all[at]);
  }
}
BENCHMARK_CAPTURE(flap, ipv4, true);
BENCHMARK_CAPTURE(flap, ipv6, false);

// By which gateway, and its MAC address.
void decide(benchmark::State& state) {
  ring::Qsbr qsbr(1);
  Fib fib(qsbr);
  Fib::Table& table = **fib.add_table(254);
  fib.bind_interface(1, InterfaceId(1));
  Route route;
  for (uint32_t i = 0; i < state.range(0); ++i) {
    route.next_hops.push_back({1, gateway(i), 1});
    if (!fib.set_neighbour(1, gateway(i), NeighbourState::kReachable, {})) return;
  }
  if (!fib.set_route(table, net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 24), route)) return;
  const RouteIndex index = fib.lookup4(table, 0x0a000001);
  const auto destination = net::Ipv6Address::mapped(net::Ipv4Address(0x0a000001));
  uint32_t hash = 0;
  for (auto _ : state) {
    const Decision decision = fib.decide(index, destination, hash++);
    benchmark::DoNotOptimize(fib.adjacency(decision.adjacency).word.load());
  }
}
BENCHMARK(decide)->Name("decide/next_hops")->Arg(1)->Arg(4)->Arg(64);

// A connected network with that many neighbours, in random turn.
void decide_connected(benchmark::State& state) {
  ring::Qsbr qsbr(1);
  Fib fib(qsbr);
  Fib::Table& table = **fib.add_table(254);
  fib.bind_interface(1, InterfaceId(1));
  const auto count = static_cast<uint32_t>(state.range(0));
  const auto address = [](uint32_t i) {
    return net::Ipv6Address::mapped(net::Ipv4Address(0x0a000000u + i));
  };
  for (uint32_t i = 0; i < count; ++i) {
    if (!fib.set_neighbour(1, address(i), NeighbourState::kReachable, {})) return;
  }
  const Route connected{RouteKind::kForward, {{1, std::nullopt}}};
  if (!fib.set_route(table, net::IpPrefix::v4(net::Ipv4Address(0x0a000000), 8), connected)) return;
  const RouteIndex index = fib.lookup4(table, 0x0a000001);
  uint32_t next = 1;
  for (auto _ : state) {
    next = next * 1664525 + 1013904223;
    const auto i = static_cast<uint32_t>(uint64_t{next} * count >> 32);
    const Decision decision = fib.decide(index, address(i), 0);
    if (decision.adjacency == 0) state.SkipWithError("a neighbour is not found");
    benchmark::DoNotOptimize(fib.adjacency(decision.adjacency).word.load());
  }
}
BENCHMARK(decide_connected)->Name("decide/connected_neighbours")->Arg(10)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace starocean::table
