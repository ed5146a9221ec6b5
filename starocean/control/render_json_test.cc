#include "starocean/control/render_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/control/status_sample.h"

namespace starocean::control {
namespace {

using dataplane::PortCounter;

size_t at(PortCounter counter) {
  return static_cast<size_t>(counter);
}

// The members and their order are a contract with scripts; this spells it out.
std::string keys(const Json& object) {
  std::string joined;
  for (const auto& [key, value] : object.items()) joined += (joined.empty() ? "" : " ") + key;
  return joined;
}

TEST(RenderJson, Interfaces) {
  const DaemonStatus status = sample_status();
  const Json json = interfaces_json(status);
  EXPECT_EQ(keys(json),
            "schema_version node uptime_ms generation interfaces removed_interfaces loops");
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["node"], "edge-a");
  ASSERT_EQ(json["interfaces"].size(), 2u);
  const Json& lan2 = json["interfaces"][1];
  EXPECT_EQ(keys(lan2),
            "name device ifindex state problem mac mtu bridge attach mode multi_buffer queues "
            "mac_entries counters");
  EXPECT_EQ(lan2["name"], "lan2");
  EXPECT_EQ(lan2["mtu"], 1504);
  EXPECT_EQ(lan2["mac_entries"], 40);
  EXPECT_EQ(lan2["counters"].size(), dataplane::kPortCounters.size());
  EXPECT_EQ(lan2["counters"]["rx_packets"], 2'000'000);
  EXPECT_EQ(lan2["counters"]["drop_punt_full"],
            status.interfaces[1].counters[at(PortCounter::drop_punt_full)]);
  EXPECT_EQ(keys(json["loops"][0]), "bridge mac interfaces moves last_seen_ms_ago");
  EXPECT_EQ(json["loops"][0]["moves"], 12'345);
}

TEST(RenderJson, Fdb) {
  const Json json = fdb_json(sample_fdb());
  EXPECT_EQ(keys(json), "schema_version count entries");
  EXPECT_EQ(json["count"], 3);
  EXPECT_EQ(keys(json["entries"][0]), "bridge vlan mac interface age_ms static sticky");
  EXPECT_EQ(json["entries"][1]["static"], true);
  EXPECT_EQ(json["entries"][2]["age_ms"], 61'000);
  EXPECT_EQ(to_text(fdb_json({})), R"({"schema_version":1,"count":0,"entries":[]})");
}

TEST(RenderJson, DropsAddUp) {
  DaemonStatus status = sample_status();
  for (InterfaceStatus& port : status.interfaces) port.counters = {};
  auto& lan1 = status.interfaces[0].counters;
  auto& lan2 = status.interfaces[1].counters;
  lan1[at(PortCounter::rx_packets)] = 100;
  lan1[at(PortCounter::copies)] = 5;
  lan2[at(PortCounter::tx_packets)] = 90;
  lan1[at(PortCounter::punted)] = 3;
  lan1[at(PortCounter::drop_runt)] = 4;
  lan2[at(PortCounter::drop_tx_full)] = 8;
  const Json json = drops_json(status);
  EXPECT_EQ(keys(json), "schema_version totals drops kernel");
  EXPECT_EQ(keys(json["totals"]),
            "rx_packets copies icmp_errors tx_packets punted dropped unaccounted");
  EXPECT_EQ(json["totals"]["dropped"], 12);
  EXPECT_EQ(json["totals"]["unaccounted"], 0);
  lan2[at(PortCounter::tx_packets)] = 92;
  EXPECT_EQ(drops_json(status)["totals"]["unaccounted"], -2);
  // An interface that was removed keeps its part in the sum.
  status.removed_interfaces[at(PortCounter::rx_packets)] = 3;
  status.removed_interfaces[at(PortCounter::drop_no_bridge)] = 1;
  EXPECT_EQ(drops_json(status)["totals"]["unaccounted"], 0);
  EXPECT_EQ(interfaces_json(status)["removed_interfaces"]["counters"]["rx_packets"], 3);
  for (const Json& drop : json["drops"]) {
    EXPECT_EQ(keys(drop), "reason help packets by_interface removed_interfaces");
    EXPECT_EQ(drop["by_interface"].size(), 2u);
    if (drop["reason"] == "runt") {
      EXPECT_EQ(drop["packets"], 4);
      EXPECT_EQ(drop["by_interface"]["lan1"], 4);
      EXPECT_EQ(drop["by_interface"]["lan2"], 0);
    }
  }
}

TEST(RenderJson, EveryDropReasonIsListed) {
  const Json json = drops_json(DaemonStatus{});
  size_t reasons = 0;
  for (const CounterInfo& info : dataplane::kPortCounters) {
    reasons += info.name.starts_with(dataplane::kDropPrefix) ? 1 : 0;
  }
  EXPECT_EQ(json["drops"].size(), reasons);
  EXPECT_EQ(json["drops"][0]["reason"], "not_ours");
}

TEST(RenderJson, KernelDropsAreSummedOverQueues) {
  const Json kernel = drops_json(sample_status())["kernel"];
  EXPECT_EQ(keys(kernel),
            "rx_dropped rx_invalid_descs tx_invalid_descs rx_ring_full fill_ring_empty "
            "tx_ring_empty");
  const auto first = static_cast<uint64_t>(dataplane::QueueCounter::kernel_rx_dropped);
  EXPECT_EQ(kernel["rx_dropped"], 11'000 + 2 * first);
  EXPECT_EQ(kernel["tx_ring_empty"], 11'000 + 2 * (first + 5));
}

TEST(RenderJson, Queues) {
  const Json queue = queues_json(sample_status())["queues"][1];
  EXPECT_EQ(keys(queue),
            "interface queue worker mode need_wakeup busy_poll rings in_rx in_tx classes counters");
  EXPECT_EQ(to_text(queue["classes"][0]),
            R"({"name":"voice","sent_packets":7001,"sent_bytes":7002,"dropped_full":3,)"
            R"("dropped_codel":4,"marked":5,"backlog_packets":6,"backlog_bytes":7007})");
  EXPECT_EQ(queue["classes"].size(), 2u);
  EXPECT_EQ(to_text(queue["rings"]), R"({"rx":2048,"tx":1024,"fill":4096,"completion":512})");
  EXPECT_EQ(queue["busy_poll"], true);
  EXPECT_EQ(queue["in_rx"], 701);
  EXPECT_EQ(queue["in_tx"], 61);
  EXPECT_EQ(queue["counters"]["filled"], 6'000);
}

TEST(RenderJson, Workers) {
  const Json worker = workers_json(sample_status())["workers"][0];
  EXPECT_EQ(keys(worker), "id cpu poll state sends_by pool_frames in_flight queues counters");
  EXPECT_EQ(worker["cpu"], -1);
  EXPECT_EQ(worker["queues"][0], "lan1:0");
  EXPECT_EQ(worker["counters"]["turns"], 80);
}

TEST(RenderJson, Memory) {
  const Json json = memory_json(sample_memory());
  EXPECT_EQ(keys(json), "schema_version hugepages note frames mappings");
  EXPECT_EQ(keys(json["frames"]), "total depot pools in_rx in_tx in_flight punting missing");
  EXPECT_EQ(json["frames"]["missing"], 7);
  const Json& umem = json["mappings"][1];
  EXPECT_EQ(keys(umem),
            "start end name kind permissions backing size_bytes page_size_bytes resident_bytes "
            "locked_bytes");
  EXPECT_EQ(umem["start"], "0x7f0000000000");
  EXPECT_EQ(umem["page_size_bytes"], 2 << 20);
}

TEST(RenderJson, BytesThatAreNotUtf8DoNotThrow) {
  DaemonStatus status = sample_status();
  status.interfaces[0].device = "lan\xff";
  EXPECT_NE(to_text(interfaces_json(status)).find("lan\xef\xbf\xbd"), std::string::npos);
}

}  // namespace
}  // namespace starocean::control
