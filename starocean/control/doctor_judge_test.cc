// The judging, on made-up facts: each case changes one fact of a machine on which nothing is wrong, and says
// what has to be found.

#include "starocean/control/doctor_judge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "starocean/control/doctor_planted.h"

namespace starocean::control::doctor {
namespace {

TEST(Judge, NothingIsWrongWhereNothingIs) {
  const Survey survey = sample_survey();
  for (const Finding& found : judge(survey)) {
    // Two facts of every veth that nobody can change.
    if (found.interface == "lan1" && found.id == "zero-copy") continue;
    EXPECT_EQ(found.verdict, Verdict::kOk)
        << found.interface << " " << found.id << ": " << found.text;
    EXPECT_EQ(found.remedy, "") << found.id;
  }
}

TEST(Judge, EachCheckSpeaksOnceOfEachSubjectAndInOrder) {
  Survey survey = sample_survey();
  survey.plan = sample_plan(
      "version: 1\ninterfaces: {nic0: {}, lan1: {}}\n"
      "bridges: {b: {interfaces: [nic0, lan1]}}\n");
  const auto findings = judge(survey);
  std::vector<std::string> seen;
  seen.reserve(findings.size());
  for (const Finding& found : findings) seen.push_back(found.interface + "/" + found.id);
  std::vector<std::string> expected;
  for (const Check& check : all_checks()) {
    if (!check.per_interface) expected.push_back(fmt::format("/{}", check.id));
  }
  for (const std::string interface : {"nic0", "lan1"}) {
    for (const Check& check : all_checks()) {
      const bool of_veth =
          check.id == "peer" || check.id == "peer-mtu" || check.id.starts_with("tx-");
      if (!check.per_interface || (of_veth && interface == "nic0")) continue;
      expected.push_back(fmt::format("{}/{}", interface, check.id));
    }
  }
  EXPECT_EQ(seen, expected);
}

const Planted kOfTheMachine[] = {
    {"OldKernel", "kernel", "", [](Survey& s) { s.host.kernel_major = 5; }, kFault, "6.1", ""},
    {"NoAfXdp", "kernel", "", [](Survey& s) { s.host.kernel.af_xdp = false; }, kFault,
     "CONFIG_XDP_SOCKETS", ""},
    {"AfXdpUnseen", "kernel", "", [](Survey& s) { s.host.kernel.af_xdp = {}; }, kNote,
     "CAP_NET_RAW", ""},
    {"NoBudget", "kernel-features", "", [](Survey& s) { s.host.kernel.tx_budget = false; }, kNote,
     "lacking: transmit budget (Linux 6.17)", ""},
    {"Interpreter", "bpf-compiler", "", [](Survey& s) { s.host.kernel.program_compiler = false; },
     kWarning, "interpreted", "sysctl -w net.core.bpf_jit_enable=1", true},
    {"InterpreterSeenFromANamespace", "bpf-compiler", "",
     [](Survey& s) {
       s.host.kernel.program_compiler = false;
       s.host.sees_bpf_settings = false;
     },
     kWarning, "interpreted", "nsenter --net=/proc/1/ns/net sysctl -w net.core.bpf_jit_enable=1",
     true},
    {"CoarseTick", "tick-rate", "", [](Survey& s) { s.host.tick_hz = 100; }, kNote, "CONFIG_HZ",
     ""},
    {"TickUnknown", "tick-rate", "", [](Survey& s) { s.host.tick_hz = {}; }, kNote, "unknown", ""},
    {"OneCpu", "cpus", "", [](Survey& s) { s.host.usable_cpus = {2}; }, kNote, "only one", ""},
    {"Governor", "cpu-governor", "",
     [](Survey& s) {
       s.host.governors = {{"performance", {0}}, {"powersave", {1, 2, 3}}};
     },
     kWarning, "'powersave' on CPUs 1-3",
     "for f in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance > "
     "\"$f\"; done"},
    {"Irqbalance", "irqbalance", "", [](Survey& s) { s.host.irqbalance_pids = {812}; }, kWarning,
     "process 812", "systemctl disable --now irqbalance || kill 812"},
    {"IrqbalanceWithoutInterrupts", "irqbalance", "",
     [](Survey& s) {
       s.host.irqbalance_pids = {812};
       nic(s).irqs.clear();
     },
     kNote, "none of these interfaces", ""},
    {"NoHugePages", "huge-pages", "", [](Survey& s) { s.host.pages_2m = HugePagePool{}; }, kWarning,
     "takes 32", "echo 32 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", true},
    {"HugePagesTaken", "huge-pages", "",
     [](Survey& s) {
       s.host.pages_2m = HugePagePool{40, 20, 4};
     },
     kWarning, "16 of 40", "echo 56 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
     true},
    {"HugePagesTakenByUs", "huge-pages", "",
     [](Survey& s) {
       s.host.pages_2m = HugePagePool{40, 4, 0};
       nic(s).program = xsk::PresentProgram{9, "steer_xdp", false, 3};
     },
     kNote, "the starocean that runs",
     "echo 68 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"},
    {"HugePagesThatMemoryCannotGive", "huge-pages", "",
     [](Survey& s) {
       s.host.pages_2m = HugePagePool{};
       s.host.memory_available_bytes = 100 << 20;
     },
     kWarning, "takes 32", "echo 32 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
     false},
    {"LowMemlock", "locked-memory", "",
     [](Survey& s) {
       s.host.may_lock_memory = s.host.may_lift_limits = false;
       s.host.memlock = {65536, 65536};
     },
     kFault, "may lock 64 KiB", "prlimit --pid 4711 --memlock=unlimited:unlimited"},
    {"LowMemlockOfAProgramThatMayGainTheRight", "locked-memory", "",
     [](Survey& s) {
       s.host.may_lock_memory = s.host.may_lift_limits = false;
       s.host.may_gain_lock = true;
       s.host.memlock = {65536, 65536};
     },
     kFault, "may lock 64 KiB",
     "setcap cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep /usr/bin/starocean"},
    {"LowMemlockOfAnOrdinaryUser", "locked-memory", "",
     [](Survey& s) {
       s.host.may_lock_memory = s.host.may_lift_limits = false;
       s.host.memlock = {65536, 65536};
       s.host.missing_capabilities = {"CAP_NET_ADMIN"};
     },
     kNote, "may lock 64 KiB", ""},
    {"SmallStack", "stack-limit", "",
     [](Survey& s) {
       s.host.may_lift_limits = false;
       s.host.stack = {65536, 65536};
     },
     kWarning, "64 KiB only", "prlimit --pid 4711 --stack=8388608:unlimited"},
    {"NoPrivileges", "capabilities", "",
     [](Survey& s) {
       s.host.missing_capabilities = {"CAP_NET_RAW", "CAP_BPF"};
     },
     kWarning, "lacks CAP_NET_RAW and CAP_BPF",
     "setcap cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep /usr/bin/starocean"},
    {"FewNeighbours", "neighbours", "",
     [](Survey& s) {
       s.host.neighbours_v6 = NeighbourTable{10, 1024};
     },
     kNote, "10 of at most 1024 ipv6",
     "sysctl -w net.ipv6.neigh.default.gc_thresh1=2048 net.ipv6.neigh.default.gc_thresh2=4096 "
     "net.ipv6.neigh.default.gc_thresh3=8192"},
    {"NeighboursNearlyFull", "neighbours", "",
     [](Survey& s) {
       s.host.neighbours_v4 = NeighbourTable{900, 1024};
     },
     kWarning, "nearly full",
     "sysctl -w net.ipv4.neigh.default.gc_thresh1=2048 net.ipv4.neigh.default.gc_thresh2=4096 "
     "net.ipv4.neigh.default.gc_thresh3=8192",
     true},
    {"NeighboursUnseen", "neighbours", "",
     [](Survey& s) { s.host.neighbours_v4 = s.host.neighbours_v6 = {}; }, kNote,
     "could not be read", ""},
};

class PlantedInTheMachine : public ::testing::TestWithParam<Planted> {};
TEST_P(PlantedInTheMachine, IsFoundWithItsRemedy) {
  expect_found(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Judge, PlantedInTheMachine, ::testing::ValuesIn(kOfTheMachine), name_of);

TEST(Judge, WhatIsPlantedInOneInterfaceIsNotFoundInAnother) {
  Survey survey = sample_survey();
  nic(survey).up = false;
  EXPECT_EQ(finding(judge(survey), "link", "lan1").verdict, Verdict::kOk);
  EXPECT_EQ(worst_of(judge(survey)), Verdict::kWarning);
}

}  // namespace
}  // namespace starocean::control::doctor
