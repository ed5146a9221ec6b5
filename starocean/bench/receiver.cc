#include "starocean/bench/receiver.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "bpf/check.h"
#include "bpf/check.skel.h"
#include "starocean/base/clock.h"
#include "starocean/bench/bpf_maps.h"
#include "starocean/bench/traffic_spec.h"
#include "starocean/xsk/device_info.h"
#include "starocean/xsk/link_monitor.h"
#include "starocean/xsk/receive_filter.h"
#include "starocean/xsk/steering_attach.h"
#include "starocean/xsk/steering_log.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kSequencesPerWord = 32;
constexpr uint32_t kSmallestWindow = 64;
constexpr uint32_t kLargestWindow = 1u << 20;
constexpr uint32_t kLargestDefaultWindow = 65536;
constexpr uint32_t kSmallestDefaultWindow = 2048;
constexpr uint64_t kDefaultWindows = uint64_t{1} << 28;

struct DestroySkeleton {
  void operator()(check_bpf* skeleton) const { check_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<check_bpf, DestroySkeleton>;

std::string cannot_receive(const Receiver::Options& options) {
  return fmt::format("cannot receive on '{}'", options.device);
}

uint32_t window_for(const Receiver::Options& options) {
  if (options.window != 0) return options.window;
  const uint64_t even = std::bit_floor(kDefaultWindows / options.flows);
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(even, kSmallestDefaultWindow, kLargestDefaultWindow));
}

Status check_options(const Receiver::Options& options) {
  if (options.flows == 0 || options.flows > kMaxFlows) {
    return fail(cannot_receive(options), fmt::format("it is to count {} flows", options.flows),
                fmt::format("use 1 to {}", kMaxFlows), EINVAL);
  }
  if (options.stream >= PROBE_STREAMS) {
    return fail(cannot_receive(options), fmt::format("there is no stream {}", options.stream),
                "use 0 to 15", EINVAL);
  }
  const uint32_t window = window_for(options);
  const bool good =
      window >= kSmallestWindow && window <= kLargestWindow && std::has_single_bit(window);
  if (good) return {};
  return fail(cannot_receive(options), fmt::format("its window is to be {} sequences", window),
              "use a power of 2 from 64 to 1048576", EINVAL);
}

// A flow's state and its window.
uint32_t entry_bytes(uint32_t words) {
  return static_cast<uint32_t>(sizeof(check_flow)) +
         words * static_cast<uint32_t>(sizeof(uint64_t));
}

Result<Skeleton> load(const Receiver::Options& options, bool shared) {
  xsk::steering::route_libbpf_messages();
  const std::string what = fmt::format("cannot load the checker for '{}'", options.device);
  Skeleton skeleton(check_bpf__open());
  if (!skeleton) return fail_system(what, errno);
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return fail_system(what, -cpus);
  const uint32_t words = window_for(options) / kSequencesPerWord;
  // The skeleton's copy is of a const volatile type.
  auto& shape = const_cast<check_shape&>(skeleton->rodata->shape);
  shape.flows = options.flows;
  shape.words_log2 = static_cast<uint32_t>(std::countr_zero(words));
  shape.shared = shared;
  if (options.next_hop) {
    shape.routed_ttl = PROBE_TTL - 1;
    std::ranges::copy(options.next_hop->bytes(), shape.routed_mac);
  }
  const_cast<check_control&>(skeleton->bss->control).stream = options.stream;
  bpf_map__set_max_entries(skeleton->maps.flows, options.flows);
  bpf_map__set_value_size(skeleton->maps.flows, entry_bytes(words));
  bpf_map__set_max_entries(skeleton->maps.cpus, static_cast<uint32_t>(cpus));
  if (const int error = check_bpf__load(skeleton.get()); error != 0) {
    return refuse_program(what, -error);
  }
  return skeleton;
}

Result<xsk::steering::Link> attach(const Receiver::Options& options, uint32_t ifindex,
                                   xsk::AttachMode mode, int program_fd) {
  const xsk::XdpProgram::Options wanted{
      .device = options.device, .ifindex = ifindex, .mode = mode, .multi_buffer = true};
  return xsk::steering::attach_link(wanted, program_fd);
}

FlowReport report_of(uint32_t number, const check_flow& flow) {
  FlowReport report;
  report.flow = number;
  report.received = flow.received;
  report.duplicates = flow.duplicates;
  report.reordered = flow.reordered;
  report.corrupted = flow.corrupted;
  report.beyond_window = flow.beyond_window;
  const uint64_t distinct = flow.received - flow.duplicates - flow.beyond_window;
  report.lost = flow.next > distinct ? flow.next - distinct : 0;
  return report;
}

}  // namespace

uint64_t ReceiveReport::lost() const {
  return lost(span);
}

uint64_t ReceiveReport::lost(uint64_t sent) const {
  const uint64_t accounted = distinct() + unattributed;
  return sent > accounted ? sent - accounted : 0;
}

double ReceiveReport::received_per_second() const {
  if (received < 2 || last_ns <= first_ns) return 0;
  return static_cast<double>(received - 1) * static_cast<double>(kNsPerSecond) /
         static_cast<double>(last_ns - first_ns);
}

bool ReceiveReport::clean(uint64_t sent) const {
  return distinct() == sent && received == sent && reordered == 0 && corrupted == 0 &&
         unknown_flow == 0 && contended == 0;
}

