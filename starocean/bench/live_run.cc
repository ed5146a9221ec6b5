#include "starocean/bench/live_run.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "bpf/generate.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/xsk/live_frames.h"
#include "starocean/xsk/word_ring.h"

namespace starocean::bench {
namespace {

// A thread under SCHED_FIFO or SCHED_RR is not displaced by others of its priority, and threads inherit it: the
// watcher, above the generating thread, can end it even on one CPU. Without the right to do so nothing changes.
void rise_above_generator() {
  int policy = 0;
  sched_param priority{};
  if (pthread_getschedparam(pthread_self(), &policy, &priority) != 0) return;
  if (policy != SCHED_FIFO && policy != SCHED_RR) return;
  priority.sched_priority = std::min(priority.sched_priority + 1, sched_get_priority_max(policy));
  pthread_setschedparam(pthread_self(), policy, &priority);
}

}  // namespace

struct LiveRun::State {
  ~State() {
    for (const int fd : {home_fd, wake_fd}) {
      if (fd >= 0) close(fd);
    }
  }

  Options options;
  std::optional<xsk::WordRing> ended;
  int home_fd = -1;  // network namespace
  int wake_fd = -1;  // readable: end
  uint32_t batch = 0;
  volatile generate_control* control = nullptr;
  std::thread watcher;
  std::atomic<bool> left_kernel = true;
  std::atomic<uint64_t> pauses = 0;

  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;  // under mutex, as is outcome
  Status outcome;

  Status prepare_thread() const;
  Status call_kernel() const;
  void generate();
  void watch();
  void wake() const;
};

void LiveRun::State::wake() const {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable.
  [[maybe_unused]] const ssize_t written = write(wake_fd, &one, sizeof(one));
}

Status LiveRun::State::prepare_thread() const {
  xsk::let_stop_signal_in();
  pthread_setname_np(pthread_self(), "generate");
  struct stat here {};
  struct stat home {};
  const bool at_home = stat("/proc/thread-self/ns/net", &here) == 0 && fstat(home_fd, &home) == 0 &&
                       here.st_ino == home.st_ino && here.st_dev == home.st_dev;
  if (!at_home && setns(home_fd, CLONE_NEWNET) != 0) {
    return fail_system("cannot enter the network namespace of the device", errno,
                       "this takes CAP_SYS_ADMIN");
  }
  if (options.cpu < 0) return {};
  return pin_this_thread("the generating thread", options.cpu);
}

// Returns when the kernel's rounds are up, or a signal came.
Status LiveRun::State::call_kernel() const {
  std::vector<uint8_t> frame(options.frame_bytes);
  return xsk::run_live_frames(options.program_fd, frame, batch, UINT32_MAX - UINT32_MAX % batch);
}

void LiveRun::State::generate() {
  Status status = prepare_thread();
  for (uint64_t calls = 0; status && control->stop == 0; ++calls) {
    if (calls > 0) {
      ++pauses;
      control->resume = 1;
    }
    status = call_kernel();
  }
  {
    const std::lock_guard lock(mutex);
    outcome = std::move(status);
  }
  left_kernel = true;
  wake();
}

void LiveRun::State::watch() {
  std::thread generating([this] { generate(); });
  rise_above_generator();
  pollfd watched[] = {{.fd = wake_fd, .events = POLLIN, .revents = 0},
                      {.fd = ended->fd(), .events = POLLIN, .revents = 0}};
  while (poll(watched, std::size(watched), -1) < 0 && errno == EINTR) {
  }
  control->stop = 1;
  xsk::signal_until_left(generating, left_kernel);
  generating.join();
  const std::lock_guard lock(mutex);
  running = false;
  changed.notify_all();
}

LiveRun::LiveRun(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveRun::LiveRun(LiveRun&&) noexcept = default;
LiveRun& LiveRun::operator=(LiveRun&& other) noexcept {
  if (state_ != nullptr) stop();
  state_ = std::move(other.state_);
  return *this;
}
LiveRun::~LiveRun() {
  if (state_ != nullptr) stop();
}

Result<LiveRun> LiveRun::create(const Options& options) {
  constexpr const char* kWhat = "cannot prepare a run of the generator";
  auto state = std::make_unique<State>();
  state->options = options;
  auto ended = xsk::WordRing::map(options.ended_map_fd);
  if (!ended) return fail(ended.error().in(kWhat));
  state->ended = std::move(*ended);
  state->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  state->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->home_fd < 0 || state->wake_fd < 0) return fail_system(kWhat, errno);
  if (Status handler = xsk::handle_stop_signal(); !handler) return fail(handler.error());
  return LiveRun(std::move(state));
}

Status LiveRun::start(uint32_t batch, volatile generate_control& control) {
  uint64_t drained = 0;
  while (read(state_->wake_fd, &drained, sizeof(drained)) > 0) {
  }
  state_->ended->drain();
  state_->batch = batch;
  state_->control = &control;
  state_->left_kernel = false;
  state_->pauses = 0;
  state_->outcome = {};
  state_->running = true;
  state_->watcher = std::thread([state = state_.get()] { state->watch(); });
  return {};
}

bool LiveRun::running() const {
  const std::lock_guard lock(state_->mutex);
  return state_->running;
}

bool LiveRun::wait(uint64_t timeout_ms) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                  [this] { return !state_->running; });
}

void LiveRun::stop() {
  if (!state_->watcher.joinable()) return;
  state_->wake();
  state_->watcher.join();
}

Status LiveRun::outcome() const {
  const std::lock_guard lock(state_->mutex);
  return state_->outcome;
}

uint64_t LiveRun::pauses() const {
  return state_->pauses;
}

}  // namespace starocean::bench
