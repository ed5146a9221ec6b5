#include "starocean/xsk/xdp_transmitter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "bpf/transmit.h"
#include "bpf/transmit.skel.h"
#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/base/log.h"
#include "starocean/base/regions.h"
#include "starocean/base/short_slice.h"
#include "starocean/xsk/live_frames.h"
#include "starocean/xsk/steering_attach.h"
#include "starocean/xsk/steering_log.h"
#include "starocean/xsk/word_ring.h"

namespace starocean::xsk {
namespace {

constexpr int kWaitMs = 1;
constexpr uint64_t kLongestWaitNs = 2 * kNsPerMs;
// Of a call, left when running() becomes false: a batch without frames takes a quarter of a microsecond and more.
constexpr uint32_t kLastBatches = 4'000'000;
constexpr int kRemovePolls = 100;
constexpr std::chrono::milliseconds kRemovePoll{1};
constexpr size_t kSlotsBytes = sizeof(transmit_slot) * TRANSMIT_SLOTS;

struct DestroySkeleton {
  void operator()(transmit_bpf* skeleton) const { transmit_bpf__destroy(skeleton); }
};
// It gives way to everything on its CPU, at once, whatever it has used before.
bool give_way(pthread_t thread) {
  const sched_param none{};
  return pthread_setschedparam(thread, SCHED_IDLE, &none) == 0;
}

}  // namespace

struct XdpTransmitter::State {
  enum class Order : uint32_t { kRest, kRun, kBroken, kQuit };
  struct Place {
    TransmitLane lane;
    transmit_slot* slots = nullptr;
    bool used = false;
    bool unusable = false;
  };

  ~State();
  transmit_control& control() const { return skeleton->bss->control; }
  Status load();
  Status make_slots(uint32_t number);
  int hang_on_holder() const;
  void work();
  void run_while_ordered();

