#include "starocean/control/render_text.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/control/show_vlans.h"
#include "starocean/control/status_sample.h"
#include "starocean/control/text_table.h"

namespace starocean::control {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TextTable, AlignsByCharactersAndTrims) {
  TextTable table({{"NAME"}, {"N", Align::kRight}, {"WORD"}});
  table.add_row({"zürich", "12", "x"});
  table.add_row({"b", "1,000", ""});
  EXPECT_EQ(table.text(),
            "NAME        N  WORD\n"
            "zürich     12  x\n"
            "b       1,000\n");
}

TEST(TextTable, Numbers) {
  EXPECT_EQ(grouped(uint64_t{0}), "0");
  EXPECT_EQ(grouped(uint64_t{999}), "999");
  EXPECT_EQ(grouped(uint64_t{1000}), "1,000");
  EXPECT_EQ(grouped(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(grouped(int64_t{-1234567}), "-1,234,567");
  EXPECT_EQ(grouped(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(4096), "4 KiB");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(uint64_t{3} << 30), "3 GiB");
  EXPECT_EQ(duration_text(0), "0ms");
  EXPECT_EQ(duration_text(999), "999ms");
  EXPECT_EQ(duration_text(61'500), "1m 1s");
  EXPECT_EQ(duration_text(3'600'000), "1h");
  EXPECT_EQ(duration_text(90'000'000'000), "1041d 16h");
}

TEST(RenderText, Interfaces) {
  DaemonStatus status = sample_status();
  status.interfaces[1].state = "absent";
  status.interfaces[1].problem = "no such device";
  const std::string text = interfaces_text(interfaces_json(status));
  EXPECT_TRUE(contains(text, "node edge-a, up 1h 2m, configuration 7\n")) << text;
  EXPECT_TRUE(contains(
      text, "lan1 (enp3s0)  up      office  02:00:00:00:00:03  1503  native, copy, multi-buffer"))
      << text;
  EXPECT_TRUE(contains(text, "lan2: no such device\n")) << text;
  EXPECT_TRUE(contains(text,
                       "loop: 02:00:00:00:00:99 moves between lan1, lan2 in bridge office: 12,345 "
                       "moves, the last 1s ago\n"))
      << text;
}

TEST(RenderText, Fdb) {
  EXPECT_EQ(fdb_text(fdb_json(sample_fdb())),
            "BRIDGE  VLAN  MAC                INTERFACE   LAST SEEN\n"
            "office    10  02:00:00:00:00:0a  lan1       1s, sticky\n"
            "office    10  02:00:00:00:00:0b  lan2           static\n"
            "guest      -  02:00:00:00:00:0c  lan3            1m 1s\n"
            "3 entries\n");
  EXPECT_EQ(fdb_text(fdb_json({})), "0 entries\n");
}

TEST(RenderText, DropsHideZeroesAndSaySo) {
  DaemonStatus status = sample_status();
  for (auto& port : status.interfaces) port.counters = {};
  const auto runt = static_cast<size_t>(dataplane::PortCounter::drop_runt);
  const auto received = static_cast<size_t>(dataplane::PortCounter::rx_packets);
  status.interfaces[1].counters[runt] = 1234;
  status.interfaces[1].counters[received] = 1235;
  const std::string text = drops_text(drops_json(status));
  EXPECT_TRUE(contains(
      text, "runt      1,234  lan2 1,234  shorter than an Ethernet header and its VLAN tag\n"))
      << text;
  EXPECT_FALSE(contains(text, "bad_source")) << text;
  EXPECT_TRUE(contains(text, "dropped 1,234 + in hand at this instant 1\n")) << text;
  size_t reasons = 0;
  for (const auto& info : dataplane::kPortCounters) {
    reasons += info.name.starts_with(dataplane::kDropPrefix) ? 1 : 0;
  }
  EXPECT_TRUE(
      contains(text, "(" + std::to_string(reasons - 1) + " reasons without drops not shown"))
      << text;
  EXPECT_TRUE(contains(text, "fill_ring_empty")) << text;
  EXPECT_TRUE(contains(drops_text(drops_json(DaemonStatus{})), "No drops.\n"));
}

TEST(RenderText, Queues) {
  const std::string text = queues_text(queues_json(sample_status()));
  EXPECT_TRUE(contains(text, "lan1:0       0  copy  on request  no         2048/1024/4096/512"))
      << text;
  EXPECT_TRUE(contains(text, "6,002")) << text;
  EXPECT_TRUE(contains(text, "lan2    voice  7,001  7,002        3      4       5        6\n"))
      << text;
}

TEST(RenderText, WorkersWithoutPacketsDivideByNothing) {
  DaemonStatus status = sample_status();
  status.workers[1].counters = {};
  const std::string text = workers_text(workers_json(status));
  EXPECT_TRUE(contains(text, "     0  any  adaptive  running")) << text;
  EXPECT_TRUE(contains(text, "     1    0  adaptive  sleeping")) << text;
  EXPECT_TRUE(contains(text, "           -             -             -       0  lan2:0\n")) << text;
}

TEST(RenderText, Memory) {
  const std::string text = memory_text(memory_json(sample_memory()));
  EXPECT_TRUE(contains(text, "huge pages: 2M (no free 1G page)\n")) << text;
  EXPECT_TRUE(contains(text, "frames: 32,768 = depot 30,577 + pools 601 + receive 1,401 + "))
      << text;
  EXPECT_TRUE(contains(text, "+ moving at this instant 7\n")) << text;
  EXPECT_TRUE(contains(text, "resident 62.5 MiB, of this locked 16 MiB\n")) << text;
  EXPECT_TRUE(contains(text, "umem frames and rings  umem  rw-s  0x7f0000000000   64 MiB  2 MiB"))
      << text;
}

TEST(RenderText, AnAnswerThatLacksEverythingStillRenders) {
  const Json empty = Json::object();
  for (const auto render : {interfaces_text, fdb_text, vlans_text, drops_text, queues_text,
                            workers_text, memory_text}) {
    EXPECT_FALSE(render(empty).empty());
  }
}

}  // namespace
}  // namespace starocean::control
