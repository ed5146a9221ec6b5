#include "starocean/bench/rx_thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "bpf/rx_path.h"
#include "starocean/base/clock.h"
#include "starocean/base/cpu_affinity.h"
#include "starocean/net/ethernet.h"
#include "starocean/net/ip_header.h"
#include "starocean/net/transport.h"

namespace starocean::bench {
namespace {

constexpr int kProgramFifo = 10;

}  // namespace

bool is_ladder_frame(std::span<const std::byte> frame) {
  constexpr uint8_t kIpv4WithoutOptions = 0x45;
  constexpr size_t kIpAt = sizeof(net::EthernetHeader);
  const auto* const ethernet = net::view<net::EthernetHeader>(frame);
  const auto* const ip = net::view<net::Ipv4Header>(frame, kIpAt);
  const auto* const udp = net::view<net::UdpHeader>(frame, kIpAt + sizeof(net::Ipv4Header));
  return udp != nullptr && ethernet->ethertype.host() == net::kEtherTypeIpv4 &&
         ip->version_ihl == kIpv4WithoutOptions && ip->protocol == net::kProtoUdp &&
         udp->dst_port.host() == RX_PATH_PORT;
}

int program_fifo(RxPriority priority) {
  return priority == RxPriority::kFair ? 0 : kProgramFifo;
}

int receive_fifo(RxPriority priority) {
  return priority == RxPriority::kFair ? 0 : kProgramFifo - 1;
}

Status set_fifo(pid_t thread, int fifo) {
  const sched_param param{.sched_priority = fifo};
  if (fifo == 0 || sched_setscheduler(thread, SCHED_FIFO, &param) == 0) return {};
  return fail_system("cannot give a thread real-time priority", errno, "this takes CAP_SYS_NICE");
}

Result<std::unique_ptr<RxThread>> RxThread::start(int cpu, RxPriority priority, Body body) {
  std::unique_ptr<RxThread> made(new RxThread);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  made->thread_ = std::thread([own = made.get(), run = std::move(body), cpu, priority] {
    pthread_setname_np(pthread_self(), "rx-path");
    // The machine has been checked: the CPU is there. Before the first packet, which comes later.
    [[maybe_unused]] const Status pinned = pin_this_thread("the receiver", cpu);
    // Where this is refused, so it is for the NAPI thread, which is told.
    [[maybe_unused]] const Status first = set_fifo(0, program_fifo(priority));
    run(own->ended_, own->handled_);
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made;
}

RxThread::~RxThread() {
  ended_.store(true, std::memory_order_relaxed);
  thread_.join();
}

uint64_t RxThread::time_ns() const {
  clockid_t clock = 0;
  timespec time{};
  const pthread_t handle = const_cast<std::thread&>(thread_).native_handle();
  if (pthread_getcpuclockid(handle, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

void BusyRest::found(bool anything) {
  constexpr uint64_t kPatienceNs = kNsPerMs;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 100'000};
  const uint64_t now_ns = monotonic_ns();
  if (anything || idle_since_ns_ == 0) {
    idle_since_ns_ = now_ns;
  } else if (now_ns - idle_since_ns_ > kPatienceNs) {
    nanosleep(&kPause, nullptr);
    idle_since_ns_ = monotonic_ns();
  }
}

}  // namespace starocean::bench
