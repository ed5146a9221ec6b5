// Judging a configuration against made-up facts; remedies that edit the file are run on one.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <gtest/gtest.h>

#include "starocean/control/doctor_sample.h"

namespace starocean::control::doctor {
namespace {

Finding found(const Survey& survey, std::string_view id, std::string_view interface = "") {
  for (const Finding& finding : judge(survey)) {
    if (finding.id == id && finding.interface == interface) return finding;
  }
  ADD_FAILURE() << "no finding '" << id << "' of '" << interface << "'";
  return {};
}

Survey with_config(const std::string& yaml, const std::string& file = "site.yaml") {
  Survey survey = sample_survey();
  survey.plan = sample_plan(yaml, file);
  return survey;
}

TEST(JudgeConfig, MoreQueuesThanTheDeviceHas) {
  const auto survey = with_config("version: 1\ninterfaces: {nic0: {queues: 4}}\n");
  const Finding more = found(survey, "queues", "nic0");
  EXPECT_EQ(more.verdict, Verdict::kFault);
  EXPECT_NE(more.text.find("site.yaml:2:29"), std::string::npos) << more.text;
  EXPECT_EQ(more.remedy, "ethtool -L nic0 combined 4");
  EXPECT_FALSE(more.safe) << "changing the number of queues interrupts traffic";
}

TEST(JudgeConfig, FewerQueuesThanTheDeviceHas) {
  const auto survey = with_config("version: 1\ninterfaces: {nic0: {queues: 1}}\n");
  const Finding fewer = found(survey, "queues", "nic0");
  EXPECT_EQ(fewer.verdict, Verdict::kWarning);
  EXPECT_EQ(fewer.remedy, "ethtool -L nic0 combined 1");
}

TEST(JudgeConfig, UnfinishedChecksumsThatNobodyFinishes) {
  for (const auto& [word, verdict] :
       {std::pair("auto", Verdict::kNote), {"on", Verdict::kNote}, {"off", Verdict::kFault}}) {
    auto survey =
        with_config(std::string("version: 1\ninterfaces: {lan1: {checksums: ") + word + "}}\n");
    survey.interfaces[1].peer->offloads["tx-checksum-ip-generic"] = {.on = true, .fixed = false};
    EXPECT_EQ(found(survey, "tx-checksum", "lan1").verdict, verdict) << word;
  }
}

TEST(JudgeConfig, ModesThatAreDemanded) {
  auto survey =
      with_config("version: 1\ninterfaces: {lan1: {zerocopy: require}, nic0: {attach: native}}\n");
  survey.interfaces[0].trial.native = {Attempt::Outcome::kRefused, "none"};
  EXPECT_EQ(found(survey, "zero-copy", "lan1").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "xdp-native", "nic0").verdict, Verdict::kFault);
  survey = with_config("version: 1\ninterfaces: {lan1: {zerocopy: off}, nic0: {}}\n");
  EXPECT_EQ(found(survey, "zero-copy", "lan1").verdict, Verdict::kOk);
}

TEST(JudgeConfig, RedirectedPacketsWhereTheyMayBeUsed) {
  const auto verdict = [](const std::string& interface, const std::string& config) {
    auto survey = with_config("version: 1\ninterfaces: {" + interface + ": {" + config + "}}\n");
    for (InterfaceFacts& facts : survey.interfaces) {
      facts.report->features &= ~xsk::kXdpActTransmit;
    }
    return found(survey, "redirect", interface).verdict;
  };
  EXPECT_EQ(verdict("lan1", ""), Verdict::kNote);
  EXPECT_EQ(verdict("lan1", "io: af_xdp"), Verdict::kOk);
  EXPECT_EQ(verdict("nic0", ""), Verdict::kOk);  // zero-copy
  EXPECT_EQ(verdict("nic0", "zerocopy: off"), Verdict::kNote);
}

TEST(JudgeConfig, HugePagesThatAreDemanded) {
  auto survey = with_config("version: 1\nmemory: {hugepages: 2M}\n");
  survey.host.pages_2m = HugePagePool{10, 10, 0};
  EXPECT_EQ(found(survey, "huge-pages").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "huge-pages").remedy,
            "echo 64 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
  survey = with_config("version: 1\nmemory: {hugepages: 1G}\n");
  EXPECT_EQ(found(survey, "huge-pages").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "huge-pages").remedy,
            "echo 1 > /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
  survey = with_config("version: 1\nmemory: {hugepages: none}\n");
  survey.host.pages_2m = HugePagePool{};
  EXPECT_EQ(found(survey, "huge-pages").verdict, Verdict::kOk);
}

TEST(JudgeConfig, FrameSizeDecidesTheMtu) {
  auto survey = with_config(
      "version: 1\nmemory: {frame_size: 4096}\ninterfaces: {nic0: {attach: generic}}\n");
  survey.interfaces[0].mtu = 3000;
  EXPECT_EQ(found(survey, "mtu", "nic0").verdict, Verdict::kOk);
  survey =
      with_config("version: 1\nmemory: {headroom: 100}\ninterfaces: {nic0: {attach: generic}}\n");
  survey.interfaces[0].mtu = 1700;
  const Finding mtu = found(survey, "mtu", "nic0");
  EXPECT_EQ(mtu.verdict, Verdict::kFault);
  EXPECT_EQ(mtu.remedy, "ip link set dev nic0 mtu 1670");
}

// In native mode a packet in one frame has to fit a page beside what the kernel keeps there.
TEST(JudgeConfig, AFrameAsLongAsAPageHoldsLess) {
  auto survey = with_config("version: 1\nmemory: {frame_size: 4096}\ninterfaces: {nic0: {}}\n");
  survey.interfaces[0].mtu = 3498;
  EXPECT_EQ(found(survey, "mtu", "nic0").verdict, Verdict::kOk);
  survey.interfaces[0].report->features = xsk::kXdpActBasic;
  survey.interfaces[0].trial.multi_buffer = {Attempt::Outcome::kRefused, "none"};
  EXPECT_EQ(found(survey, "mtu", "nic0").verdict, Verdict::kOk);
  survey.interfaces[0].mtu = 3499;
  EXPECT_EQ(found(survey, "mtu", "nic0").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "mtu", "nic0").remedy, "ip link set dev nic0 mtu 3498");
}

