#include "starocean/bench/forward_delay.h"

#include <gtest/gtest.h>

#include "starocean/bench/forward_report.h"

namespace starocean::bench {
namespace {

Trial trial_of(double asked_pps, double p50_ns, double p99_ns) {
  Trial trial;
  trial.asked_pps = asked_pps;
  trial.offered_pps = asked_pps * 0.9;
  trial.generated = 1000;
  trial.lost = 10;
  trial.sent_delay.p50_ns = p50_ns;
  trial.sent_delay.p99_ns = p99_ns;
  trial.at_in.frames_per_poll = 2.5;
  return trial;
}

Turn turn_of(uint32_t pair, const char* dut, std::vector<Trial> trials) {
  Turn turn;
  turn.pair = pair;
  turn.dut = dut;
  turn.delay_at = std::move(trials);
  return turn;
}

ForwardResults measured() {
  ForwardResults results;
  for (const auto& [name, kind] :
       {std::pair{"starocean", DutKind::kOurs}, std::pair{"ovs", DutKind::kPeer},
        std::pair{"xdp-redirect", DutKind::kCeiling}, std::pair{"testpmd", DutKind::kPeer}}) {
    DutInfo& dut = results.duts.emplace_back();
    dut.name = name;
    dut.kind = kind;
  }
  ScenarioResult result;
  result.scenario.label = "64@1k";
  for (uint32_t pair = 1; pair <= 3; ++pair) {
    const double by = 1000.0 * pair;
    result.turns.push_back(
        turn_of(pair, "starocean",
                {trial_of(200'000, 10 * by, 30 * by), trial_of(400'000, 20 * by, 80 * by)}));
    // The second repetition was interrupted after the first rate.
    std::vector<Trial> theirs = {trial_of(200'000, 11 * by, 60 * by)};
    if (pair != 2) theirs.push_back(trial_of(400'000, 22 * by, 40 * by));
    result.turns.push_back(turn_of(pair, "ovs", theirs));
    result.turns.push_back(turn_of(pair, "xdp-redirect", {trial_of(200'000, by, by)}));
  }
  for (const DutInfo& dut : results.duts) result.summaries.emplace_back().dut = dut.name;
  results.scenarios.push_back(result);
  return results;
}

TEST(ForwardDelay, CurvesAreMediansByRateOfWhatWasMeasured) {
  const auto results = measured();
  const auto curves = delay_curves(results.scenarios.front());
  ASSERT_EQ(curves.size(), 3u) << "testpmd has no figure";
  EXPECT_EQ(curves[0].dut, "starocean");
  ASSERT_EQ(curves[0].points.size(), 2u);
  EXPECT_EQ(curves[0].points[1].asked_pps, 400'000);
  EXPECT_EQ(curves[0].points[1].p50_ns.median, 40'000);
  EXPECT_EQ(curves[0].points[1].p99_ns.median, 160'000);
  EXPECT_EQ(curves[0].points[1].p99_ns.most, 240'000);
  EXPECT_DOUBLE_EQ(curves[0].points[1].offered_share.median, 0.9);
  EXPECT_DOUBLE_EQ(curves[0].points[1].loss_ratio.median, 0.01);
  EXPECT_EQ(curves[1].points[1].p50_ns.count, 2u);
  EXPECT_EQ(curves[2].points[1].p50_ns.count, 0u);
}

TEST(ForwardDelay, RatiosAreToPeersAndByRepetition) {
  const auto results = measured();
  const auto ratios = delay_ratios(results.scenarios.front(), results.duts);
  ASSERT_EQ(ratios.size(), 1u) << "a ceiling is no peer";
  EXPECT_EQ(ratios[0].peer, "ovs");
  EXPECT_DOUBLE_EQ(ratios[0].p99[0].median, 0.5);
  EXPECT_EQ(ratios[0].p99[0].count, 3u);
  EXPECT_DOUBLE_EQ(ratios[0].p99[1].median, 2);
  EXPECT_EQ(ratios[0].p99[1].count, 2u) << "a repetition without its other half is left out";
}

TEST(ForwardDelay, OneWhoRoutesIsNotComparedWithSwitches) {
  auto results = measured();
  results.duts[1].job = DutJob::kRoute;
  EXPECT_TRUE(delay_ratios(results.scenarios.front(), results.duts).empty());
}

TEST(ForwardDelay, ReportShowsThemInsteadOfRates) {
  const auto results = measured();
  const std::string text = forward_markdown(results, "");
  EXPECT_NE(
      text.find("| starocean | 20 / 60 (30–90), 1.0 % lost | 40 / 160 (80–240), 1.0 % lost |"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("| starocean : ovs | 0.50 (0.50–0.50) | 2.00 (2.00–2.00) |"),
            std::string::npos);
  EXPECT_NE(text.find("| xdp-redirect | 2 / 2 (1–3), 1.0 % lost | – |"), std::string::npos);
  EXPECT_NE(text.find("| ovs | 90.0 %, 2.5 |"), std::string::npos);
  EXPECT_EQ(text.find("PDR : best peer"), std::string::npos);
  const std::string script = gnuplot_script(results, "svg", "x.svg");
  EXPECT_NE(script.find("400 40.00 20.00 60.00 160.00 80.00 240.00\n"), std::string::npos)
      << script;
  EXPECT_NE(gnuplot_script(results, "svg", "a{b}.svg").find("set output \"a{b}.svg\"\n"),
            std::string::npos);
  EXPECT_EQ(forward_json(results)["scenarios"][0]["turns"][0]["delay_at_rates"].size(), 2u);
}

TEST(ForwardDelay, WithoutThemThereIsNothing) {
  const ScenarioResult result;
  EXPECT_FALSE(has_delay_curves(result));
  EXPECT_EQ(delay_markdown(result, {}), "");
  EXPECT_EQ(delay_plot(result), "");
}

}  // namespace
}  // namespace starocean::bench
