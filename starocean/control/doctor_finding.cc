#include "starocean/control/doctor_finding.h"

#include <algorithm>

namespace starocean::control::doctor {
namespace {

constexpr Check kChecks[] = {
    {"kernel", false, "the kernel's version, and whether it has AF_XDP"},
    {"kernel-features", false, "what AF_XDP learned later, asked of a socket"},
    {"bpf-compiler", false, "whether BPF programs are compiled (bpf_jit_enable)"},
    {"tick-rate", false, "timer interrupts a second (CONFIG_HZ)"},
    {"cpus", false, "CPUs online, usable and isolated"},
    {"cpu-governor", false, "the frequency governor of each CPU"},
    {"irqbalance", false, "whether irqbalance moves the interfaces' interrupts"},
    {"huge-pages", false, "huge pages for the packet memory"},
    {"locked-memory", false, "RLIMIT_MEMLOCK against the packet memory"},
    {"stack-limit", false, "RLIMIT_STACK"},
    {"capabilities", false, "the privileges of this process"},
    {"neighbours", false, "room in Linux's neighbour tables (gc_thresh3)"},
    {"frames", false, "with --config: packet buffers for the queues that there are"},
    {"worker-cpus", false, "with --config: whether workers can run on their CPUs"},
    {"kernel-threads", false, "with --config: Linux's own threads that use workers' CPUs"},
    {"bridge-mtu", true, "with --config: whether all interfaces of a bridge have one MTU"},
    {"device", true, "the device, its driver, and whether it could be asked"},
    {"link", true, "whether it is up and has a carrier"},
    {"master", true, "whether a bridge or bond of Linux has it"},
    {"queues", true, "receive and transmit queues, and those that the configuration takes"},
    {"xdp-program", true, "an XDP program that is attached already"},
    {"xdp-native", true, "XDP in the driver, by report and by trial"},
    {"zero-copy", true, "zero-copy sockets, by report and by trial"},
    {"redirect", true, "whether packets can be sent without socket buffers in copy mode"},
    {"multi-buffer", true, "packets of several frames, by report and by trial"},
    {"metadata", true, "timestamps, hashes, checksums that the driver offers"},
    {"busy-poll", true, "whether and how the queues can be polled"},
    {"trial", true, "whether the trial was made"},
    {"mtu", true, "the MTU against the frame size and the mode"},
    {"peer", true, "veth: the other end"},
    {"peer-mtu", true, "veth: the other end's MTU"},
    {"tx-checksum", true, "veth: checksums that Linux leaves unfinished"},
    {"tx-segmentation", true, "veth: packets that Linux leaves to hardware to cut (TSO)"},
    {"tx-vlan", true, "veth: VLAN tags that Linux keeps beside the packet"},
    {"lro", true, "LRO: hardware that merges packets"},
    {"gro-hw", true, "rx-gro-hw: hardware that merges packets"},
    {"gro", true, "GRO, where XDP comes after it"},
    {"vlan-strip", true, "rxvlan: hardware that takes VLAN tags off"},
    {"rings", true, "the hardware's rings (ethtool -g)"},
    {"coalescing", true, "how long interrupts wait (ethtool -c)"},
    {"irqs", true, "which CPUs serve its interrupts"},
    {"packet-steering", true, "RPS and XPS"},
};

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kNote:
      return "note";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFault:
      return "fault";
  }
  return "unknown";
}

std::span<const Check> all_checks() {
  return kChecks;
}

Verdict worst_of(std::span<const Finding> findings) {
  Verdict worst = Verdict::kOk;
  for (const Finding& finding : findings) worst = std::max(worst, finding.verdict);
  return worst;
}

size_t count_of(std::span<const Finding> findings, Verdict verdict) {
  return static_cast<size_t>(std::ranges::count(findings, verdict, &Finding::verdict));
}

}  // namespace starocean::control::doctor
