#include "starocean/control/doctor_sample.h"

#include <sstream>

#include "starocean/base/check.h"

namespace starocean::control::doctor {
namespace {

xsk::Offloads sample_offloads() {
  return {{"rx-lro", {.on = false, .fixed = false}},
          {"rx-gro", {.on = false, .fixed = false}},
          {"rx-gro-hw", {.on = false, .fixed = false}},
          {"rx-vlan-hw-parse", {.on = false, .fixed = false}},
          {"tx-checksum-ip-generic", {.on = false, .fixed = false}},
          {"tx-tcp-segmentation", {.on = false, .fixed = false}},
          {"tx-vlan-hw-insert", {.on = false, .fixed = false}}};
}

IrqFacts irq(uint32_t number, const char* name, int cpu, uint32_t queue) {
  IrqFacts facts;
  facts.number = number;
  facts.name = name;
  facts.allowed_cpus = {0, 1, 2, 3};
  facts.effective_cpus = {cpu};
  facts.rx_queue = queue;
  return facts;
}

const Attempt kGranted = {Attempt::Outcome::kGranted, {}};
constexpr uint64_t kSampleFeatures =
    xsk::kXdpActBasic | xsk::kXdpActRedirect | xsk::kXdpActZeroCopy | xsk::kXdpActReceiveFragments;

}  // namespace

HostFacts sample_host() {
  HostFacts host;
  host.kernel_release = "6.18.0";
  host.kernel_major = 6;
  host.kernel_minor = 18;
  host.kernel = {true, true, true, true, true, true, true, true};
  host.single_page_mtu = 3506;
  host.tick_hz = 1000;
  host.online_cpus = host.usable_cpus = {0, 1, 2, 3};
  host.governors = {{"performance", {0, 1, 2, 3}}};
  host.pages_2m = HugePagePool{40, 40, 0};
  host.pages_1g = HugePagePool{0, 0, 0};
  host.memory_available_bytes = uint64_t{8} << 30;
  host.memlock = host.stack = {kUnlimited, kUnlimited};
  host.may_lock_memory = host.may_lift_limits = host.may_load_programs = true;
  host.neighbours_v4 = host.neighbours_v6 = NeighbourTable{10, 8192};
  host.sees_bpf_settings = true;
  host.program_path = "/usr/bin/starocean";
  host.parent_pid = 4711;
  return host;
}

InterfaceFacts sample_nic() {
  InterfaceFacts nic;
  nic.name = "nic0";
  nic.exists = true;
  nic.ifindex = 2;
  nic.driver = "sample";
  nic.up = nic.carrier = true;
  nic.mtu = 1500;
  nic.rx_queues = nic.tx_queues = 2;
  nic.channels = xsk::Channels{.combined = 2, .combined_max = 8};
  nic.report = xsk::XdpReport{.features = kSampleFeatures, .zero_copy_segments = 8};
  nic.trial.native = nic.trial.fragments = kGranted;
  nic.trial.zero_copy = nic.trial.copy = nic.trial.multi_buffer = kGranted;
  nic.offloads = sample_offloads();
  nic.rings = xsk::DeviceRings{2048, 4096, 2048, 4096};
  nic.coalescing = xsk::Coalescing{20, 64, false};
  nic.irqs = {irq(40, "nic0-TxRx-0", 0, 0), irq(41, "nic0-TxRx-1", 1, 1)};
  nic.defer_hard_irqs = 0;
  nic.gro_flush_timeout_ns = 0;
  return nic;
}

InterfaceFacts sample_veth() {
  InterfaceFacts veth;
  veth.name = "lan1";
  veth.exists = true;
  veth.ifindex = 3;
  veth.kind = veth.driver = "veth";
  veth.up = veth.carrier = true;
  veth.mtu = 1500;
  veth.rx_queues = veth.tx_queues = 1;
  veth.channels = xsk::Channels{.rx = 1, .rx_max = 1, .tx = 1, .tx_max = 1};
  veth.report = xsk::XdpReport{.features = xsk::kXdpActBasic | xsk::kXdpActRedirect |
                                           xsk::kXdpActTransmit | xsk::kXdpActReceiveFragments};
  veth.trial.native = veth.trial.fragments = kGranted;
  veth.trial.copy = veth.trial.multi_buffer = kGranted;
  veth.trial.zero_copy = {Attempt::Outcome::kRefused, "Operation not supported"};
  veth.offloads = sample_offloads();
  PeerFacts& peer = veth.peer.emplace();
  peer.name = "eth0";
  peer.mtu = 1500;
  peer.offloads = sample_offloads();
  peer.command_prefix = "ip netns exec h1 ";
  peer.place = "namespace h1";
  return veth;
}

Survey sample_survey() {
  Survey survey;
  survey.host = sample_host();
  survey.interfaces = {sample_nic(), sample_veth()};
  survey.plan.memory_bytes = uint64_t{64} << 20;
  return survey;
}

Plan sample_plan(const std::string& yaml, const std::string& file) {
  auto config = parse_config(yaml, file);
  SO_CHECK(config.has_value(), "a test's configuration is wrong");
  Plan plan;
  plan.config = std::move(*config);
  plan.memory_bytes = uint64_t{plan.config.memory.frames} * plan.config.memory.frame_size;
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line);) plan.config_lines.push_back(line);
  return plan;
}

}  // namespace starocean::control::doctor
