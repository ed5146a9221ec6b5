#include "starocean/control/echo_report.h"

#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/control/status_line.h"

namespace starocean::control {
namespace {

// Every value differs from every other.
EchoStatus sample() {
  EchoStatus status;
  status.address = "10.0.0.50";
  status.attach = "native";
  status.queue.interface = "la\"n\\1";
  status.queue.queue = 3;
  status.queue.mode = "copy";
  status.queue.in_rx = 1000;
  status.queue.in_tx = 20;
  for (size_t i = 0; i < status.queue.counters.size(); ++i) status.queue.counters[i] = 5000 + i;
  for (size_t i = 0; i < status.counters.size(); ++i) status.counters[i] = 7000 + i;
  status.steering = {.redirected = 8001, .passed = 8002, .no_socket = 8003};
  status.frames = 4096;
  status.free_frames = 3070;
  return status;
}

std::map<std::string, int64_t> samples_of(const std::string& text) {
  std::map<std::string, int64_t> samples;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    const size_t space = line.rfind(' ');
    EXPECT_TRUE(samples.emplace(line.substr(0, space), std::stoll(line.substr(space + 1))).second)
        << line << " stands there twice";
  }
  return samples;
}

TEST(EchoReport, JsonAndPrometheusTellTheSame) {
  const EchoStatus status = sample();
  const Json json = echo_json(status);
  auto samples = samples_of(echo_metrics(status));
  // Removes what it returns, so that in the end only what JSON has no member for is left.
  const auto take = [&](const std::string& name) {
    const auto found = samples.extract(name);
    EXPECT_FALSE(found.empty()) << name;
    return found.empty() ? -1 : found.mapped();
  };
  const std::string interface = R"(interface="la\"n\\1")";
  const std::string queue = "{" + interface + R"(,queue="3"})";
  for (const auto& [name, value] : json["counters"].items()) {
    EXPECT_EQ(take("starocean_echo_" + name + "_total" + queue), value) << name;
  }
  for (const auto& [name, counter] : kStatusLineCounters) {
    const auto& info = dataplane::kQueueCounters[static_cast<size_t>(counter)];
    EXPECT_EQ(take(fmt::format("starocean_queue_{}_total{}", info.name, queue)),
              json["queue_counters"][std::string(name)])
        << name;
  }
  for (const auto& [name, value] : json["steering"].items()) {
    EXPECT_EQ(take("starocean_steering_" + name + "_total{" + interface + "}"), value) << name;
  }
  EXPECT_EQ(take("starocean_frames_configured"), json["frames"]["total"]);
  for (const auto& [place, value] : json["frames"].items()) {
    if (place == "total") continue;
    EXPECT_EQ(take("starocean_frames{place=\"" + place + "\"}"), value) << place;
  }
  EXPECT_EQ(json["frames"]["missing"], 6);
  std::set<std::string> left;
  for (const auto& [name, value] : samples) left.insert(name.substr(0, name.find('{')));
  EXPECT_EQ(left, (std::set<std::string>{
                      "starocean_queue_redirected_total", "starocean_queue_rx_kicks_total",
                      "starocean_queue_tx_kick_errors_total", "starocean_queue_tx_kicks_busy_total",
                      "starocean_queue_tx_kicks_total"}));
}

TEST(EchoReport, StatusLineHasTheSameNumbers) {
  const EchoStatus status = sample();
  std::string expected = "la\"n\\1:3";
  const Json json = echo_json(status);
  for (const auto& [name, value] : json["queue_counters"].items()) {
    expected += fmt::format(" {}={}", name, value.get<uint64_t>());
  }
  EXPECT_EQ(status_line(status.queue), expected);
}

}  // namespace
}  // namespace starocean::control