TEST(JudgeConfig, BridgesOfDifferentMtus) {
  auto survey = with_config(
      "version: 1\ninterfaces: {nic0: {}, lan1: {}}\nbridges: {b: {interfaces: [nic0, lan1]}}\n");
  survey.interfaces[0].mtu = 9000;
  EXPECT_EQ(found(survey, "bridge-mtu", "nic0").verdict, Verdict::kWarning);
  EXPECT_EQ(found(survey, "bridge-mtu", "nic0").remedy, "ip link set dev nic0 mtu 1500");
  EXPECT_EQ(found(survey, "bridge-mtu", "lan1").verdict, Verdict::kOk);
}

TEST(JudgeConfig, WorkersBesideInterrupts) {
  auto survey = with_config("version: 1\nworkers: {cpus: [1]}\ninterfaces: {nic0: {}}\n");
  const Finding beside = found(survey, "irqs", "nic0");
  EXPECT_EQ(beside.verdict, Verdict::kNote);
  EXPECT_EQ(beside.remedy, "echo 0 > /proc/irq/41/smp_affinity_list");
  survey = with_config("version: 1\nworkers: {cpus: [1], poll: busy}\ninterfaces: {nic0: {}}\n");
  EXPECT_EQ(found(survey, "irqs", "nic0").verdict, Verdict::kOk);
  const Finding polling = found(survey, "busy-poll", "nic0");
  EXPECT_EQ(polling.verdict, Verdict::kWarning);
  EXPECT_EQ(polling.remedy,
            "echo 2 > /sys/class/net/nic0/napi_defer_hard_irqs && echo 200000 > "
            "/sys/class/net/nic0/gro_flush_timeout");
  survey.interfaces[0].defer_hard_irqs = 2;
  survey.interfaces[0].gro_flush_timeout_ns = 200000;
  EXPECT_EQ(found(survey, "busy-poll", "nic0").verdict, Verdict::kOk);
}

