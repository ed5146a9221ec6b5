#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "starocean/bench/forward_bench.h"
#include "starocean/bench/forward_report.h"
#include "starocean/bench/scratch_directory.h"
#include "starocean/bench/traffic_spec.h"

namespace starocean::bench {
namespace {

TEST(Scenario, IsReadFromAWord) {
  const auto plain = parse_scenario("64@1k");
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(plain->frame_bytes, std::vector<uint32_t>{64});
  EXPECT_EQ(plain->flows, 1000u);
  EXPECT_EQ(plain->pairs, 0u);
  EXPECT_EQ(plain->label, "64@1k");
  const auto full = parse_scenario("imix@1Mx2");
  ASSERT_TRUE(full) << full.error().message();
  EXPECT_EQ(full->frame_bytes, simple_imix());
  EXPECT_EQ(full->flows, 1'000'000u);
  EXPECT_EQ(full->pairs, 2u);
  EXPECT_EQ(full->label, "imix@1M");
  const auto jumbo = parse_scenario("9018@16");
  ASSERT_TRUE(jumbo) << jumbo.error().message();
  EXPECT_EQ(jumbo->frame_bytes, std::vector<uint32_t>{9018});
  EXPECT_TRUE(parse_scenario("9618@1k"));  // the longest there is
  for (const uint32_t flows : {1u, 2u, 3u, 1000u, 999'999u, 1u << 20}) {
    EXPECT_TRUE(parse_scenario("1518@" + std::to_string(flows))) << flows;
  }
}

TEST(Scenario, IsRefusedWithAReason) {
  for (const char* text : {"", "64", "@", "64@", "@1k", "64@0", "60@1", "64@2M", "64@1kx",
                           "64@1kx0", "64@1kx9999", "64@-1", "potato@1k", "9619@1", "99999@1"}) {
    const auto scenario = parse_scenario(text);
    ASSERT_FALSE(scenario) << text;
    EXPECT_NE(scenario.error().message().find(text), std::string::npos);
  }
}

Turn turn_of(uint32_t pair, const char* dut, double flood_pps, double pdr_pps) {
  Turn turn;
  turn.pair = pair;
  turn.dut = dut;
  turn.frames_verified = 1000;
  turn.flood.emplace();
  turn.flood->received_pps = flood_pps;
  turn.flood->generated = 1000;
  turn.flood->lost = 500;
  turn.pdr.emplace();
  turn.pdr->search.pps = pdr_pps;
  return turn;
}

DutInfo dut_of(const char* name, DutKind kind, DutJob job = DutJob::kSwitch) {
  DutInfo dut;
  dut.job = job;
  dut.name = name;
  dut.kind = kind;
  return dut;
}

// Two repetitions; in each another peer is the best. The kernel's device is no peer.
ForwardResults sample() {
  ForwardResults results;
  results.duts = {dut_of("starocean", DutKind::kOurs), dut_of("ovs", DutKind::kPeer),
                  dut_of("testpmd", DutKind::kPeer), dut_of("linux-bridge", DutKind::kKernel),
                  dut_of("xdpsock", DutKind::kPeer)};
  results.duts.back().unavailable = "it is not on the PATH";
  ScenarioResult& scenario = results.scenarios.emplace_back();
  scenario.scenario = *parse_scenario("64@1kx2");
  scenario.turns = {turn_of(1, "starocean", 2e6, 1.5e6), turn_of(1, "ovs", 1e6, 1e6),
                    turn_of(1, "testpmd", 0.5e6, 0.5e6), turn_of(1, "linux-bridge", 9e6, 9e6),
                    turn_of(2, "starocean", 2e6, 1.5e6), turn_of(2, "ovs", 1e6, 1e6),
                    turn_of(2, "testpmd", 4e6, 3e6),     turn_of(2, "linux-bridge", 9e6, 9e6)};
  summarize(scenario, results.duts, scenario);
  return results;
}

TEST(Summary, ComparesWithinRepetitions) {
  const ForwardResults results = sample();
  const std::vector<Summary>& summaries = results.scenarios[0].summaries;
  ASSERT_EQ(summaries.size(), 5u);
  const Summary& ours = summaries[0];
  EXPECT_EQ(ours.flood.median, 2e6);
  EXPECT_EQ(ours.flood_to_peer.most, 2);     // ovs, first repetition
  EXPECT_EQ(ours.flood_to_peer.least, 0.5);  // testpmd, second
  EXPECT_EQ(ours.pdr_to_peer.median, 1);     // of 1.5 and 0.5
  EXPECT_EQ(ours.flood_to_ours.median, 1);
  EXPECT_NEAR(ours.collapse.median, 2 / 1.5, 1e-9);
  EXPECT_EQ(summaries[3].pdr_to_ours.least, 6);
  EXPECT_EQ(summaries[4].pdr.count, 0u);
  EXPECT_EQ(summaries[1].frames_verified, 2000u);
  const auto best_peer = [&](uint32_t pair) {
    return best_peer_pdr(results.scenarios[0], results.duts, DutJob::kSwitch, pair);
  };
  EXPECT_EQ(best_peer(1), 1e6);  // ovs
  EXPECT_EQ(best_peer(2), 3e6);  // testpmd
  EXPECT_EQ(best_peer(0), 0);
}

TEST(Summary, ComparesWithTheFirstScenarioWithinRepetitions) {
  ForwardResults results = sample();
  ScenarioResult& many = results.scenarios.emplace_back();
  many.scenario = *parse_scenario("64@1Mx3");
  many.turns = {turn_of(1, "starocean", 1e6, 0.75e6), turn_of(2, "starocean", 3e6, 3e6),
                turn_of(3, "starocean", 9e6, 9e6), turn_of(1, "ovs", 1e6, 0)};
  for (ScenarioResult& one : results.scenarios) {
    summarize(one, results.duts, results.scenarios.front());
  }
  const Summary& ours = many.summaries[0];
  EXPECT_EQ(ours.flood_to_first.least, 0.5);
  EXPECT_EQ(ours.flood_to_first.most, 1.5);
  EXPECT_EQ(ours.pdr_to_first.least, 0.5);
  EXPECT_EQ(ours.pdr_to_first.most, 2);
  EXPECT_EQ(ours.pdr_to_first.count, 2u) << "the third has no counterpart";
  EXPECT_EQ(many.summaries[1].pdr_to_first.most, 0) << "nothing at all is a result";
  EXPECT_EQ(results.scenarios[0].summaries[0].pdr_to_first.count, 0u);
  const std::string text = forward_text(results);
  EXPECT_NE(text.find("PDR : 64@1k"), std::string::npos) << text;
  EXPECT_NE(text.find("1.25 (0.50–2.00)"), std::string::npos) << text;
  EXPECT_NE(forward_markdown(results, "").find("| PDR : 64@1k | flooded : 64@1k |"),
            std::string::npos);
  const auto json = forward_json(results);
  EXPECT_EQ(json["scenarios"][1]["summary"][0]["pdr_to_first_scenario"]["max"], 2);
  EXPECT_TRUE(json["scenarios"][0]["summary"][0]["pdr_to_first_scenario"].is_null());
}

TEST(Summary, ComparesDelayAtTheSameRate) {
  ForwardResults results = sample();
  ScenarioResult& scenario = results.scenarios[0];
  const double p99_ns[] = {40e3, 50e3, 80e3, 10e3};  // the last is the kernel's device, no peer
  for (size_t i = 0; i < 4; ++i) {
    scenario.turns[4 + i].delay_peer_half.emplace();
    scenario.turns[4 + i].delay_peer_half->sent_delay = {.p50_ns = 20e3, .p99_ns = p99_ns[i]};
  }
  summarize(scenario, results.duts, scenario);
  EXPECT_EQ(scenario.summaries[0].delay_peer_half_p99_ns.count, 1u);
  EXPECT_EQ(scenario.summaries[0].delay_peer_half_p99_to_peer.median, 0.8);
  EXPECT_EQ(scenario.summaries[1].delay_peer_half_p99_to_peer.median, 1);
  EXPECT_EQ(scenario.summaries[2].delay_peer_half_p99_to_peer.median, 1.6);
  const std::string text = forward_text(results);
  EXPECT_NE(text.find("20 / 40"), std::string::npos) << text;
  EXPECT_NE(text.find("0.80 (0.80–0.80)"), std::string::npos) << text;
  EXPECT_EQ(
      forward_json(
          results)["scenarios"][0]["turns"][4]["delay_peer_half_pdr"]["delay_from_sent_ns"]["p99"],
      40e3);
}

TEST(Summary, ComparesRoutersWithRouters) {
  ForwardResults results = sample();
  results.duts.push_back(dut_of("starocean-route", DutKind::kOurs, DutJob::kRoute));
  results.duts.push_back(dut_of("ovs-route", DutKind::kPeer, DutJob::kRoute));
  results.duts.push_back(dut_of("linux-route", DutKind::kKernel, DutJob::kRoute));
  ScenarioResult& scenario = results.scenarios[0];
  scenario.turns.push_back(turn_of(1, "starocean-route", 1.2e6, 0.9e6));
  scenario.turns.push_back(turn_of(1, "ovs-route", 0.6e6, 0.3e6));
  scenario.turns.push_back(turn_of(1, "linux-route", 1.8e6, 1.8e6));
  summarize(scenario, results.duts, scenario);
  const std::vector<Summary>& summaries = scenario.summaries;
  ASSERT_EQ(summaries.size(), 8u);
  EXPECT_EQ(summaries[0].flood_to_peer.most, 2);  // as without routers
  EXPECT_NEAR(summaries[5].flood_to_peer.median, 2, 1e-9);
  EXPECT_NEAR(summaries[5].pdr_to_peer.median, 3, 1e-9);
  EXPECT_EQ(summaries[5].pdr_to_ours.median, 1);
  EXPECT_NEAR(summaries[7].pdr_to_peer.median, 6, 1e-9);
  EXPECT_NEAR(summaries[7].pdr_to_ours.median, 2, 1e-9);
  EXPECT_EQ(forward_json(results)["duts"][5]["job"], "route");
}

TEST(Report, NamesWhatIsMissing) {
  const ForwardResults results = sample();
  const char* const said = "xdpsock: not available: it is not on the PATH";
  EXPECT_NE(forward_text(results).find(said), std::string::npos);
  const std::string markdown = forward_markdown(results, "forward.svg");
  EXPECT_NE(markdown.find(said), std::string::npos);
  EXPECT_NE(markdown.find("![Forwarding](forward.svg)"), std::string::npos);
  const auto json = forward_json(results);
  EXPECT_EQ(json["schema_version"], kForwardSchemaVersion);
  EXPECT_EQ(json["duts"][4]["available"], false);
  EXPECT_TRUE(json["scenarios"][0]["summary"][4]["pdr_pps"].is_null());
  EXPECT_EQ(json["scenarios"][0]["turns"].size(), 8u);
}

TEST(Report, SaysWhatSent) {
  ForwardResults results = sample();
  EXPECT_EQ(forward_text(results).find("Sent by"), std::string::npos);  // nobody knows
  for (Turn& turn : results.scenarios[0].turns) {
    turn.engine = "af-xdp";
    turn.engine_text = "AF_XDP, copy mode";
    turn.engine_reason = "the frames are long";
  }
  const char* const said = "Sent by AF_XDP, copy mode: the frames are long.";
  const std::string text = forward_text(results);
  ASSERT_NE(text.find(said), std::string::npos) << text;
  EXPECT_EQ(text.find("Sent by"), text.rfind("Sent by")) << text;  // once, not turn by turn
  EXPECT_NE(forward_markdown(results, "").find(said), std::string::npos);
  const auto json = forward_json(results);
  EXPECT_EQ(json["scenarios"][0]["turns"][7]["engine"], "af-xdp");
  EXPECT_EQ(json["scenarios"][0]["turns"][7]["engine_reason"], "the frames are long");
}

TEST(Report, SaysWhenTheDeviceWasNotFlooded) {
  ForwardResults results = sample();
  const char* const said = "the flooded rate is what the generator could offer";
  EXPECT_EQ(forward_text(results).find(said), std::string::npos);
  results.scenarios[0].turns[0].flood->lost = 0;
  EXPECT_NE(forward_text(results).find(said), std::string::npos);
}

TEST(Report, SaysWhereTheCpusWere) {
  ForwardResults results = sample();
  std::vector<Turn>& turns = results.scenarios[0].turns;
  turns[0].distance.emplace();
  turns[0].distance->add({CpuDistance::kFar, 210});
  turns[0].distance->add({CpuDistance::kFar, 190});
  turns[1].distance = turns[0].distance;
  turns[4].distance.emplace();
  turns[4].distance->add({CpuDistance::kNear, 40});
  turns[5].distance = turns[4].distance;
  turns[5].distance->add({CpuDistance::kFar, 200});
  turns[5].repeats = 2;
  const std::string text = forward_text(results);
  for (const char* said : {"CPU were far (190–210 ns for a cache line) in repetition 1",
                           "CPU were near (40–40 ns for a cache line) in repetition 2",
                           "the hypervisor moved the CPUs meanwhile: ovs in repetition 2",
                           "2 turns were thrown away"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  }
  const auto json = forward_json(results);
  EXPECT_EQ(json["scenarios"][0]["turns"][0]["cpus"]["line_least_ns"], 190);
  EXPECT_EQ(json["scenarios"][0]["turns"][5]["cpus"]["moved"], true);
  EXPECT_EQ(json["scenarios"][0]["turns"][5]["repeats"], 2);
}

TEST(Report, SaysWhatWasTakenFromTheForwarder) {
  ForwardResults results = sample();
  EXPECT_EQ(forward_text(results).find("an interrupt took"), std::string::npos);
  results.scenarios[0].turns[0].taken_share = 0.5;
  results.scenarios[0].turns[1].taken_share = 0.512;
  EXPECT_NE(forward_text(results).find("an interrupt took 50.0–51.2 % of the forwarder's CPU"),
            std::string::npos);
  EXPECT_EQ(forward_json(results)["scenarios"][0]["turns"][0]["forwarder_cpu_taken"], 0.5);
}

TEST(Report, DrawsNothingOfNothing) {
  EXPECT_EQ(gnuplot_script({}, "svg", "x"), "");
  const std::string script = gnuplot_script(sample(), "svg", "x.svg");
  EXPECT_NE(script.find("\"starocean\" 2.0000"), std::string::npos);
  EXPECT_EQ(script.find("xdpsock"), std::string::npos);
}

TEST(ScratchDirectory, GoesWithTheProcess) {
  std::array<int, 2> channel{};
  ASSERT_EQ(pipe(channel.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto scratch = ScratchDirectory::create();
    std::ofstream(scratch->path() + "/file") << "x";
    const std::string path = scratch->path() + "\n";
    [[maybe_unused]] const ssize_t written = write(channel[1], path.data(), path.size());
    _exit(0);  // no destructor runs, as after SIGKILL
  }
  close(channel[1]);
  FILE* const from_child = fdopen(channel[0], "r");
  char line[256] = {};
  ASSERT_NE(fgets(line, sizeof line, from_child), nullptr);
  fclose(from_child);
  waitpid(child, nullptr, 0);
  std::string path = line;
  path.pop_back();
  ASSERT_NE(path.find("starocean-bench-"), std::string::npos);
  for (int i = 0; i < 1000 && std::filesystem::exists(path); ++i) usleep(10'000);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace starocean::bench
