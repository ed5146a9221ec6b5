// DPDK's longest prefix match tables, for fib_bench.cc.
//
// Their memory is like ours: anonymous, with transparent huge pages asked for. Without hugetlbfs EAL maps a memfd,
// which gets none; so that is replaced, page by page that it has in use, right after the start. The context of the
// benchmark says how much memory is in huge pages.
#pragma once

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_memory.h>
#include <rte_version.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "starocean/table/internet_routes_for_bench.h"

namespace starocean::table::dpdk {

inline int replace_memory(const rte_memseg_list*, const rte_memseg* first, size_t len_bytes,
                          void*) {
  constexpr size_t kPage = 4096;
  using Page = std::array<char, kPage>;
  std::vector<unsigned char> resident(len_bytes / kPage);
  if (mincore(first->addr, len_bytes, resident.data()) != 0) return -1;
  auto* const pages = static_cast<Page*>(first->addr);
  std::vector<std::pair<size_t, Page>> saved;
  for (size_t i = 0; i < resident.size(); ++i) {
    if ((resident[i] & 1) != 0) saved.emplace_back(i, pages[i]);
  }
  if (mmap(first->addr, len_bytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED) {
    return -1;
  }
  madvise(first->addr, len_bytes, MADV_HUGEPAGE);
  for (const auto& [i, page] : saved) pages[i] = page;
  return 0;
}

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
                               "--force-max-simd-bitwidth=512"};
    std::vector<char*> argv;
    for (const char* argument : arguments) argv.push_back(const_cast<char*>(argument));
    return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0 &&
           rte_memseg_contig_walk(replace_memory, nullptr) == 0;
  }();
  return started;
}

// Of the process, from /proc/self/smaps_rollup.
inline std::string huge_pages() {
  FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return "unknown";
  std::array<char, 256> line;
  std::string found;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    const std::string text = line.data();
    for (const char* name : {"Rss", "AnonHugePages"}) {
      if (text.starts_with(name)) found += text.substr(0, text.size() - 1) + " ";
    }
  }
  std::fclose(file);
  return found;
}

// Says why.
inline std::nullptr_t refused(const char* what, int error) {
  std::fprintf(stderr, "DPDK refuses %s: %s\n", what, std::strerror(std::abs(error)));
  return nullptr;
}

inline uint32_t host_of(const BenchRoute& route) {
  return static_cast<uint32_t>(route.prefix.high >> 32);
}

inline rte_lpm* make_lpm(const std::vector<BenchRoute>& routes) {
  if (!start()) return nullptr;
  const rte_lpm_config config{static_cast<uint32_t>(routes.size() + 1), 8192, 0};
  rte_lpm* lpm = rte_lpm_create("lpm", SOCKET_ID_ANY, &config);
  if (lpm == nullptr) return refused("an LPM table", rte_errno);
  for (const BenchRoute& route : routes) {
    const int error =
        rte_lpm_add(lpm, host_of(route), static_cast<uint8_t>(route.length), route.next_hop);
    if (error != 0) return refused("a route", error);
  }
  return lpm;
}

inline rte_fib* make_fib(const std::vector<BenchRoute>& routes, rte_fib_dir24_8_nh_sz size,
                         const char* name) {
  if (!start()) return nullptr;
  rte_fib_conf config{};
  config.type = RTE_FIB_DIR24_8;
  config.max_routes = static_cast<int>(2 * routes.size() + 1);
  config.dir24_8.nh_sz = size;
  config.dir24_8.num_tbl8 = 8192;
  rte_fib* fib = rte_fib_create(name, SOCKET_ID_ANY, &config);
  if (fib == nullptr) return refused("a FIB", rte_errno);
  for (const BenchRoute& route : routes) {
    const int error =
        rte_fib_add(fib, host_of(route), static_cast<uint8_t>(route.length), route.next_hop);
    if (error != 0) return refused("a route", error);
  }
  return fib;
}

inline rte_fib6* make_fib6(const std::vector<BenchRoute>& routes) {
  if (!start()) return nullptr;
  rte_fib6_conf config{};
  config.type = RTE_FIB6_TRIE;
  config.max_routes = static_cast<int>(2 * routes.size() + 1);
  config.trie.nh_sz = RTE_FIB6_TRIE_4B;
  config.trie.num_tbl8 = 1u << 20;
  rte_fib6* fib = rte_fib6_create("fib6", SOCKET_ID_ANY, &config);
  if (fib == nullptr) return refused("a FIB of IPv6", rte_errno);
  for (const BenchRoute& route : routes) {
    std::array<uint8_t, 16> bytes{};
    for (uint32_t i = 0; i < bytes.size(); ++i) bytes[i] = route.prefix.byte(8 * i);
    const int error =
        rte_fib6_add(fib, bytes.data(), static_cast<uint8_t>(route.length), route.next_hop);
    if (error != 0) return refused("a route of IPv6", error);
  }
  return fib;
}

}  // namespace starocean::table::dpdk
