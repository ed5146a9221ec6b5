#include "starocean/bench/generator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "bpf/generate.h"
#include "bpf/generate.skel.h"
#include "starocean/base/endian.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/bench/egress_device.h"
#include "starocean/bench/live_run.h"
#include "starocean/bench/schedule.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

constexpr uint64_t kSeed = 0x2545f4914f6cdd1d;  // not zero; the same order of flows in every run

struct DestroySkeleton {
  void operator()(generate_bpf* skeleton) const { generate_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<generate_bpf, DestroySkeleton>;

struct Sum {
  uint32_t value = 0;
  void add(const void* bytes, size_t count) {
    for (size_t i = 0; i < count; i += sizeof(uint16_t)) {
      uint16_t word = 0;
      std::memcpy(&word, static_cast<const std::byte*>(bytes) + i, sizeof(word));
      value += word;
    }
  }
};

template <class Address>
void put_addresses(generate_flow& flow, const Address& source, const Address& destination) {
  Sum sum;
  for (const auto& [address, place] : {std::pair(&source, 0u), std::pair(&destination, 1u)}) {
    std::memcpy(flow.addresses + place * (sizeof(Address) / sizeof(uint32_t)), address,
                sizeof(Address));
    sum.add(address, sizeof(Address));
  }
  flow.address_sum = sum.value;
}

generate_flow flow_entry(const TrafficSpec& spec, uint32_t number) {
  const FlowHeaders headers = headers_of(spec, number);
  generate_flow flow{};
  constexpr size_t kMac = net::MacAddress::kSize;
  std::memcpy(flow.macs, headers.destination_mac.bytes().data(), kMac);
  std::memcpy(flow.macs + kMac, headers.source_mac.bytes().data(), kMac);
  flow.vlan_tci = be16(headers.vlan).raw();
  flow.source_port = be16(headers.source_port).raw();
  flow.destination_port = be16(headers.destination_port).raw();
  if (spec.ipv6()) {
    put_addresses(flow, std::get<net::Ipv6Address>(headers.source),
                  std::get<net::Ipv6Address>(headers.destination));
  } else {
    put_addresses(flow, std::get<net::Ipv4Address>(headers.source),
                  std::get<net::Ipv4Address>(headers.destination));
  }
  return flow;
}

// The device's index.
Result<uint32_t> find_device(const Generator::Options& options) {
  const uint32_t longest = options.traffic.longest_frame_bytes();
  if (longest > kMaxLiveFrameBytes) {
    return fail(fmt::format("cannot send on '{}'", options.device),
                fmt::format("BPF live frames have at most {} bytes, FCS included, not {}",
                            kMaxLiveFrameBytes, longest),
                "use shorter frames, or the AF_XDP engine", EMSGSIZE);
  }
  const auto link = find_egress(options.device, longest);
  if (!link) return fail(link.error());
  return link->ifindex;
}

void set_shape(generate_shape& shape, const TrafficSpec& spec, uint32_t ifindex) {
  shape.flows = spec.flows;
  shape.random = spec.random_order;
  shape.ipv6 = spec.ipv6();
  shape.vlan = spec.vlan ? be16(spec.vlan_tpid).raw() : 0;
  shape.size_count = static_cast<uint32_t>(spec.frame_bytes.size());
  shape.longest = spec.longest_frame_bytes() - kFcsBytes;
  for (size_t i = 0; i < spec.frame_bytes.size(); ++i) {
    shape.sizes[i] = static_cast<uint16_t>(spec.frame_bytes[i] - kFcsBytes);
  }
  shape.ifindex = ifindex;
}

Result<Skeleton> load(const Generator::Options& options, uint32_t ifindex) {
  const std::string what = fmt::format("cannot load the generator for '{}'", options.device);
  xsk::steering::route_libbpf_messages();
  Skeleton skeleton(generate_bpf__open());
  if (!skeleton) return fail_system(what, errno);
  // The skeleton's copy is of a const volatile type.
  set_shape(const_cast<generate_shape&>(skeleton->rodata->shape), options.traffic, ifindex);
  bpf_map__set_max_entries(skeleton->maps.flows, options.traffic.flows);
  if (const int error = generate_bpf__load(skeleton.get()); error != 0) {
    return refuse_program(what, -error);
  }
  const uint32_t zero = 0;
  if (bpf_map_update_elem(bpf_map__fd(skeleton->maps.device), &zero, &ifindex, BPF_ANY) != 0) {
    return fail_system(what, errno, "its driver must support XDP_REDIRECT");
  }
  if (const int error = generate_bpf__attach(skeleton.get()); error != 0) {
    return refuse_program(what, -error);
  }
  return skeleton;
}

// A batch holds what is due in about 4 us: small at low rates, so that no frame waits long for those after
// it, and softirqs get their turn; large at high ones, so that flushing costs little per frame.
uint32_t batch_for(double frames_per_second) {
  constexpr double kBatchSeconds = 4e-6;
  constexpr uint32_t kLargest = 64;  // NAPI_POLL_WEIGHT, the kernel's default
  if (frames_per_second <= 0) return kLargest;
  return static_cast<uint32_t>(
      std::clamp(frames_per_second * kBatchSeconds, 1.0, double{kLargest}));
}

}  // namespace

struct Generator::State {
  State(Options wanted, Skeleton loaded, MappedArray table, LiveRun live)
      : options(std::move(wanted)),
        skeleton(std::move(loaded)),
        flows(std::move(table)),
        run(std::move(live)) {}
  Options options;
  Skeleton skeleton;
  MappedArray flows;
  LiveRun run;  // last: ends first
};

Generator::Generator(std::unique_ptr<State> state) : state_(std::move(state)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Result<Generator> Generator::create(const Options& options) {
  if (Status good = check(options.traffic); !good) return fail(good.error());
  const auto ifindex = find_device(options);
  if (!ifindex) return fail(ifindex.error());
  auto skeleton = load(options, *ifindex);
  if (!skeleton) return fail(skeleton.error());
  auto flows = MappedArray::map((*skeleton)->maps.flows, "cannot map the table of flows");
  if (!flows) return fail(flows.error());
  const auto entries = flows->values<generate_flow>();
  for (uint32_t i = 0; i < options.traffic.flows; ++i) entries[i] = flow_entry(options.traffic, i);
  auto run = LiveRun::create({.program_fd = bpf_program__fd((*skeleton)->progs.generate),
                              .ended_map_fd = bpf_map__fd((*skeleton)->maps.ended),
                              .frame_bytes = options.traffic.longest_frame_bytes() - kFcsBytes,
                              .cpu = options.cpu});
  if (!run) return fail(run.error());
  return Generator(
      std::make_unique<State>(options, std::move(*skeleton), std::move(*flows), std::move(*run)));
}

Status Generator::start(const Load& load) {
  constexpr uint32_t kStreams = 16;
  if (running()) return fail("cannot start to send", "a run is going on", "stop it first", EBUSY);
  if (load.stream >= kStreams) {
    return fail("cannot start to send", fmt::format("there is no stream {}", load.stream),
                "use 0 to 15", EINVAL);
  }
  state_->run.stop();
  for (generate_flow& flow : state_->flows.values<generate_flow>()) flow.sequence = 0;
  auto& bss = *state_->skeleton->bss;
  bss.state = {};
  bss.egress = {};
  bss.state.random = kSeed;
  volatile generate_control& control = bss.control;
  control.limit = load.count;
  control.duration_ns = load.duration_ns;
  control.grace_ns = grace_for(load.duration_ns);
  control.patience_ns = load.patience_ns;
  control.start_ns = 0;
  control.stream = load.stream;
  control.batch = load.batch != 0 ? load.batch : batch_for(load.frames_per_second);
  const Step step = step_for(load.frames_per_second);
  control.step_ns = step.ns;
  control.step_fraction = step.fraction;
  control.stop = 0;
  control.resume = 1;
  return state_->run.start(control.batch, control);
}

bool Generator::running() const {
  return state_->run.running();
}
bool Generator::wait(uint64_t timeout_ms) {
  return state_->run.wait(timeout_ms);
}
void Generator::stop() {
  state_->run.stop();
}
Status Generator::outcome() const {
  return state_->run.outcome();
}
const TrafficSpec& Generator::traffic() const {
  return state_->options.traffic;
}

SendReport Generator::read() const {
  const volatile generate_state& state = state_->skeleton->bss->state;
  const volatile generate_egress& egress = state_->skeleton->bss->egress;
  SendReport report;
  // In this order a run in progress has never sent more than it has generated.
  report.sent = egress.sent;
  report.egress_error = static_cast<int>(egress.last_error);
  report.generated = state.frames;
  report.generated_bytes = state.bytes;
  report.dropped = running() ? egress.dropped : report.generated - report.sent;
  report.first_ns = state.first_ns;
  report.last_ns = state.last_ns;
  report.max_late_ns = state.late_max_ns;
  report.paused_ns = state.paused_ns;
  report.skipped_ns = state.skipped_ns;
  report.pauses = state_->run.pauses();
  return report;
}

}  // namespace starocean::bench
