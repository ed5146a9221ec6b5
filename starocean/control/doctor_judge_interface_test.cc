// The judging of interfaces, on made-up facts.

#include "starocean/control/doctor_planted.h"

namespace starocean::control::doctor {
namespace {

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
    {"ZeroCopyRefusedByVirtio", "zero-copy", "nic0",
     [](Survey& s) {
       nic(s).driver = "virtio_net";
       nic(s).trial.zero_copy = refused("Invalid argument");
     },
     kWarning, "iommu_platform=on", ""},
    {"NoZeroCopy", "zero-copy", "lan1", [](Survey&) {}, kNote, "copied once each way", ""},
    {"TakesNoRedirectedPackets", "redirect", "lan1",
     [](Survey& s) { veth(s).report->features &= ~xsk::kXdpActTransmit; }, kNote,
     "once its other end has GRO", "ip netns exec h1 ethtool -K eth0 gro on"},
    {"TakesNoRedirectedPacketsAndTheOtherEndIsOutOfSight", "redirect", "lan1",
     [](Survey& s) {
       veth(s).report->features &= ~xsk::kXdpActTransmit;
       veth(s).peer = {};
     },
     kNote, "once its other end has GRO", ""},
    {"TakesNoRedirectedPacketsAtAll", "redirect", "nic0",
     [](Survey& s) { nic(s).trial.zero_copy = refused("no rings"); }, kNote,
     "takes no redirected packets", ""},
    {"RedirectInGenericMode", "redirect", "lan1",
     [](Survey& s) { veth(s).trial.native = refused("none"); }, kNote, "not in generic mode", ""},
    {"RedirectUnseen", "redirect", "lan1", [](Survey& s) { veth(s).report = {}; }, kNote,
     "Linux 6.3", ""},
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
    {"TooLongForAnyPacket", "mtu", "lan1",
     [](Survey& s) { veth(s).mtu = veth(s).peer->mtu = 65535; }, kFault, "at most 18",
     "ip link set dev lan1 mtu 32234 && ip netns exec h1 ip link set dev eth0 mtu 32234"},
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
     [](Survey& s) { veth(s).peer->mtu = 9000; }, kWarning, "a program for packets of several",
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

class PlantedInAnInterface : public ::testing::TestWithParam<Planted> {};
TEST_P(PlantedInAnInterface, IsFoundWithItsRemedy) {
  expect_found(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Device, PlantedInAnInterface, ::testing::ValuesIn(kOfTheDevice), name_of);
INSTANTIATE_TEST_SUITE_P(Packets, PlantedInAnInterface, ::testing::ValuesIn(kOfPackets), name_of);

}  // namespace
}  // namespace starocean::control::doctor
