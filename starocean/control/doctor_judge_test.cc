// The judging, on made-up facts: each case changes one fact of a machine on which nothing is wrong, and says
// what has to be found.

#include "starocean/control/doctor_judge.h"

#include <functional>

#include <gtest/gtest.h>

#include "starocean/control/doctor_sample.h"

namespace starocean::control::doctor {
namespace {

const Finding& finding(const std::vector<Finding>& findings, std::string_view id,
                       std::string_view interface = "") {
  static const Finding kNone{"none", "", Verdict::kOk, "no such finding", "", false};
  for (const Finding& found : findings) {
    if (found.id == id && found.interface == interface) return found;
  }
  ADD_FAILURE() << "no finding '" << id << "' of '" << interface << "'";
  return kNone;
}

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
  for (const Finding& found : findings) seen.push_back(found.interface + "/" + found.id);
  std::vector<std::string> expected;
  for (const Check& check : all_checks()) {
    if (!check.per_interface) expected.push_back("/" + std::string(check.id));
  }
  for (const std::string interface : {"nic0", "lan1"}) {
    for (const Check& check : all_checks()) {
      const bool of_veth =
          check.id == "peer" || check.id == "peer-mtu" || check.id.starts_with("tx-");
      if (!check.per_interface || (of_veth && interface == "nic0")) continue;
      expected.push_back(interface + "/" + std::string(check.id));
    }
  }
  EXPECT_EQ(seen, expected);
}

struct Planted {
  const char* name;
  const char* id;
  const char* interface;
  std::function<void(Survey&)> plant;
  Verdict verdict;
  const char* text;    // a part of the sentence
  const char* remedy;  // all of it
  bool safe = false;
};

InterfaceFacts& nic(Survey& survey) {
  return survey.interfaces[0];
}
InterfaceFacts& veth(Survey& survey) {
  return survey.interfaces[1];
}
void turn_on(xsk::Offloads& offloads, const char* name, bool fixed = false) {
  offloads[name] = {.on = true, .fixed = fixed};
}
Attempt refused(const char* reason) {
  return {Attempt::Outcome::kRefused, reason};
}
constexpr auto kNote = Verdict::kNote;
constexpr auto kWarning = Verdict::kWarning;
constexpr auto kFault = Verdict::kFault;

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

const Planted kOfTheDevice[] = {
    {"NotThere", "device", "nic0", [](Survey& s) { nic(s).exists = false; }, kFault, "no device",
     ""},
    {"NotAllCouldBeAsked", "device", "nic0", [](Survey& s) { nic(s).problem = "it broke"; }, kNote,
     "it broke", ""},
    {"Down", "link", "nic0", [](Survey& s) { nic(s).up = false; }, kWarning, "is down",
     "ip link set dev nic0 up"},
    {"NoCarrier", "link", "nic0", [](Survey& s) { nic(s).carrier = false; }, kNote, "no carrier",
     ""},
    {"InABridge", "master", "nic0", [](Survey& s) { nic(s).master = "br0"; }, kWarning, "'br0'",
     "ip link set dev nic0 nomaster"},
    {"FewTransmitQueues", "queues", "nic0", [](Survey& s) { nic(s).tx_queues = 1; }, kNote,
     "from queue 1 on can only receive", ""},
    {"ForeignProgram", "xdp-program", "nic0",
     [](Survey& s) {
       nic(s).program = xsk::PresentProgram{17, "cilium", false, 0};
     },
     kFault, "'cilium' (id 17)", "ip link set dev nic0 xdp off"},
    {"ForeignGenericProgram", "xdp-program", "nic0",
     [](Survey& s) {
       nic(s).program = xsk::PresentProgram{17, "cilium", true, 0};
     },
     kFault, "'cilium' (id 17)", "ip link set dev nic0 xdpgeneric off"},
    {"ForeignProgramOfALink", "xdp-program", "nic0",
     [](Survey& s) {
       nic(s).program = xsk::PresentProgram{17, "cilium", false, 5};
     },
     kFault, "'cilium' (id 17)", "bpftool link detach id 5"},
    {"ProgramOfUnknownOwner", "xdp-program", "nic0",
     [](Survey& s) {
       nic(s).program = xsk::PresentProgram{17, "", false, 0};
     },
     kNote, "only root", ""},
    {"NativeRefusedThoughReported", "xdp-native", "nic0",
     [](Survey& s) { nic(s).trial.native = refused("too cold"); }, kWarning, "too cold", ""},
    {"NoNative", "xdp-native", "nic0",
     [](Survey& s) {
       nic(s).trial.native = {};
       nic(s).report->features = 0;
     },
     kWarning, "generic mode", ""},
    {"NativeUnknown", "xdp-native", "nic0",
     [](Survey& s) {
       nic(s).trial.native = {};
       nic(s).report = {};
     },
     kNote, "not known before it is tried", ""},
    {"ZeroCopyRefusedThoughReported", "zero-copy", "nic0",
     [](Survey& s) { nic(s).trial.zero_copy = refused("no rings"); }, kWarning, "no rings", ""},
    {"NoZeroCopy", "zero-copy", "lan1", [](Survey&) {}, kNote, "copied once each way", ""},
    {"MultiBufferRefused", "multi-buffer", "nic0",
     [](Survey& s) { nic(s).trial.multi_buffer = refused("too long"); }, kNote, "too long", ""},
    {"NoMultiBufferInKernel", "multi-buffer", "nic0",
     [](Survey& s) { s.host.kernel.multi_buffer = false; }, kNote, "Linux 6.6", ""},
    {"MetadataUnseen", "metadata", "nic0", [](Survey& s) { nic(s).report = {}; }, kNote,
     "Linux 6.3", ""},
    {"NoBusyPoll", "busy-poll", "nic0", [](Survey& s) { s.host.kernel.prefer_busy_poll = false; },
     kNote, "Linux 5.11", ""},
    {"TrialSkipped", "trial", "nic0", [](Survey& s) { nic(s).trial.skipped = "it rains"; }, kNote,
     "not made: it rains", ""},
    {"NothingCanBeBound", "trial", "nic0", [](Survey& s) { nic(s).trial.copy = refused("full"); },
     kFault, "full", ""},
    {"SmallRing", "rings", "nic0",
     [](Survey& s) {
       nic(s).rings = xsk::DeviceRings{256, 4096, 256, 4096};
     },
     kWarning, "256 receive", "ethtool -G nic0 rx 1024", true},
    {"SmallRingOfTheWayOut", "rings", "nic0",
     [](Survey& s) {
       nic(s).rings = xsk::DeviceRings{256, 512, 256, 512};
       nic(s).has_default_route = true;
     },
     kWarning, "256 receive", "ethtool -G nic0 rx 512", false},
    {"LongWait", "coalescing", "nic0", [](Survey& s) { nic(s).coalescing->rx_usecs = 250; }, kNote,
     "250 µs", "ethtool -C nic0 adaptive-rx off rx-usecs 20"},
    {"OneCpuForAllInterrupts", "irqs", "nic0",
     [](Survey& s) { nic(s).irqs[1].effective_cpus = {0}; }, kWarning, "one CPU receives",
     "echo 0 > /proc/irq/40/smp_affinity_list && echo 1 > /proc/irq/41/smp_affinity_list", true},
    {"OddName", "link", "a;b",
     [](Survey& s) {
       nic(s).name = "a;b";
       nic(s).up = false;
     },
     kWarning, "is down", "ip link set dev 'a;b' up"},
};

const Planted kOfPackets[] = {
    {"TooLongForOneFrame", "mtu", "nic0",
     [](Survey& s) {
       nic(s).mtu = 9000;
       nic(s).report->features = xsk::kXdpActBasic;
       nic(s).trial = {};
     },
     kFault, "the driver sample has none", "ip link set dev nic0 mtu 1770"},
    {"TooLongInGenericMode", "mtu", "lan1",
     [](Survey& s) {
       veth(s).mtu = veth(s).peer->mtu = 9000;
       veth(s).trial = {};
       veth(s).trial.native = refused("none");
     },
     kFault, "generic mode has none",
     "ip link set dev lan1 mtu 1770 && ip netns exec h1 ip link set dev eth0 mtu 1770"},
    {"TooLongForZeroCopy", "mtu", "nic0",
     [](Survey& s) {
       nic(s).mtu = 9000;
       nic(s).report->zero_copy_segments = 1;
     },
     kWarning, "6 frames for the longest, of which zero-copy carries 1",
     "ip link set dev nic0 mtu 1770"},
    {"OtherEndOutOfSight", "peer", "lan1", [](Survey& s) { veth(s).peer = {}; }, kNote,
     "run doctor there", ""},
    {"OtherEndTooLongForTheProgram", "peer-mtu", "lan1",
     [](Survey& s) { veth(s).peer->mtu = 9000; }, kFault, "refuses a program",
     "ip netns exec h1 ip link set dev eth0 mtu 1500"},
    {"OtherEndLonger", "peer-mtu", "lan1", [](Survey& s) { veth(s).peer->mtu = 2000; }, kWarning,
     "1500 here and 2000", "ip netns exec h1 ip link set dev eth0 mtu 1500"},
    {"OtherEndShorter", "peer-mtu", "lan1", [](Survey& s) { veth(s).peer->mtu = 1400; }, kWarning,
     "1500 here and 1400", "ip netns exec h1 ip link set dev eth0 mtu 1500"},
    {"UnfinishedChecksums", "tx-checksum", "lan1",
     [](Survey& s) { turn_on(veth(s).peer->offloads, "tx-checksum-ip-generic"); }, kWarning,
     "'eth0' in namespace h1", "ip netns exec h1 ethtool -K eth0 tx off", false},
    {"UnfinishedChecksumsInThisNamespace", "tx-checksum", "lan1",
     [](Survey& s) {
       turn_on(veth(s).peer->offloads, "tx-checksum-ip-generic");
       veth(s).peer->place = veth(s).peer->command_prefix = "";
     },
     kWarning, "('eth0')", "ethtool -K eth0 tx off", true},
    {"UnfinishedChecksumsOfAHost", "tx-checksum", "lan1",
     [](Survey& s) {
       turn_on(veth(s).offloads, "tx-checksum-ip-generic");
       veth(s).has_address = true;
     },
     kWarning, "at this end", "ethtool -K lan1 tx off", true},
    {"SuperPackets", "tx-segmentation", "lan1",
     [](Survey& s) { turn_on(veth(s).peer->offloads, "tx-tcp-segmentation"); }, kNote,
     "while a native program is attached",
     "ip netns exec h1 ethtool -K eth0 tso off tx-udp-segmentation off"},
    {"SuperPacketsInGenericMode", "tx-segmentation", "lan1",
     [](Survey& s) {
       turn_on(veth(s).peer->offloads, "tx-tcp-segmentation");
       veth(s).trial.native = refused("none");
     },
     kWarning, "do not fit a frame",
     "ip netns exec h1 ethtool -K eth0 tso off tx-udp-segmentation off"},
    {"TagsBeside", "tx-vlan", "lan1",
     [](Survey& s) { turn_on(veth(s).peer->offloads, "tx-vlan-hw-insert"); }, kNote, "beside",
     "ip netns exec h1 ethtool -K eth0 txvlan off tx-vlan-stag-hw-insert off"},
    {"TagsBesideWithVlans", "tx-vlan", "lan1",
     [](Survey& s) {
       turn_on(veth(s).peer->offloads, "tx-vlan-hw-insert");
       veth(s).peer->has_vlan_devices = true;
     },
     kWarning, "arrive untagged",
     "ip netns exec h1 ethtool -K eth0 txvlan off tx-vlan-stag-hw-insert off"},
    {"Lro", "lro", "nic0", [](Survey& s) { turn_on(nic(s).offloads, "rx-lro"); }, kWarning, "LRO",
     "ethtool -K nic0 lro off", true},
    {"GroHw", "gro-hw", "nic0",
     [](Survey& s) {
       turn_on(nic(s).offloads, "rx-gro-hw");
       nic(s).trial.native = {};
     },
     kWarning, "refuse XDP", "ethtool -K nic0 rx-gro-hw off", true},
    {"GroHwFixed", "gro-hw", "nic0",
     [](Survey& s) {
       turn_on(nic(s).offloads, "rx-gro-hw", true);
       nic(s).trial.native = refused("GRO_HW");
     },
     kWarning, "hypervisor", ""},
    {"GroBeforeGenericXdp", "gro", "nic0",
     [](Survey& s) {
       turn_on(nic(s).offloads, "rx-gro");
       nic(s).trial.native = refused("none");
     },
     kWarning, "do not fit a frame", "ethtool -K nic0 gro off rx-gro-list off", true},
    {"TagsTakenOff", "vlan-strip", "nic0",
     [](Survey& s) { turn_on(nic(s).offloads, "rx-vlan-hw-parse"); }, kWarning, "untagged",
     "ethtool -K nic0 rxvlan off rx-vlan-stag-hw-parse off", true},
    {"TagsTakenOffForGood", "vlan-strip", "nic0",
     [](Survey& s) { turn_on(nic(s).offloads, "rx-vlan-hw-parse", true); }, kWarning, "untagged",
     "", true},
};

class Plant : public ::testing::TestWithParam<Planted> {};

TEST_P(Plant, IsFoundWithItsRemedy) {
  const Planted& planted = GetParam();
  Survey survey = sample_survey();
  planted.plant(survey);
  const auto findings = judge(survey);
  const Finding& found = finding(findings, planted.id, planted.interface);
  EXPECT_STREQ(to_string(found.verdict), to_string(planted.verdict)) << found.text;
  EXPECT_NE(found.text.find(planted.text), std::string::npos) << found.text;
  EXPECT_EQ(found.remedy, planted.remedy);
  EXPECT_EQ(found.safe, planted.safe);
  EXPECT_NE(found.text.back(), '.') << found.text;
}

std::string name_of(const ::testing::TestParamInfo<Planted>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Machine, Plant, ::testing::ValuesIn(kOfTheMachine), name_of);
INSTANTIATE_TEST_SUITE_P(Device, Plant, ::testing::ValuesIn(kOfTheDevice), name_of);
INSTANTIATE_TEST_SUITE_P(Packets, Plant, ::testing::ValuesIn(kOfPackets), name_of);

TEST(Judge, WhatIsPlantedInOneInterfaceIsNotFoundInAnother) {
  Survey survey = sample_survey();
  nic(survey).up = false;
  EXPECT_EQ(finding(judge(survey), "link", "lan1").verdict, Verdict::kOk);
  EXPECT_EQ(worst_of(judge(survey)), Verdict::kWarning);
}

}  // namespace
}  // namespace starocean::control::doctor