  Options options;
  std::unique_ptr<transmit_bpf, DestroySkeleton> skeleton;
  std::optional<WordRing> answers;
  std::array<Place, kLanes> places;
  int holder_fd = -1;
  std::thread thread;
  std::atomic<Order> order = Order::kRest;
  std::atomic<bool> at_rest = true;
  // Packet path's.
  uint32_t ticket = 0;
  uint64_t calls = 0;
  bool hurried = false;
};

XdpTransmitter::State::~State() {
  for (const Place& place : places) {
    if (place.slots != nullptr) munmap(place.slots, kSlotsBytes);
  }
  if (holder_fd >= 0) close(holder_fd);
}

Status XdpTransmitter::State::load() {
  constexpr const char* kWhat = "cannot load the program that transmits";
  steering::route_libbpf_messages();
  skeleton.reset(transmit_bpf__open_and_load());
  if (!skeleton) return fail_system(kWhat, errno, steering::kPrivileges);
  if (const int error = transmit_bpf__attach(skeleton.get()); error != 0) {
    return fail_system(kWhat, -error, "it needs the tracepoint xdp_devmap_xmit");
  }
  auto mapped = WordRing::map(bpf_map__fd(skeleton->maps.answers));
  if (!mapped) return fail(mapped.error().in(kWhat));
  answers = std::move(*mapped);
  return handle_stop_signal();
}

// The program's map of them holds it from now on.
Status XdpTransmitter::State::make_slots(uint32_t number) {
  constexpr const char* kWhat = "cannot make a lane for transmission";
  LIBBPF_OPTS(bpf_map_create_opts, wanted, .map_flags = BPF_F_MMAPABLE);
  const int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "transmit_slots", sizeof(uint32_t),
                                sizeof(transmit_slot), TRANSMIT_SLOTS, &wanted);
  if (fd < 0) return fail_system(kWhat, errno);
  void* const at = mmap(nullptr, kSlotsBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int map_error = errno;
  const int put = bpf_map_update_elem(bpf_map__fd(skeleton->maps.slots_of), &number, &fd, BPF_ANY);
  const int put_error = errno;
  close(fd);
  if (at == MAP_FAILED) return fail_system(kWhat, map_error);
  places[number].slots = static_cast<transmit_slot*>(at);
  if (put != 0) return fail_system(kWhat, put_error);
  return {};
}

// Without, everything works, and begins later: the device may have another transmitter's program.
int XdpTransmitter::State::hang_on_holder() const {
  LIBBPF_OPTS(bpf_link_create_opts, wanted, .flags = XDP_FLAGS_SKB_MODE);
  const int fd = bpf_link_create(bpf_program__fd(skeleton->progs.transmit),
                                 static_cast<int>(options.holder_ifindex), BPF_XDP, &wanted);
  if (fd < 0) log_debug("the transmitting program is not held: {}", std::strerror(errno));
  return fd;
}

void XdpTransmitter::State::run_while_ordered() {
  std::array<uint8_t, TRANSMIT_FIRST_BYTES> frame{};
  const int fd = bpf_program__fd(skeleton->progs.transmit);
  while (order == Order::kRun) {
    // It may have been hurried, and begun again before it was at rest.
    if (!give_way(pthread_self())) {
      log_warning("the transmitting thread may not be of SCHED_IDLE, and competes with the worker");
    }
    std::atomic_ref(control().batches).store(0, std::memory_order_relaxed);
    std::atomic_ref(control().position).store(0, std::memory_order_relaxed);
    const Status ran = run_live_frames(fd, frame, TRANSMIT_BATCH, options.runs_per_call);
    std::atomic_ref(control().running).store(0, std::memory_order_release);
    if (ran) continue;
    log_warning("packets are transmitted by AF_XDP alone: {}", ran.error().message());
    auto running = Order::kRun;
    order.compare_exchange_strong(running, Order::kBroken);
  }
}

void XdpTransmitter::State::work() {
  const ScopedRegion stack = ScopedRegion::this_thread_stack("stack of " + options.thread_name);
  let_stop_signal_in();
  // For when it is hurried: it only has to come out of the kernel, and a usual slice lets the worker run for 3 ms before.
  ask_for_short_slice();
  while (order != Order::kQuit) {
    // Before the order is read: who has withdrawn it and sees the thread at rest knows that it stays so.
    at_rest = false;
    run_while_ordered();
    at_rest = true;
    for (Order seen = order; seen != Order::kRun && seen != Order::kQuit; seen = order) {
      order.wait(seen);
    }
  }
}

XdpTransmitter::XdpTransmitter(std::unique_ptr<State> state) : state_(std::move(state)) {}

XdpTransmitter::~XdpTransmitter() {
  if (!state_->thread.joinable()) return;
  state_->order = State::Order::kQuit;
  state_->order.notify_one();
  signal_until_left(state_->thread, state_->at_rest);
  state_->thread.join();
}

Result<std::unique_ptr<XdpTransmitter>> XdpTransmitter::create(const Options& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  if (Status loaded = state->load(); !loaded) return fail(loaded.error());
  const uint32_t batches = options.runs_per_call / TRANSMIT_BATCH;
  state->control().batches_per_call = batches - std::min(kLastBatches, batches / 2);
  if (options.holder_ifindex != 0) state->holder_fd = state->hang_on_holder();
  std::unique_ptr<XdpTransmitter> transmitter(new XdpTransmitter(std::move(state)));
  State& made = *transmitter->state_;
  made.thread = std::thread([&made] { made.work(); });
  pthread_setname_np(made.thread.native_handle(), options.thread_name.c_str());
  if (options.cpu < 0) return transmitter;
  Status pinned = pin_thread(made.thread, "the transmitting thread", options.cpu);
  if (!pinned) return fail(pinned.error());
  return transmitter;
}

Result<TransmitLane*> XdpTransmitter::add_lane(uint32_t ifindex) {
  State& state = *state_;
  const auto free = std::find_if(state.places.begin(), state.places.end(),
                                 [](const auto& place) { return !place.used && !place.unusable; });
  if (free == state.places.end()) {
    return fail("cannot make a lane for transmission", fmt::format("there are {}", kLanes));
  }
  const auto number = static_cast<uint32_t>(free - state.places.begin());
  if (free->slots == nullptr) {
    if (Status made = state.make_slots(number); !made) return fail(made.error());
  }
  bpf_devmap_val device{};
  device.ifindex = ifindex;
  device.bpf_prog.fd = bpf_program__fd(state.skeleton->progs.leave_or_hold);
  const int devices = bpf_map__fd(state.skeleton->maps.devices);
  if (bpf_map_update_elem(devices, &number, &device, BPF_ANY) != 0) {
    return fail_system("cannot transmit to a device by XDP_REDIRECT", errno);
  }
  transmit_control& control = state.control();
  transmit_lane& shared = control.lane_of[number];
  // The program may look at it all the while: closed as it was left, until it is consistent again.
  free->lane = TransmitLane(shared, free->slots);
  std::atomic_ref(shared.ifindex).store(ifindex);
  free->lane.open();
  free->used = true;
  std::atomic_ref lanes(control.lanes);
  lanes.store(std::max(lanes.load(), number + 1));
  return &free->lane;
}

void XdpTransmitter::remove_lane(TransmitLane* lane) {
  State& state = *state_;
  const auto place = std::find_if(state.places.begin(), state.places.end(),
                                  [&](const auto& one) { return &one.lane == lane; });
  lane->close();
  // Two batches later it has been seen, and nothing is on its way.
  std::atomic_ref batches(state.control().batches);
  const uint32_t before = batches.load();
  const auto seen = [&] { return state.at_rest || batches.load() - before >= 2; };
  for (int i = 0; i < kRemovePolls && !seen(); ++i) std::this_thread::sleep_for(kRemovePoll);
  place->unusable = !seen();
  place->used = false;
  const auto number = static_cast<uint32_t>(place - state.places.begin());
  bpf_map_delete_elem(bpf_map__fd(state.skeleton->maps.devices), &number);
}

void XdpTransmitter::begin() {
  auto resting = State::Order::kRest;
  if (state_->order.compare_exchange_strong(resting, State::Order::kRun))
    state_->order.notify_one();
}

void XdpTransmitter::end() {
  auto running = State::Order::kRun;
  state_->order.compare_exchange_strong(running, State::Order::kRest);
  if (!state_->at_rest) pthread_kill(state_->thread.native_handle(), stop_signal());
}

// Without CAP_SYS_NICE it goes on as it is: later, but it comes.
void XdpTransmitter::hurry() {
  const sched_param none{};
  pthread_setschedparam(state_->thread.native_handle(), SCHED_OTHER, &none);
  state_->hurried = true;
}

bool XdpTransmitter::at_rest() const {
  return state_->order != State::Order::kRun && state_->at_rest;
}

bool XdpTransmitter::running() const {
  return std::atomic_ref(state_->control().running).load(std::memory_order_acquire) != 0;
}

bool XdpTransmitter::wait() {
  State& state = *state_;
  const uint32_t ticket = ++state.ticket;
  std::atomic_ref(state.control().ticket).store(ticket);
  std::atomic_ref answered(state.control().answered);
  uint64_t began_ns = 0;
  // A word may still be there of a ticket whose answer came late.
  while (true) {
    state.answers->wait(kWaitMs);
    ++state.calls;
    if (answered.load(std::memory_order_acquire) == ticket) {
      if (state.hurried) state.hurried = !give_way(state.thread.native_handle());
      return true;
    }
    const uint64_t now_ns = monotonic_ns();
    if (began_ns == 0) began_ns = now_ns;
    if (now_ns - began_ns >= kLongestWaitNs - kWaitMs * kNsPerMs) return false;
  }
}

uint64_t XdpTransmitter::system_calls() const {
  return state_->calls;
}

}  // namespace starocean::xsk
