#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/bench/rx_report.h"
#include "starocean/testbed/command.h"

namespace starocean::bench {
namespace {

using Json = nlohmann::ordered_json;

// One second, in which the NAPI thread and the program are busy for `busy` of it.
RxMeasurement measured(double mpps, double generated_mpps, double busy, uint64_t lost = 0) {
  const auto packets = [](double million) { return static_cast<uint64_t>(million * 1e6); };
  const auto busy_ns = static_cast<uint64_t>(busy * 1e9);
  RxMeasurement one{.seconds = 1,
                    .handled = packets(mpps),
                    .on_wire = packets(mpps) + lost,
                    .generated = packets(generated_mpps),
                    .receive_core = {.system_ns = busy_ns, .idle_ns = kNsPerSecond - busy_ns},
                    .napi_ns = busy_ns * 3 / 4,
                    .program_ns = busy_ns / 4,
                    .total_generated = packets(generated_mpps),
                    .total_on_wire = packets(mpps) + lost};
  one.total.handled = packets(mpps);
  one.total.lost = {{"buffer full", lost}};
  return one;
}

const RxCase& case_named(std::string_view name) {
  for (const auto list : {rx_ladder(), rx_tunings()}) {
    for (const RxCase& one : list) {
      if (one.name == name) return one;
    }
  }
  ADD_FAILURE() << "no such case: " << name;
  return rx_ladder().front();
}

// Repetitions of a rung that handled `mpps` in a flood of 4 Mpps, and 0.2 Mpps at the rate.
RxCaseResult ran(std::string_view name, const std::vector<double>& mpps, double rate_busy = 0.1) {
  RxCaseResult result{.what = &case_named(name)};
  for (const double one : mpps) {
    RxTrial trial{.repetition = static_cast<uint32_t>(result.trials.size() + 1)};
    if (!result.what->only_at_rate) trial.flood = measured(one, 4, 1);
    trial.at_rate = measured(0.2, 0.2, rate_busy);
    result.trials.push_back(trial);
  }
  return result;
}

RxReport sample() {
  RxReport report{.machine = {.cpu = "Test CPU", .cpus = 2, .kernel = "6.1.0"},
                  .command = "starocean bench rx-path",
                  .version = "0.1.0",
                  .date_utc = "2025-11-25"};
  report.result.options.repetitions = 3;
  report.result.rungs = {
      ran("xdp-native", {3.9, 4.0, 4.0}),     ran("prerouting", {1.0, 1.1, 1.2}),
      ran("local-in", {0.5, 0.55, 0.6}),      ran("af-packet", {0.2, 0.21, 0.22}),
      ran("af-packet-mmap", {0.6, 0.6, 0.6}), ran("af-xdp", {1.8, 2.0, 2.2})};
  report.result.rungs.push_back(
      {.what = &case_named("netdev-ingress"), .unavailable = "`nft` is not installed"});
  report.result.tunings = {ran("af-xdp/ring-256", {0.9, 1.0, 1.1}),
                           ran("af-xdp/coalesced", {1, 1, 1}, 0.05)};
  return report;
}

std::string all_of(const std::vector<std::string>& paragraphs) {
  std::string text;
  for (const std::string& one : paragraphs) text += one + "\n";
  return text;
}

std::string conclusions(const RxReport& report) {
  return all_of(rx_conclusions(summarize(report.result), report.result.options));
}

TEST(RxSummary, TakesMediansAndSpreads) {
  const RxReport report = sample();
  const RxPathSummary summary = summarize(report.result);
  const RxLoadSummary& flood = *summary.find("prerouting")->flood;
  EXPECT_DOUBLE_EQ(flood.handled_mpps.median, 1.1);
  EXPECT_DOUBLE_EQ(flood.handled_mpps.least, 1.0);
  EXPECT_DOUBLE_EQ(flood.handled_mpps.most, 1.2);
  EXPECT_NEAR(flood.ns_per_packet.median, 1000 / 1.1, 0.01) << "a whole core for 1.1 Mpps";
  EXPECT_DOUBLE_EQ(flood.own_percent, 100);
  EXPECT_DOUBLE_EQ(flood.system_percent, 100);
  EXPECT_DOUBLE_EQ(flood.others_percent, 0);
  EXPECT_FALSE(flood.kept_up);
  EXPECT_TRUE(summary.find("xdp-native")->flood->kept_up) << "it took what was generated";
  EXPECT_EQ(summary.find("netdev-ingress"), nullptr) << "what is unavailable is not found";
  EXPECT_TRUE(summary.find("xdp-native")->flood->below_limit);
  EXPECT_FALSE(flood.below_limit) << "it had used all of its core";
  EXPECT_FALSE(summary.find("af-xdp/coalesced")->flood) << "measured at the rate only";
}

TEST(RxSummary, ComparesRepetitionByRepetition) {
  RxReport report = sample();
  const RxPathSummary summary = summarize(report.result);
  const Spread ratio =
      ratio_of(*summary.find("prerouting"), *summary.find("local-in"), RxMetric::kFloodHandled);
  EXPECT_EQ(ratio.count, 3u);
  EXPECT_NEAR(ratio.median, 2, 1e-9);
  EXPECT_NEAR(ratio.least, 2, 1e-9) << "though the figures themselves are spread by 20 %";
  report.result.rungs[2].trials[0].repetition = 7;  // has no partner
  const RxPathSummary fewer = summarize(report.result);
  EXPECT_EQ(
      ratio_of(*fewer.find("prerouting"), *fewer.find("local-in"), RxMetric::kFloodHandled).count,
      2u);
}

TEST(RxSummary, TellsLossDisturbanceAndBooksThatDoNotBalance) {
  RxReport report = sample();
  RxMeasurement& one = *report.result.rungs[1].trials[0].flood;
  one = measured(1.0, 4, 0.5, 250'000);
  one.receive_core.user_ns = 400'000'000;  // of somebody else
  one.total_on_wire += 5;                  // vanished
  report.result.rungs[1].trials.resize(1);
  const RxPathSummary summary = summarize(report.result);
  const RxLoadSummary& flood = *summary.find("prerouting")->flood;
  EXPECT_NEAR(flood.lost_percent, 20, 0.001);
  EXPECT_DOUBLE_EQ(flood.others_percent, 40);
  EXPECT_EQ(flood.unaccounted, 5u);
  EXPECT_NE(conclusions(report).find("This run was disturbed"), std::string::npos);
  EXPECT_EQ(conclusions(sample()).find("This run was disturbed"), std::string::npos);
}

TEST(RxConclusions, FollowTheFigures) {
  const std::string said = conclusions(sample());
  EXPECT_NE(said.find("The order is the source's"), std::string::npos) << said;
  EXPECT_NE(said.find("at least 3.64 times"), std::string::npos) << said;
  for (const char* wanted : {"a rule in PREROUTING ended 2.00 times (2.00 … 2.00) as many as one "
                             "in INPUT: put drop rules there",
                             "instead of 2048, 0.50 times (0.50 … 0.50) the packets were handled "
                             "in a flood: take rings of 2048",
                             "needed 0.50 times (0.50 … 0.50) the CPU time at 200 kpps: worth it",
                             "(≥); see ns per packet: XDP drop, native."}) {
    EXPECT_NE(said.find(wanted), std::string::npos) << wanted << "\nin\n" << said;
  }
}

TEST(RxConclusions, GoByTheCostOfRungsThatWereBelowTheirLimit) {
  RxReport report = sample();
  const auto set = [&](size_t rung, double mpps, double busy) {
    for (RxTrial& trial : report.result.rungs[rung].trials) trial.flood = measured(mpps, 4, busy);
  };
  set(0, 2.0, 0.5);  // XDP
  for (const double busy : {0.9, 1.0}) {
    set(1, 2.1, busy);  // PREROUTING
    EXPECT_EQ(all_of(rx_order(summarize(report.result)).faults), "") << "less, in less time each";
  }
  EXPECT_NE(rx_path_table(report).find("≥ 2.00"), std::string::npos);
  EXPECT_EQ(rx_path_table(report).find("≥ 2.10"), std::string::npos);
  EXPECT_NE(conclusions(report).find("ended at least 0.95 times"), std::string::npos);
  set(0, 2.0, 1.0);
  set(1, 1.5, 0.5);  // at half of its limit
  const auto faults = rx_order(summarize(report.result)).faults;
  ASSERT_EQ(faults.size(), 1u) << all_of(faults);
  EXPECT_NE(faults[0].find("(500 ns a packet) is not above PREROUTING drop (333 ns a packet)"),
            std::string::npos)
      << faults[0];
  EXPECT_NE(conclusions(report).find("ended at most 1.33 times"), std::string::npos);
}

TEST(RxConclusions, NameARateThatWasNotReached) {
  RxReport report = sample();
  report.result.options.rate_pps = 400'000;
  const std::string said = conclusions(report);
  EXPECT_NE(said.find("did not reach the 400 kpps asked for everywhere: 50 %"), std::string::npos)
      << said;
  EXPECT_EQ(conclusions(sample()).find("did not reach"), std::string::npos);
}

TEST(RxConclusions, ClaimNothingAfterTwoRepetitions) {
  RxReport report = sample();
  for (RxCaseResult& rung : report.result.rungs) {
    if (!rung.trials.empty()) rung.trials.resize(2);
  }
  const std::string said = conclusions(report);
  EXPECT_NE(said.find("as one in INPUT: too few repetitions to tell"), std::string::npos) << said;
}

TEST(RxConclusions, ChangeWithTheFigures) {
  RxReport report = sample();
  report.result.rungs[2] = ran("local-in", {1.5, 1.0, 1.2});  // about PREROUTING's
  report.result.rungs[5] = ran("af-xdp", {0.1, 0.1, 0.1});    // below both AF_PACKET
  report.result.tunings[0] = ran("af-xdp/ring-256", {0.1, 0.09, 0.11});
  const std::string said = conclusions(report);
  EXPECT_NE(said.find("The order is not the source's"), std::string::npos) << said;
  EXPECT_NE(said.find("as one in INPUT: no clear difference"), std::string::npos) << said;
  EXPECT_NE(said.find("in a flood: no clear difference"), std::string::npos) << said;
  const auto faults = rx_order(summarize(report.result)).faults;
  ASSERT_EQ(faults.size(), 3u) << all_of(faults);
  EXPECT_NE(faults[2].find("AF_XDP drop (0.10 Mpps) is not above AF_PACKET, recvfrom"),
            std::string::npos)
      << faults[2];
}

TEST(RxConclusions, SayNothingOfWhatWasNotMeasured) {
  RxReport report = sample();
  report.result.rungs = {ran("tc-ingress", {1, 1, 1})};
  report.result.tunings.clear();
  const std::string said = conclusions(report);
  for (const char* absent :
       {"The order", "AF_XDP (copy", "IRQ pinning", "sizes:", "Busy-poll", "Where to drop"}) {
    EXPECT_EQ(said.find(absent), std::string::npos) << absent << ": " << said;
  }
}

TEST(RxReport, JsonHasFiguresReasonsAndBooks) {
  const Json json = rx_path_json(sample());
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["machine"]["cpu"], "Test CPU");
  ASSERT_EQ(json["rungs"].size(), 7u);
  const Json& xdp = json["rungs"][0];
  EXPECT_EQ(xdp["name"], "xdp-native");
  EXPECT_EQ(xdp["source"]["mpps_at_3_6ghz"], 14.2);
  EXPECT_EQ(xdp["flood"]["handled_mpps"]["median"], 4.0);
  EXPECT_EQ(xdp["trials"].size(), 3u);
  EXPECT_EQ(xdp["trials"][1]["flood"]["total"]["unaccounted"], 0);
  const Json& absent = json["rungs"][6];
  EXPECT_EQ(absent["available"], false);
  EXPECT_EQ(absent["unavailable_because"], "`nft` is not installed");
  EXPECT_TRUE(absent["flood"].is_null());
  EXPECT_EQ(json["tunings"][0]["base"], "af-xdp");
  EXPECT_EQ(json["order"]["as_in_source"].size(), 4u);
  EXPECT_EQ(json["order"]["not_as_in_source"].size(), 0u);
}

TEST(RxReport, TablesNameEveryRungAndWhyOneIsAbsent) {
  const RxReport report = sample();
  for (const std::string& text : {rx_path_table(report), rx_path_markdown(report, true)}) {
    for (const RxCaseResult& rung : report.result.rungs) {
      EXPECT_NE(text.find(rung.what->title), std::string::npos) << rung.what->title;
    }
    EXPECT_NE(text.find("`nft` is not installed"), std::string::npos);
    EXPECT_NE(text.find("≥ 4.00"), std::string::npos) << "a lower bound is marked as one";
    EXPECT_NE(text.find("1.00 … 1.20"), std::string::npos);
  }
  EXPECT_NE(rx_path_markdown(report, true).find("(rx-path.svg)"), std::string::npos);
  EXPECT_EQ(rx_path_markdown(report, false).find("(rx-path.svg)"), std::string::npos);
}

class RxFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "starocean-rx-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string read(const std::string& name) const {
    std::ifstream file(directory_ + "/new/" + name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string directory_;
};

TEST_F(RxFiles, AreWholeAndAlone) {
  const RxReport report = sample();
  const auto notes = write_rx_path(report, directory_ + "/new");
  ASSERT_TRUE(notes) << notes.error().message();
  EXPECT_EQ(Json::parse(read("rx-path.json")), rx_path_json(report));
  std::vector<std::string> wanted = {"rx-path.json", "rx-path.md"};
  if (testbed::is_installed("gnuplot")) {
    EXPECT_EQ(all_of(*notes), "");
    EXPECT_EQ(read("rx-path.png").substr(1, 3), "PNG");
    const std::string drawing = read("rx-path.svg");
    EXPECT_NE(drawing.find("</svg>"), std::string::npos) << "cut off";
    EXPECT_NE(drawing.find("PREROUTING drop"), std::string::npos);
    EXPECT_NE(drawing.find("unavailable"), std::string::npos);
    wanted.insert(wanted.end(), {"rx-path.png", "rx-path.svg"});
  } else {
    EXPECT_NE(all_of(*notes).find("gnuplot-nox"), std::string::npos);
  }
  EXPECT_EQ(read("rx-path.md"), rx_path_markdown(report, notes->empty()));
  std::vector<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/new")) {
    there.push_back(entry.path().filename());
  }
  std::ranges::sort(there);
  EXPECT_EQ(there, wanted);
}

TEST_F(RxFiles, HaveNoChartOfTuningAlone) {
  RxReport report = sample();
  report.result.rungs.clear();
  const auto notes = write_rx_path(report, directory_ + "/new");
  ASSERT_TRUE(notes) << notes.error().message();
  EXPECT_NE(all_of(*notes).find("none of its rungs was measured"), std::string::npos);
  const std::string text = read("rx-path.md");
  EXPECT_EQ(text.find("where it ends"), std::string::npos) << "a table without rows";
  EXPECT_NE(text.find("rings of 256 descriptors"), std::string::npos);
  EXPECT_EQ(text.find("What follows"), std::string::npos) << "nothing to hold it against";
}

TEST_F(RxFiles, AreRefusedWhereThereCanBeNone) {
  const auto refused = write_rx_path(sample(), "/proc/no-such-place");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("/proc/no-such-place"), std::string::npos);
}

}  // namespace
}  // namespace starocean::bench