struct Receiver::State {
  State(Options wanted, Skeleton loaded)
      : options(std::move(wanted)), skeleton(std::move(loaded)) {}
  ~State() { detach(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void detach() {
    if (link.fd >= 0) close(link.fd);
    link.fd = -1;
    filter.reset();
  }
  Status map_all();
  Status take_all(uint32_t ifindex);

  Options options;
  Skeleton skeleton;
  MappedArray flows;
  MappedArray cpus;
  xsk::steering::Link link;
  std::optional<xsk::ReceiveFilter> filter;
};

Status Receiver::State::map_all() {
  for (const auto& [place, map] :
       {std::pair{&flows, skeleton->maps.flows}, std::pair{&cpus, skeleton->maps.cpus}}) {
    auto mapped = MappedArray::map(map, "cannot map the counts of the receiver");
    if (!mapped) return fail(mapped.error());
    *place = std::move(*mapped);
  }
  return {};
}

Receiver::Receiver(std::unique_ptr<State> state) : state_(std::move(state)) {}
Receiver::Receiver(Receiver&&) noexcept = default;
Receiver& Receiver::operator=(Receiver&&) noexcept = default;
Receiver::~Receiver() = default;

// A card drops what is for other addresses than its own, as generated frames are, before any program sees it.
Status Receiver::State::take_all(uint32_t ifindex) {
  auto opened = xsk::ReceiveFilter::open(ifindex);
  if (!opened) return fail(opened.error().in(cannot_receive(options)));
  filter.emplace(std::move(*opened));
  if (Status taken = filter->take_all(); !taken) {
    return fail(taken.error().in(cannot_receive(options)));
  }
  return {};
}

Result<Receiver> Receiver::create(const Options& options) {
  if (Status good = check_options(options); !good) return fail(good.error());
  const auto device = xsk::find_link(options.device);
  if (!device) return fail(device.error());
  if (!*device) {
    return fail(cannot_receive(options), "there is no such device",
                "`ip link` lists those of this network namespace", ENODEV);
  }
  // Generic XDP runs wherever the packet is processed, which is not bound to a queue.
  bool shared = (*device)->rx_queues > 1 || options.mode == xsk::AttachMode::kGeneric;
  auto mode = shared ? options.mode : xsk::AttachMode::kNative;
  for (;;) {
    auto skeleton = load(options, shared);
    if (!skeleton) return fail(skeleton.error());
    auto state = std::make_unique<State>(options, std::move(*skeleton));
    if (Status mapped = state->map_all(); !mapped) return fail(mapped.error());
    const int program = bpf_program__fd(state->skeleton->progs.check_xdp);
    auto link = attach(options, (*device)->ifindex, mode, program);
    if (link) {
      state->link = *link;
      if (Status all = state->take_all((*device)->ifindex); !all) return fail(all.error());
      return Receiver(std::move(state));
    }
    if (shared || options.mode != xsk::AttachMode::kAuto) return fail(link.error());
    // Again, ready for generic mode.
    shared = true;
    mode = xsk::AttachMode::kAuto;
  }
}

ReceiveReport Receiver::read() const {
  ReceiveReport sum;
  for (const check_cpu& cpu : state_->cpus.values<check_cpu>()) {
    sum.received += cpu.received;
    sum.received_bytes += cpu.bytes;
    sum.duplicates += cpu.duplicates;
    sum.reordered += cpu.reordered;
    sum.corrupted += cpu.corrupted;
    sum.unattributed += cpu.unattributed;
    sum.beyond_window += cpu.beyond_window;
    sum.span += cpu.span;
    sum.other_stream += cpu.other_stream;
    sum.unknown_flow += cpu.unknown_flow;
    sum.foreign += cpu.foreign;
    sum.contended += cpu.contended;
    if (cpu.first_ns != 0 && (sum.first_ns == 0 || cpu.first_ns < sum.first_ns)) {
      sum.first_ns = cpu.first_ns;
    }
    sum.last_ns = std::max<uint64_t>(sum.last_ns, cpu.last_ns);
    sum.scheduled_delay.add_bins({reinterpret_cast<const uint64_t*>(cpu.scheduled), DELAY_BINS});
    sum.sent_delay.add_bins({reinterpret_cast<const uint64_t*>(cpu.sent), DELAY_BINS});
  }
  return sum;
}

std::vector<FlowReport> Receiver::flows() const {
  std::vector<FlowReport> result;
  const std::byte* entry = state_->flows.values<std::byte>().data();
  const uint32_t bytes = entry_bytes(window() / kSequencesPerWord);
  for (uint32_t i = 0; i < state_->options.flows; ++i, entry += bytes) {
    const auto& flow = *reinterpret_cast<const check_flow*>(entry);
    if (flow.received == 0) continue;
    FlowReport report = report_of(i, flow);
    const uint64_t delays = flow.delays;
    if (delays != 0) {
      report.min_delay_ns = ~flow.delay_min_inverted;
      report.max_delay_ns = flow.delay_max_ns;
      report.mean_delay_ns = static_cast<double>(flow.delay_sum_ns) / static_cast<double>(delays);
    }
    result.push_back(report);
  }
  return result;
}

void Receiver::reset(uint32_t stream) {
  state_->skeleton->bss->control.stream = stream;
  state_->flows.clear();
  state_->cpus.clear();
}

void Receiver::stop() {
  state_->detach();
}

bool Receiver::attached() const {
  if (state_->link.fd < 0) return false;
  bpf_link_info info{};
  uint32_t info_len = sizeof(info);
  // The kernel leaves the link behind without a device when the device goes.
  return bpf_obj_get_info_by_fd(state_->link.fd, &info, &info_len) == 0 && info.xdp.ifindex != 0;
}

xsk::AttachMode Receiver::mode() const {
  return state_->link.mode;
}

uint32_t Receiver::window() const {
  return window_for(state_->options);
}

}  // namespace starocean::bench
