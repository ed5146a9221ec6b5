#include "starocean/bench/xsk_generator.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/clock.h"
#include "starocean/base/cpu.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/bench/egress_device.h"
#include "starocean/bench/xsk_transmitter.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kBatch = 64;
// Longer than a sleeping thread takes to wake up, on most machines and most of the time.
constexpr uint64_t kSpin_ns = 150 * kNsPerUs;
constexpr uint64_t kLongestSleep_ns = 10 * kNsPerMs;  // how soon a run that waits sees stop()
constexpr uint32_t kStreams = 16;

// One writer; readers see about now.
class Count {
 public:
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(uint64_t amount) { set(get() + amount); }
  void raise_to(uint64_t value) { set(std::max(get(), value)); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

void sleep_until_nearly(uint64_t due_ns, uint64_t now_ns) {
  if (due_ns - now_ns <= kSpin_ns) return cpu_relax();
  std::this_thread::sleep_for(
      std::chrono::nanoseconds(std::min(due_ns - now_ns - kSpin_ns, kLongestSleep_ns)));
}

Status prepare_thread(int cpu) {
  pthread_setname_np(pthread_self(), "generate");
  prctl(PR_SET_TIMERSLACK, 1UL);  // ns; 50 us otherwise
  if (cpu < 0) return {};
  return pin_this_thread("the generating thread", cpu);
}

}  // namespace

struct XskGenerator::State {
  Options options;
  std::unique_ptr<XskTransmitter> transmitter;
  Load load;
  std::thread thread;
  std::atomic<bool> told_to_stop = false;
  Count generated, generated_bytes, first_ns, last_ns, max_late_ns;
  uint64_t taken_before = 0;  // of the transmitter's counts, what belongs to earlier runs
  uint64_t dropped_before = 0;

  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;  // under mutex, as is outcome
  Status outcome;

