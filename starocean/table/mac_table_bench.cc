// The MAC table beside DPDK's rte_hash, in one binary with the same compiler flags.
//
// rte_hash gets what it is fastest with: 8-byte keys, its CRC hash on the CPU's instruction, the
// port in the data pointer, and no concurrency flag, so that it neither locks nor checks for a
// writer; the MAC table always pays for its concurrency. Addresses come in random order from as
// many as the table holds. "learn_and_lookup" is what a switch does per packet: a known source, a
// known destination. "batch" does so for 64 packets at a time, with prefetch; rte_hash by its bulk
// look-up. Without DPDK at build time its rows are missing, and the context says so.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#ifdef STAROCEAN_HAVE_DPDK
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_version.h>
#endif

#include "starocean/table/mac_table.h"

namespace starocean::table {
namespace {

constexpr BridgeId kBridge(1);
constexpr uint32_t kAging = 300'000;
constexpr size_t kBatch = 64;

// The addresses of a table, and a random sequence of them, four times as long, so that the sequence
// of a small table stays in cache as well.
struct Traffic {
  explicit Traffic(size_t entries) : macs(entries), order(std::bit_ceil(4 * entries)) {
    std::mt19937_64 random(7);
    for (auto& mac : macs) mac = random() & mac::kMacMask & ~(uint64_t{1} << 40);
    for (auto& mac : order) mac = macs[random() % entries];
  }
  static PortId port_of(uint64_t mac) { return PortId(static_cast<uint16_t>(mac % 100)); }
  std::vector<uint64_t> macs;
  std::vector<uint64_t> order;
};

class Ours {
 public:
  explicit Ours(size_t entries) : table_(entries, 1) {}
  bool add(uint64_t mac) {
    return table_.learn(kBridge, mac, Traffic::port_of(mac), 0, kAging).kind != LearnResult::kFull;
  }
  PortId lookup(uint64_t mac) const { return table_.lookup(kBridge, mac, 1, kAging).port; }
  bool learn(uint64_t mac) {
    return table_.learn(kBridge, mac, Traffic::port_of(mac), 1, kAging).kind == LearnResult::kKnown;
  }
  bool batch(const uint64_t* sources, const uint64_t* destinations, PortId* ports) {
    for (size_t i = 0; i < kBatch; ++i) {
      table_.prefetch(kBridge, sources[i]);
      table_.prefetch(kBridge, destinations[i]);
    }
    bool known = true;
    for (size_t i = 0; i < kBatch; ++i) known &= learn(sources[i]);
    for (size_t i = 0; i < kBatch; ++i) ports[i] = lookup(destinations[i]);
    return known;
  }

 private:
  MacTable table_;
};

#ifdef STAROCEAN_HAVE_DPDK
bool start_eal() {
  // Huge pages would favour one side; cores stay unpinned.
  const char* arguments[] = {
      "bench", "--no-huge", "--no-pci", "--no-shconf",    "-m",
      "1024",  "--lcores",  "0@(0-1)",  "--no-telemetry", "--log-level=error"};
  std::vector<char*> argv;
  for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
}

class RteHash {
 public:
  explicit RteHash(size_t entries) {
    static const bool started = start_eal();
    if (!started) return;
    rte_hash_parameters parameters{};
    parameters.name = "macs";
    parameters.entries = static_cast<uint32_t>(std::max<size_t>(entries * 5 / 4, 64));
    parameters.key_len = sizeof(uint64_t);
    parameters.hash_func = rte_hash_crc;
    hash_.reset(rte_hash_create(&parameters));
  }
  bool add(uint64_t mac) {
    const uint64_t key = key_of(mac);
    return hash_ && rte_hash_add_key_data(hash_.get(), &key, data_of(mac)) == 0;
  }
  PortId lookup(uint64_t mac) const {
    const uint64_t key = key_of(mac);
    void* data = nullptr;
    if (rte_hash_lookup_data(hash_.get(), &key, &data) < 0) return PortId::none();
    return PortId(static_cast<uint16_t>(reinterpret_cast<uintptr_t>(data)));
  }
  bool learn(uint64_t mac) { return lookup(mac) == Traffic::port_of(mac); }
  bool batch(const uint64_t* sources, const uint64_t* destinations, PortId* ports) {
    std::array<PortId, kBatch> from;
    bulk(sources, from.data());
    bool known = true;
    for (size_t i = 0; i < kBatch; ++i) known &= from[i] == Traffic::port_of(sources[i]);
    bulk(destinations, ports);
    return known;
  }