TEST(JudgeConfig, LinuxsThreadsBesideWorkers) {
  constexpr const char* kConfig = "version: 1\nworkers: {cpus: [1, 3]}\n";
  auto survey = with_config(kConfig);
  EXPECT_EQ(found(survey, "kernel-threads").verdict, Verdict::kOk);
  survey.host.kernel_threads = {{2, "kthreadd", {0, 1, 2, 3}, 0.0001},
                                {77, "kdamond.0", {0, 1, 2, 3}, 0.004},
                                {78, "elsewhere", {0, 2}, 0.5},
                                {79, "nowhere-else", {3}, 0.5},
                                {80, "busy", {1, 2}, 0.25}};
  const Finding beside = found(survey, "kernel-threads");
  EXPECT_EQ(beside.verdict, Verdict::kNote);
  EXPECT_EQ(beside.remedy, "taskset -pc 0,2 77 && taskset -pc 2 80");
  EXPECT_TRUE(beside.safe);
  EXPECT_NE(beside.text.find("kdamond.0 (0.4 % of a CPU), busy (25.0 % of a CPU)"),
            std::string::npos)
      << beside.text;
}

// A configuration in a file, and its remedies run by a shell.
class EditedConfig : public ::testing::Test {
 protected:
  EditedConfig() : path_(::testing::TempDir() + "doctor's site.yaml") {}
  ~EditedConfig() override { std::filesystem::remove(path_); }

  // Writes the file, plants in the survey, and pastes the remedy of `id`, which must be a fault, and one no
  // more afterwards.
  void expect_mended(
      const std::string& yaml, const char* id, const char* interface,
      const std::function<void(Survey&)>& plant = [](Survey&) {}) {
    std::ofstream(path_) << yaml;
    Survey survey = with_config(yaml, path_);
    plant(survey);
    const Finding before = found(survey, id, interface);
    EXPECT_EQ(before.verdict, Verdict::kFault) << before.text;
    ASSERT_NE(before.remedy, "") << before.text;
    EXPECT_EQ(std::system(before.remedy.c_str()), 0) << before.remedy;
    std::stringstream text;
    text << std::ifstream(path_).rdbuf();
    const auto parsed = parse_config(text.str(), path_);
    ASSERT_TRUE(parsed) << before.remedy << "\n" << text.str() << parsed.error().message();
    survey.plan = sample_plan(text.str(), path_);
    EXPECT_LT(found(survey, id, interface).verdict, Verdict::kFault) << before.remedy << "\n"
                                                                     << text.str();
  }

  const std::string path_;
};

TEST_F(EditedConfig, Queues) {
  expect_mended("version: 1\ninterfaces: {lan1: {queues: 3}, nic0: {}}\n", "queues", "lan1");
  expect_mended("version: 1\ninterfaces:\n  lan1:\n    queues: 30\n    attach: auto\n", "queues",
                "lan1");
  expect_mended("{\"version\": 1,\n \"interfaces\": {\"lan1\": {\"queues\": 3}}}\n", "queues",
                "lan1");
}

TEST_F(EditedConfig, Frames) {
  expect_mended("version: 1\nmemory: {frames: 1024}\ninterfaces: {lan1: {}, nic0: {}}\n", "frames",
                "");
}

TEST_F(EditedConfig, WorkerCpus) {
  expect_mended("version: 1\nworkers: {cpus: [0, 99]}\n", "worker-cpus", "");
  expect_mended("version: 1\nworkers: {cpus: [7, 8, 9, 10, 11, 12], poll: busy}\n", "worker-cpus",
                "");
}

TEST_F(EditedConfig, Modes) {
  expect_mended("version: 1\ninterfaces: {lan1: {zerocopy: require}}\n", "zero-copy", "lan1");
  expect_mended("version: 1\ninterfaces: {nic0: {attach: native}}\n", "xdp-native", "nic0",
                [](Survey& survey) {
                  survey.interfaces[0].report->features = 0;
                  survey.interfaces[0].trial = {};
                });
}

TEST_F(EditedConfig, WhatCannotBeEditedSafelyHasNoRemedy) {
  // Not written at all, quoted, a list over several lines.
  auto survey = with_config(
      "version: 1\nmemory: {frame_size: 2048}\ninterfaces: {lan1: {rings: {tx: 32768}}, nic0: "
      "{rings: {tx: 32768}}}\n");
  EXPECT_EQ(found(survey, "frames").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "frames").remedy, "");
  survey = with_config("version: 1\nworkers:\n  cpus:\n    - 99\n");
  EXPECT_EQ(found(survey, "worker-cpus").verdict, Verdict::kFault);
  EXPECT_EQ(found(survey, "worker-cpus").remedy, "");
}

}  // namespace
}  // namespace starocean::control::doctor