  void run();
  Status send();
  template <class Source>
  Status send_all(Source& source);
  template <class Source>
  void send_due(Source& source);
};

// Frames that are due, up to a batch.
template <class Source>
void XskGenerator::State::send_due(Source& source) {
  for (uint32_t i = 0; i < kBatch; ++i) {
    const uint64_t now_ns = monotonic_ns();
    if (source.schedule().over(now_ns) || source.schedule().due_ns() > now_ns) break;
    const uint32_t bytes = source.bytes();
    if (!transmitter->can_send(bytes)) break;
    const uint64_t due_ns = source.write(now_ns, transmitter->begin(bytes));
    transmitter->commit(bytes);
    generated.add(1);
    generated_bytes.add(bytes);
    last_ns.set(now_ns);
    max_late_ns.raise_to(now_ns - due_ns);
  }
}

template <class Source>
Status XskGenerator::State::send_all(Source& source) {
  first_ns.set(source.schedule().start_ns());
  bool all_taken = true;
  while (!told_to_stop.load(std::memory_order_relaxed)) {
    const uint64_t now_ns = monotonic_ns();
    if (source.schedule().over(now_ns)) break;
    const uint64_t due_ns = source.schedule().due_ns();
    if (due_ns > now_ns && all_taken) {
      sleep_until_nearly(due_ns, now_ns);
      continue;
    }
    send_due(source);
    all_taken = transmitter->flush();
    if (transmitter->broken()) break;
  }
  transmitter->drain();
  if (!transmitter->broken()) return {};
  return fail(fmt::format("the run broke off: '{}' sends no more", options.device),
              "the kernel refuses it, as of a device that is down or gone",
              fmt::format("see `ip link show dev {}`", options.device), ENETDOWN);
}

Status XskGenerator::State::send() {
  if (Status prepared = prepare_thread(options.cpu); !prepared) return prepared;
  if (options.capture != nullptr) {
    CaptureSource source(*options.capture, options.replay, load);
    return send_all(source);
  }
  ProbeSource source(options.traffic, load);
  return send_all(source);
}

void XskGenerator::State::run() {
  Status ended = send();
  const std::lock_guard lock(mutex);
  outcome = std::move(ended);
  running = false;
  changed.notify_all();
}

XskGenerator::XskGenerator(std::unique_ptr<State> state) : state_(std::move(state)) {}
XskGenerator::XskGenerator(XskGenerator&&) noexcept = default;
XskGenerator& XskGenerator::operator=(XskGenerator&& other) noexcept {
  if (state_ != nullptr) stop();
  state_ = std::move(other.state_);
  return *this;
}
XskGenerator::~XskGenerator() {
  if (state_ != nullptr) stop();
}

Result<XskGenerator> XskGenerator::create(const Options& options) {
  uint32_t longest = options.traffic.longest_frame_bytes();
  if (options.capture != nullptr) {
    longest = options.capture->longest_bytes() + kFcsBytes;
  } else if (Status good = check(options.traffic); !good) {
    return fail(good.error());
  }
  const auto link = find_egress(options.device, longest);
  if (!link) return fail(link.error());
  auto transmitter = XskTransmitter::open({.device = options.device,
                                           .ifindex = link->ifindex,
                                           .queue = options.queue,
                                           .longest_bytes = longest - kFcsBytes,
                                           .zero_copy = options.zero_copy});
  if (!transmitter) return fail(transmitter.error());
  auto state = std::make_unique<State>();
  state->options = options;
  state->transmitter = std::move(*transmitter);
  return XskGenerator(std::move(state));
}

Status XskGenerator::start(const Load& load) {
  if (running()) return fail("cannot start to send", "a run is going on", "stop it first", EBUSY);
  if (load.stream >= kStreams) {
    return fail("cannot start to send", fmt::format("there is no stream {}", load.stream),
                "use 0 to 15", EINVAL);
  }
  stop();
  State& state = *state_;
  if (!state.transmitter->empty()) {
    return fail("cannot start to send",
                "the device has not taken the last frames of the run before",
                "make a new generator when it works again", EBUSY);
  }
  state.load = load;
  state.told_to_stop = false;
  for (Count* count : {&state.generated, &state.generated_bytes, &state.first_ns, &state.last_ns,
                       &state.max_late_ns}) {
    count->set(0);
  }
  state.taken_before = state.transmitter->taken();
  state.dropped_before = state.transmitter->dropped();
  state.outcome = {};
  state.running = true;
  state.thread = std::thread([&state] { state.run(); });
  return {};
}

bool XskGenerator::running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->running;
}

bool XskGenerator::wait(uint64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                  [this] { return !state_->running; });
}

void XskGenerator::stop() {
  if (!state_->thread.joinable()) return;
  state_->told_to_stop = true;
  state_->thread.join();
}

Status XskGenerator::outcome() const {
  const std::lock_guard lock(state_->mutex);
  return state_->outcome;
}

bool XskGenerator::zero_copy() const {
  return state_->transmitter->zero_copy();
}
bool XskGenerator::multi_buffer() const {
  return state_->transmitter->multi_buffer();
}
const std::string& XskGenerator::note() const {
  return state_->transmitter->note();
}

SendReport XskGenerator::read() const {
  const State& state = *state_;
  SendReport report;
  // In this order a run in progress has never sent more than it has generated.
  const uint64_t dropped = state.transmitter->dropped() - state.dropped_before;
  const uint64_t taken = state.transmitter->taken() - state.taken_before;
  report.generated = state.generated.get();
  report.generated_bytes = state.generated_bytes.get();
  report.sent = taken > dropped ? taken - dropped : 0;
  report.dropped = running() ? dropped : report.generated - report.sent;
  report.first_ns = report.generated != 0 ? state.first_ns.get() : 0;
  report.last_ns = state.last_ns.get();
  report.max_late_ns = state.max_late_ns.get();
  return report;
}

}  // namespace starocean::bench
