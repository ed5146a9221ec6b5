#include "starocean/xsk/xdp_transmitter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "bpf/transmit.h"
#include "bpf/transmit.skel.h"
#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/base/log.h"
#include "starocean/xsk/live_frames.h"
#include "starocean/xsk/steering_attach.h"
#include "starocean/xsk/steering_log.h"

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
struct FreeRing {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

int take_word(void*, void*, size_t) {
  return 0;
}

// It gives way to everything on its CPU, at once, whatever it has used before. Where it may not, it competes.
void give_way() {
  const sched_param none{};
  if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0) {
    log_warning("the transmitting thread may not be of SCHED_IDLE, and competes with the worker");
  }
}

}  // namespace

struct XdpTransmitter::State {
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
  void run();

  Options options;
  std::unique_ptr<transmit_bpf, DestroySkeleton> skeleton;
  std::unique_ptr<ring_buffer, FreeRing> answers;
  std::array<Place, kLanes> places;
  std::thread thread;
  std::atomic<bool> stopping = false;
  std::atomic<bool> left_kernel = true;
  uint32_t ticket = 0;
  std::atomic<uint64_t> calls = 0;
};

XdpTransmitter::State::~State() {
  for (const Place& place : places) {
    if (place.slots != nullptr) munmap(place.slots, kSlotsBytes);
  }
}

Status XdpTransmitter::State::load() {
  constexpr const char* kWhat = "cannot load the program that transmits";
  steering::route_libbpf_messages();
  skeleton.reset(transmit_bpf__open_and_load());
  if (!skeleton) return fail_system(kWhat, errno, steering::kPrivileges);
  if (const int error = transmit_bpf__attach(skeleton.get()); error != 0) {
    return fail_system(kWhat, -error, "it needs the tracepoint xdp_devmap_xmit");
  }
  const int fd = bpf_map__fd(skeleton->maps.answers);
  answers.reset(ring_buffer__new(fd, take_word, nullptr, nullptr));
  if (!answers) return fail_system(kWhat, errno);
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

void XdpTransmitter::State::run() {
  let_stop_signal_in();
  give_way();
  std::array<uint8_t, TRANSMIT_FIRST_BYTES> frame{};
  const int fd = bpf_program__fd(skeleton->progs.transmit);
  while (!stopping) {
    std::atomic_ref(control().batches).store(0, std::memory_order_relaxed);
    std::atomic_ref(control().position).store(0, std::memory_order_relaxed);
    const Status ran = run_live_frames(fd, frame, TRANSMIT_BATCH, options.runs_per_call);
    std::atomic_ref(control().running).store(0, std::memory_order_release);
    if (!ran) {
      log_warning("packets are transmitted by AF_XDP alone: {}", ran.error().message());
      break;
    }
  }
  left_kernel = true;
}

XdpTransmitter::XdpTransmitter(std::unique_ptr<State> state) : state_(std::move(state)) {}

XdpTransmitter::~XdpTransmitter() {
  stop();
}

Result<std::unique_ptr<XdpTransmitter>> XdpTransmitter::create(const Options& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  if (Status loaded = state->load(); !loaded) return fail(loaded.error());
  const uint32_t batches = options.runs_per_call / TRANSMIT_BATCH;
  state->control().batches_per_call = batches - std::min(kLastBatches, batches / 2);
  return std::unique_ptr<XdpTransmitter>(new XdpTransmitter(std::move(state)));
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
  const int devices = bpf_map__fd(state.skeleton->maps.devices);
  if (bpf_map_update_elem(devices, &number, &ifindex, BPF_ANY) != 0) {
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
  for (int i = 0; i < kRemovePolls && !state.left_kernel && batches.load() - before < 2; ++i) {
    std::this_thread::sleep_for(kRemovePoll);
  }
  place->unusable = !state.left_kernel && batches.load() - before < 2;
  place->used = false;
  const auto number = static_cast<uint32_t>(place - state.places.begin());
  bpf_map_delete_elem(bpf_map__fd(state.skeleton->maps.devices), &number);
}

Status XdpTransmitter::start() {
  State& state = *state_;
  if (state.thread.joinable()) return {};
  state.stopping = false;
  state.left_kernel = false;
  state.thread = std::thread([&state] { state.run(); });
  pthread_setname_np(state.thread.native_handle(), state.options.thread_name.c_str());
  if (state.options.cpu < 0) return {};
  Status pinned = pin_thread(state.thread, "the transmitting thread", state.options.cpu);
  if (!pinned) stop();
  return pinned;
}

void XdpTransmitter::stop() {
  State& state = *state_;
  if (!state.thread.joinable()) return;
  state.stopping = true;
  signal_until_left(state.thread, state.left_kernel);
  state.thread.join();
}

bool XdpTransmitter::started() const {
  return state_->thread.joinable();
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
    ring_buffer__poll(state.answers.get(), kWaitMs);
    state.calls.fetch_add(1, std::memory_order_relaxed);
    if (answered.load(std::memory_order_acquire) == ticket) return true;
    const uint64_t now_ns = monotonic_ns();
    if (began_ns == 0) began_ns = now_ns;
    if (now_ns - began_ns >= kLongestWaitNs - kWaitMs * kNsPerMs) return false;
  }
}

uint64_t XdpTransmitter::system_calls() const {
  return state_->calls.load(std::memory_order_relaxed);
}

}  // namespace starocean::xsk
