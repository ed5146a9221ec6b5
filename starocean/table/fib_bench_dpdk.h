// DPDK's longest prefix match tables, for fib_bench.cc.
//
// Their memory is made the same as ours: transparent huge pages, asked for with MADV_COLLAPSE (Linux 6.1) once
// the tables are filled, as DPDK's own mapping without hugetlbfs is shared memory, which MADV_HUGEPAGE does not
// reach by default. The context of the benchmark says how much of it is in huge pages.
#pragma once

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_memory.h>
#include <rte_version.h>
#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "starocean/table/internet_routes_for_bench.h"

namespace starocean::table::dpdk {

inline constexpr uint64_t kNone = 0;

inline bool start() {
  static const bool started = [] {
    const char* arguments[] = {"bench",
                               "--no-huge",
                               "--no-pci",
                               "--no-shconf",
                               "-m",
                               "4096",
                               "--lcores",
                               "0@(0-1)",
                               "--no-telemetry",
                               "--log-level=error",
                               "--base-virtaddr=0x200000000",
                               "--force-max-simd-bitwidth=512"};
    std::vector<char*> argv;
    for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
    return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
  }();
  return started;
}

inline int collapse(const rte_memseg_list*, const rte_memseg* first, size_t len_bytes, void*) {
  constexpr int kMadvCollapse = 25;  // not in Debian 12's headers
  constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
  const uintptr_t begin = (first->addr_64 + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (first->addr_64 + len_bytes) / kHugePage * kHugePage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, kMadvCollapse);
  return 0;
}

inline std::string huge_pages() {
  rte_memseg_contig_walk(collapse, nullptr);
  FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return "unknown";
  char line[256];
  std::string found;
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    const std::string text = line;
    for (const char* name : {"AnonHugePages", "ShmemPmdMapped", "Rss"}) {
      if (text.starts_with(name)) found += text.substr(0, text.size() - 1) + " ";
    }
  }
  std::fclose(file);
  return found;
}

// Says why, once.
inline std::nullptr_t refused(const BenchRoute& route, int error) {
  std::fprintf(stderr, "DPDK refuses a prefix of %u bits: %s\n", route.length,
               std::strerror(-error));
  return nullptr;
}

inline rte_lpm* make_lpm(const std::vector<BenchRoute>& routes) {
  if (!start()) return nullptr;
  const rte_lpm_config config{static_cast<uint32_t>(routes.size() + 1), 8192, 0};
  rte_lpm* lpm = rte_lpm_create("lpm", SOCKET_ID_ANY, &config);
  if (lpm == nullptr) return nullptr;
  for (const BenchRoute& route : routes) {
    if (const int error = rte_lpm_add(lpm, static_cast<uint32_t>(route.prefix.high >> 32),
                                      static_cast<uint8_t>(route.length), route.next_hop);
        error != 0) {
      return refused(route, error);
    }
  }
  return lpm;
}

inline rte_fib* make_fib(const std::vector<BenchRoute>& routes, rte_fib_dir24_8_nh_sz size,
                         const char* name) {
  if (!start()) return nullptr;
  rte_fib_conf config{};
  config.type = RTE_FIB_DIR24_8;
  config.default_nh = kNone;
  config.max_routes = static_cast<int>(2 * routes.size() + 1);
  config.dir24_8.nh_sz = size;
  config.dir24_8.num_tbl8 = 8192;
  rte_fib* fib = rte_fib_create(name, SOCKET_ID_ANY, &config);
  if (fib == nullptr) return nullptr;
  for (const BenchRoute& route : routes) {
    if (const int error = rte_fib_add(fib, static_cast<uint32_t>(route.prefix.high >> 32),
                                      static_cast<uint8_t>(route.length), route.next_hop);
        error != 0) {
      return refused(route, error);
    }
  }
  return fib;
}

inline std::array<uint8_t, 16> bytes_of(const lpm::Bits128& bits) {
  std::array<uint8_t, 16> bytes{};
  for (uint32_t i = 0; i < 16; ++i) bytes[i] = bits.byte(8 * i);
  return bytes;
}

inline rte_fib6* make_fib6(const std::vector<BenchRoute>& routes) {
  if (!start()) return nullptr;
  rte_fib6_conf config{};
  config.type = RTE_FIB6_TRIE;
  config.default_nh = kNone;
  config.max_routes = static_cast<int>(2 * routes.size() + 1);
  config.trie.nh_sz = RTE_FIB6_TRIE_4B;
  config.trie.num_tbl8 = 1u << 20;
  rte_fib6* fib = rte_fib6_create("fib6", SOCKET_ID_ANY, &config);
  if (fib == nullptr) return nullptr;
  for (const BenchRoute& route : routes) {
    auto bytes = bytes_of(route.prefix);
    if (const int error =
            rte_fib6_add(fib, bytes.data(), static_cast<uint8_t>(route.length), route.next_hop);
        error != 0) {
      return refused(route, error);
    }
  }
  return fib;
}

}  // namespace starocean::table::dpdk
