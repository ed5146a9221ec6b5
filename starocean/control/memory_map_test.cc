#include "starocean/control/memory_map.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace starocean::control {
namespace {

// A mapping as the kernel prints it, cut to the fields that matter and some that must be passed
// over.
std::string entry(const std::string& header, unsigned size_kib, unsigned rss_kib = 0,
                  unsigned page_kib = 4, unsigned hugetlb_kib = 0, unsigned locked_kib = 0) {
  std::ostringstream out;
  out << header << "\nSize:            " << size_kib << " kB\nKernelPageSize:  " << page_kib
      << " kB\nRss:             " << rss_kib
      << " kB\nPss_Dirty:       1 kB\nShared_Hugetlb:  " << hugetlb_kib / 2
      << " kB\nPrivate_Hugetlb: " << hugetlb_kib - hugetlb_kib / 2
      << " kB\nLocked:          " << locked_kib << " kB\nTHPeligible:    0\nVmFlags: rd ex mr\n";
  return out.str();
}

std::string sample() {
  return entry("555555554000-555555560000 r--p 00000000 fe:00 5    /opt/star ocean", 48, 40) +
         entry("555555560000-555555600000 r-xp 0000c000 fe:00 5    /opt/star ocean", 640, 600) +
         entry("555555600000-555555604000 rw-p 000ac000 fe:00 5    /opt/star ocean", 16, 16) +
         entry("555555604000-555555700000 rw-p 00000000 00:00 0 ", 1008, 8) +
         entry("555556000000-555556021000 rw-p 00000000 00:00 0    [heap]", 132, 100) +
         entry("7f0000000000-7f0000021000 rw-p 00000000 00:00 0 ", 132, 12) +
         entry("7f0000021000-7f0004000000 ---p 00000000 00:00 0 ", 65404) +
         entry("7f0040000000-7f0044000000 rw-s 00000000 00:10 9    /anon_hugepage (deleted)", 65536,
               0, 2048, 62 * 1024) +
         entry("7f0050000000-7f0050001000 ---p 00000000 00:00 0 ", 4) +
         entry("7f0050001000-7f0050801000 rw-p 00000000 00:00 0 ", 8192, 24) +
         entry("7f0060000000-7f0060010000 rw-s 00000000 00:08 7    socket:[12345]", 64, 64, 4, 0,
               64) +
         entry("7f0070000000-7f0070020000 r-xp 00000000 fe:00 6    /lib/libc.so.6", 128, 128) +
         entry("7f0070020000-7f0070021000 rw-p 00000000 fe:00 6    /lib/libc.so.6", 4, 4) +
         entry("7f0070021000-7f0070030000 rw-p 00000000 00:00 0 ", 60, 4) +
         entry("7f0080000000-7f0080010000 rw-p 00000000 00:00 0 ", 64, 4) +
         entry("7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0    [stack]", 132, 16) +
         entry("7ffffffff000-800000001000 r-xp 00000000 00:00 0    [vdso]", 8, 8) +
         entry("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]", 4);
}

std::vector<std::string> named(const std::vector<Region>& regions) {
  const auto entries = parse_smaps(sample());
  EXPECT_TRUE(entries) << entries.error().message();
  std::vector<std::string> names;
  for (const auto& mapping : name_mappings(*entries, "/opt/star ocean", regions)) {
    names.push_back(mapping.kind + ": " + mapping.name);
  }
  return names;
}

TEST(Smaps, ReadsSizesAndCountsHugetlbAsResident) {
  const auto entries = parse_smaps(sample());
  ASSERT_TRUE(entries) << entries.error().message();
  ASSERT_EQ(entries->size(), 18u);
  EXPECT_EQ((*entries)[0].path, "/opt/star ocean");
  EXPECT_EQ((*entries)[1].permissions, "r-xp");
  EXPECT_EQ((*entries)[1].resident_bytes, 600u * 1024);
  const SmapsEntry& huge = (*entries)[7];
  EXPECT_EQ(huge.start, 0x7f0040000000u);
  EXPECT_EQ(huge.end, 0x7f0044000000u);
  EXPECT_EQ(huge.page_size_bytes, 2u << 20);
  EXPECT_EQ(huge.resident_bytes, 62u << 20);
  EXPECT_EQ((*entries)[10].locked_bytes, 64u * 1024);
  EXPECT_EQ(entries->back().start, 0xffffffffff600000u);
}

TEST(Smaps, RefusesWhatIsNotSmaps) {
  EXPECT_TRUE(parse_smaps("")->empty());
  const std::string good = entry("1000-2000 rw-p 00000000 00:00 0 ", 4);
  EXPECT_TRUE(parse_smaps(good));
  for (const std::string& wrong :
       {std::string("hello\n"), std::string("Size: 4 kB\n"), std::string("\n"), good + "\n",
        entry("2000-1000 rw-p 00000000 00:00 0 ", 4), entry("1000-2000 rw 00000000 00:00 0", 4),
        entry("1000-2000 rw-p 0000000g 00:00 0", 4), good + "Rss: x kB\n", good + "Rss: 5 MB\n",
        good + "Rss\n"}) {
    const auto entries = parse_smaps(wrong);
    EXPECT_FALSE(entries) << wrong;
  }
  EXPECT_EQ(parse_smaps(good + "Rss: x kB\n").error().message(),
            "cannot read the memory map: line 11 is not in the format of smaps: 'Rss: x kB'");
}

std::vector<SmapsEntry> reading(const std::string& text) {
  const auto entries = parse_smaps(text);
  EXPECT_TRUE(entries) << entries.error().message();
  return entries.value_or(std::vector<SmapsEntry>());
}

TEST(Smaps, ReadsUntilTwoReadingsHaveTheSameMappings) {
  const auto with_heap = [](const std::string& end, unsigned rss_kib) {
    return reading(entry("1000-" + end + " rw-p 00000000 00:00 0    [heap]", 4, rss_kib));
  };
  // A heap that grows twice; from then on only its resident pages change.
  const std::vector<std::vector<SmapsEntry>> readings = {with_heap("2000", 0), with_heap("3000", 0),
                                                         with_heap("4000", 1), with_heap("4000", 2),
                                                         with_heap("5000", 3)};
  size_t calls = 0;
  const auto settled =
      read_until_settled([&]() -> Result<std::vector<SmapsEntry>> { return readings.at(calls++); });
  ASSERT_TRUE(settled);
  EXPECT_EQ(calls, 4u);
  EXPECT_EQ(settled->front().end, 0x4000u);
  EXPECT_EQ(settled->front().resident_bytes, 2u * 1024) << "the later of the two";
}

TEST(Smaps, GivesUpWaitingForAProcessThatNeverStandsStill) {
  int calls = 0;
  const auto last = read_until_settled([&]() -> Result<std::vector<SmapsEntry>> {
    return reading(entry(fmt::format("1000-{}000 rw-p 00000000 00:00 0 ", 2 + ++calls), 4));
  });
  ASSERT_TRUE(last);
  EXPECT_EQ(calls, kMaxReadings);
  EXPECT_FALSE(
      read_until_settled([]() -> Result<std::vector<SmapsEntry>> { return fail("no proc", "x"); }));
}

TEST(MemoryMap, NamesEachMappingForWhatItIs) {
  const std::vector<std::string> expected = {
      "data: program constants",
      "code: program code",
      "data: program data",
      "bss: program bss",
      "heap: heap",
      "heap: malloc arena",
      "heap: malloc arena, not used yet",
      "other: huge pages",
      "stack: guard page",
      "stack: thread stack",
      "ring: AF_XDP ring",
      "library: libc.so.6 code",
      "library: libc.so.6 data",
      "library: libc.so.6 bss",
      "other: anonymous memory",
      "stack: main stack",
      "kernel: vdso: system calls without entering the kernel",
      "kernel: vsyscall: the vdso's predecessor",
  };
  EXPECT_EQ(named({}), expected);
}

// The kernel merges neighbours that nobody may touch: here the rest of an arena and a guard page.
TEST(MemoryMap, AnArenaEndsWhereItsNeighbourDoes) {
  const auto entries = reading(entry("7f0000000000-7f0000021000 rw-p 00000000 00:00 0 ", 132) +
                               entry("7f0000021000-7f0004001000 ---p 00000000 00:00 0 ", 65408));
  const auto mappings = name_mappings(entries, "/opt/x", {});
  EXPECT_EQ(mappings[0].name, "malloc arena");
  EXPECT_EQ(mappings[1].name, "malloc arena, not used yet");
}

TEST(MemoryMap, RegisteredRegionsWin) {
  const auto names = named({
      {0x7f0040000000, 64 << 20, "umem frames and rings", "umem"},
      {0x7f0050000000, 0x801000, "stack of worker 0", "stack"},
      {0x7f0060000000, 0xf400, "xsk lan1:0 rx ring", "ring"},
      {0x7f0080001000, 0x1000, "first", "other"},
      {0x7f0080002000, 0x8000, "second", "umem"},
  });
  EXPECT_EQ(names[7], "umem: umem frames and rings");
  EXPECT_EQ(names[8], "stack: stack of worker 0");
  EXPECT_EQ(names[9], "stack: stack of worker 0");
  EXPECT_EQ(names[10], "ring: xsk lan1:0 rx ring") << "the last page is not full, yet nothing else";
  EXPECT_EQ(names[14], "umem: first, second, other memory");
}

TEST(MemoryMap, ManyRegionsInOneMappingAreCounted) {
  std::vector<Region> regions;
  for (uint64_t i = 0; i < 16; ++i) {
    regions.push_back({0x7f0080000000 + i * 0x1000, 0x1000, fmt::format("r{}", i), "umem"});
  }
  EXPECT_EQ(named(regions)[14], "umem: r0, r1, r2, r3 and 12 more");
}

const MemoryMapping* holding(const std::vector<MemoryMapping>& map, const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const auto found = std::ranges::find_if(
      map, [&](const MemoryMapping& m) { return m.start <= address && address < m.end; });
  return found == map.end() ? nullptr : &*found;
}

std::array<char, 1 << 20> g_zeroed;
int g_data = 1;

TEST(MemoryMap, LiveProcess) {
  const int local = 0;
  g_zeroed[g_zeroed.size() / 2] = static_cast<char>(g_data);
  const auto map = read_memory_map();
  ASSERT_TRUE(map) << map.error().message();
  const auto kind = [&](const void* pointer) {
    const MemoryMapping* const mapping = holding(*map, pointer);
    return mapping == nullptr ? "none" : mapping->kind;
  };
  EXPECT_EQ(kind(reinterpret_cast<const void*>(&read_memory_map)), "code");
  EXPECT_EQ(kind(&g_data), "data");
  EXPECT_EQ(kind(&g_zeroed[g_zeroed.size() / 2]), "bss");
  EXPECT_EQ(kind(&local), "stack");
  EXPECT_EQ(kind(reinterpret_cast<const void*>(&getpid)), "library");
  for (const auto& mapping : *map) {
    EXPECT_EQ(mapping.size_bytes, mapping.end - mapping.start) << mapping.name;
    EXPECT_FALSE(mapping.name.empty());
    EXPECT_GE(mapping.page_size_bytes, 4096u);
  }
}

// The sanitizers bring an allocator of their own, with mappings of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// In a process of its own: prepare_memory_map() wants to be first, and has no way back.
TEST(MemoryMapDeathTest, MallocLeavesNothingUnexplained) {
  const auto check = [] {
    prepare_memory_map();
    const std::vector<char> large(1 << 20, 'x');  // malloc's own mapping, by default
    std::vector<std::string> small;               // an arena of the thread's own, by default
    std::thread other([&] {
      for (int i = 0; i < 1000; ++i) small.emplace_back(100, large[0]);
    });
    other.join();
    const auto map = read_memory_map();
    int unexplained = map ? 0 : 1;
    for (const auto& mapping : *map) {
      const bool arena = mapping.name.starts_with("malloc arena");
      if (mapping.kind != "other" && !arena) continue;
      fmt::print(stderr, "{:x}-{:x} {}\n", mapping.start, mapping.end, mapping.name);
      ++unexplained;
    }
    std::_Exit(unexplained);
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(check(), ::testing::ExitedWithCode(0), "");
}
#endif

TEST(MemoryMap, LiveRegionAndLock) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t len = 8 * page;
  void* const memory =
      mmap(nullptr, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  {
    const ScopedRegion name(memory, len, "umem of the test", "umem");
    // Not mlock(), which AddressSanitizer replaces by nothing.
    const bool locked = syscall(SYS_mlock, memory, 2 * page) == 0;
    static_cast<char*>(memory)[3 * page] = 1;
    const auto map = read_memory_map();
    ASSERT_TRUE(map);
    const MemoryMapping* const first = holding(*map, memory);
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->name, "umem of the test");
    EXPECT_EQ(first->kind, "umem");
    if (locked) {
      EXPECT_EQ(first->size_bytes, 2 * page) << "mlock splits the mapping";
      EXPECT_EQ(first->resident_bytes, 2 * page);
      EXPECT_EQ(first->locked_bytes, 2 * page);
    }
    const MemoryMapping* const rest = holding(*map, static_cast<char*>(memory) + 3 * page);
    ASSERT_NE(rest, nullptr);
    EXPECT_EQ(rest->name, "umem of the test");
  }
  munmap(memory, len);
}

}  // namespace
}  // namespace starocean::control