 private:
  static uint64_t key_of(uint64_t mac) { return uint64_t{kBridge.value()} << 48 | mac; }
  static void* data_of(uint64_t mac) {
    return reinterpret_cast<void*>(uintptr_t{Traffic::port_of(mac).value()});
  }
  void bulk(const uint64_t* macs, PortId* ports) const {
    std::array<uint64_t, kBatch> keys;
    std::array<const void*, kBatch> pointers;
    std::array<void*, kBatch> data;
    uint64_t hits = 0;
    for (size_t i = 0; i < kBatch; ++i) {
      keys[i] = key_of(macs[i]);
      pointers[i] = &keys[i];
    }
    rte_hash_lookup_bulk_data(hash_.get(), pointers.data(), kBatch, &hits, data.data());
    for (size_t i = 0; i < kBatch; ++i) {
      ports[i] = (hits >> i & 1) != 0
                     ? PortId(static_cast<uint16_t>(reinterpret_cast<uintptr_t>(data[i])))
                     : PortId::none();
    }
  }
  struct Free {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
  };
  std::unique_ptr<rte_hash, Free> hash_;
};
const bool dpdk_noted = (benchmark::AddCustomContext("rte_hash", rte_version()), true);
#else
const bool dpdk_noted = (benchmark::AddCustomContext("rte_hash", "not built: no libdpdk"), true);
#endif

template <class Table>
bool fill_table(Table& table, const Traffic& traffic, benchmark::State& state) {
  for (const uint64_t mac : traffic.macs) {
    if (!table.add(mac)) {
      state.SkipWithError("the table does not take what it was made for");
      return false;
    }
  }
  return true;
}

template <class Table>
void lookup(benchmark::State& state) {
  const Traffic traffic(static_cast<size_t>(state.range(0)));
  Table table(traffic.macs.size());
  if (!fill_table(table, traffic, state)) return;
  const size_t mask = traffic.order.size() - 1;
  size_t i = 0;
  size_t wrong = 0;
  for (auto _ : state) {
    const uint64_t mac = traffic.order[i++ & mask];
    wrong += table.lookup(mac) != Traffic::port_of(mac);
  }
  if (wrong != 0) state.SkipWithError("wrong port");
}

template <class Table>
void learn_and_lookup(benchmark::State& state) {
  const Traffic traffic(static_cast<size_t>(state.range(0)));
  Table table(traffic.macs.size());
  if (!fill_table(table, traffic, state)) return;
  const size_t mask = traffic.order.size() - 1;
  size_t i = 0;
  size_t wrong = 0;
  for (auto _ : state) {
    const uint64_t source = traffic.order[i & mask];
    const uint64_t destination = traffic.order[(i + mask / 2 + 1) & mask];
    ++i;
    wrong += !table.learn(source);
    wrong += table.lookup(destination) != Traffic::port_of(destination);
  }
  if (wrong != 0) state.SkipWithError("wrong port");
}

template <class Table>
void batch(benchmark::State& state) {
  const Traffic traffic(static_cast<size_t>(state.range(0)));
  Table table(traffic.macs.size());
  if (!fill_table(table, traffic, state)) return;
  const size_t mask = traffic.order.size() - 1;
  size_t i = 0;
  size_t wrong = 0;
  std::array<PortId, kBatch> ports;
  for (auto _ : state) {
    const uint64_t* sources = &traffic.order[i];
    const uint64_t* destinations = &traffic.order[(i + mask / 2 + 1) & mask];
    i = (i + kBatch) & mask;
    wrong += !table.batch(sources, destinations, ports.data());
    for (size_t k = 0; k < kBatch; ++k) wrong += ports[k] != Traffic::port_of(destinations[k]);
  }
  if (wrong != 0) state.SkipWithError("wrong port");
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBatch));
}

template <class Table>
void fill(benchmark::State& state) {
  const Traffic traffic(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    state.PauseTiming();
    {
      auto table = std::make_unique<Table>(traffic.macs.size());
      state.ResumeTiming();
      if (!fill_table(*table, traffic, state)) return;
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

#define TABLE_BENCH(how, Table, name) \
  BENCHMARK(how<Table>)->Name(#how "/" name)->Arg(1'000)->Arg(100'000)->Arg(1'000'000)
#ifdef STAROCEAN_HAVE_DPDK
#define TABLE_BENCH_DPDK(how) TABLE_BENCH(how, RteHash, "rte_hash")
#else
#define TABLE_BENCH_DPDK(how) static_assert(true)
#endif

TABLE_BENCH(lookup, Ours, "mac_table");
TABLE_BENCH_DPDK(lookup);
TABLE_BENCH(learn_and_lookup, Ours, "mac_table");
TABLE_BENCH_DPDK(learn_and_lookup);
TABLE_BENCH(batch, Ours, "mac_table");
TABLE_BENCH_DPDK(batch);
TABLE_BENCH(fill, Ours, "mac_table");
TABLE_BENCH_DPDK(fill);

}  // namespace
}  // namespace starocean::table
