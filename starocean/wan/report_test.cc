#include "starocean/wan/report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace starocean::wan {
namespace {

using control::Json;

EmulatorStatus sample() {
  EmulatorStatus status;
  status.seed = 42;
  status.frames = 1000;
  status.frames_free = 900;
  status.frames_in_rx = 60;
  status.frames_in_tx = 10;
  status.capacity_frames = 300;
  status.sides[0].device = "lan1";
  status.sides[1].device = "lan\"2";
  status.sides[0].kernel_rx_dropped = 3;
  status.sides[1].kernel_tx_dropped = 4;
  DirectionStatus& way = status.directions[0];
  way.link.delay_ns = 50'000'000;
  const auto count = [&](WanCounter counter, uint64_t value) {
    way.counters[static_cast<size_t>(counter)] = value;
  };
  count(WanCounter::rx_packets, 1000);
  count(WanCounter::duplicated, 20);
  count(WanCounter::tx_packets, 950);
  count(WanCounter::drop_loss, 15);
  count(WanCounter::drop_burst_loss, 5);
  count(WanCounter::drop_queue_full, 19);
  way.held_packets = 30;
  way.held_frames = 30;
  way.lateness.packets[0] = 949;
  way.lateness.packets.back() = 1;
  way.lateness.sum_ns = 950'000;
  way.lateness.max_ns = 60'000'500;
  return status;
}

TEST(Report, AccountsForEveryPacketAndFrame) {
  const Json status = status_json(sample());
  const Json& way = status["directions"]["a_to_b"];
  EXPECT_EQ(way["lost"], 20);
  EXPECT_EQ(way["dropped"], 39);
  EXPECT_EQ(way["unaccounted"], 1000 + 20 - 950 - 39 - 30);
  EXPECT_EQ(status["frames"]["missing"], 0);
  EXPECT_EQ(way["kernel"], Json::parse(R"({"rx_dropped":3,"rx_ring_full":0,"tx_dropped":4})"));
  EXPECT_EQ(status["directions"]["b_to_a"]["kernel"]["rx_dropped"], 0);
  EXPECT_EQ(way["lateness"]["mean_us"], 1.0);
  EXPECT_EQ(way["lateness"]["max_us"], 60000.5);
  EXPECT_EQ(way["lateness"]["buckets"].back(), Json::parse(R"({"up_to_us":null,"packets":1})"));
}

TEST(Report, TheTableHasEveryWordAndCounter) {
  const std::string text = status_text(status_json(sample()));
  EXPECT_NE(text.find("lan1 → lan\"2"), std::string::npos) << text;
  for (const CounterInfo& counter : kWanCounters) {
    EXPECT_NE(text.find(std::string(counter.name)), std::string::npos) << counter.name;
  }
  EXPECT_NE(text.find("50ms"), std::string::npos);
  EXPECT_NE(text.find("60000.5 us"), std::string::npos) << text;
  // Of an answer with nothing in it, a table with nothing in it.
  EXPECT_NE(status_text(Json::object()).find("rx_packets"), std::string::npos);
}

TEST(Report, MetricsEscapeNames) {
  const std::string text = metrics_text(sample());
  EXPECT_NE(text.find(R"(starocean_wan_tx_packets_total{from="lan1",to="lan\"2"} 950)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(starocean_wan_held_packets{from="lan1",to="lan\"2"} 30)"),
            std::string::npos);
}

TEST(Report, WhatIsShownCanBeSent) {
  const Json shown = status_json(sample());
  Json change;
  for (const char* way : kWays) change[way] = shown["directions"][way]["link"];
  LinkPair links;
  const Status applied = apply_change(links, change.dump());
  ASSERT_TRUE(applied) << applied.error().message();
  EXPECT_EQ(links[0], sample().directions[0].link);
  EXPECT_EQ(links[1], LinkOptions());
}

TEST(Report, AMistakeChangesNothing) {
  for (const char* wrong :
       {"", "x", "[]", R"({"a_to_b": {"delay": "5ms", "jitter": "9ms"}})",
        R"({"a_to_b": {"delay": "5ms"}, "b_to_a": {"loss": "x"}})", R"({"a_to_c": {}})",
        R"({"a_to_b": []})", R"({"a_to_b": {"delay": 5}})", R"({"a_to_b": {"dlay": "5ms"}})"}) {
    LinkPair links;
    const Status applied = apply_change(links, wrong);
    EXPECT_FALSE(applied) << wrong;
    EXPECT_EQ(links, LinkPair()) << wrong;
  }
}

}  // namespace
}  // namespace starocean::wan
