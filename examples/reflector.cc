// Sends every frame of a device's queue 0 back to its sender, MAC addresses swapped, until interrupted.
// Usage: reflector DEVICE      Build: cmake -S examples -B build/examples && cmake --build build/examples
#include <net/if.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <starocean/net/ethernet.h>
#include <starocean/xsk/frame_pool.h>
#include <starocean/xsk/socket.h>
#include <starocean/xsk/xdp_program.h>

namespace xsk = starocean::xsk;
namespace net = starocean::net;

std::atomic<bool> ended{false};

template <class T>
T must(starocean::Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "reflector: %s\n", result.error().message().c_str());
  std::exit(1);
}

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: reflector DEVICE\n"), 2;
  std::signal(SIGINT, [](int) { ended = true; });
  std::signal(SIGTERM, [](int) { ended = true; });

  const auto umem = must(xsk::Umem::create({.frames = 4096}));
  const auto depot = must(xsk::FrameDepot::create(*umem));
  const auto pool = must(xsk::FramePool::create(*depot));
  const auto socket =
      must(xsk::XskSocket::open(*umem, {.device = argv[1], .queue = 0}, pool.get()));
  auto program =
      must(xsk::XdpProgram::attach({.device = argv[1], .ifindex = if_nametoindex(argv[1])}));
  if (auto set = program.set_socket(0, socket->fd()); !set) {
    return std::fprintf(stderr, "reflector: %s\n", set.error().message().c_str()), 1;
  }
  std::printf("reflecting on %s (%s)\n", argv[1], socket->zero_copy() ? "zero-copy" : "copy mode");
  std::fflush(stdout);

  std::array<xsk::RxBuffer, 64> received;
  while (!ended) {
    pollfd watched{socket->fd(), POLLIN, 0};
    poll(&watched, 1, 100);
    socket->reap(*pool);
    socket->refill(*pool);
    const uint32_t count = socket->receive(received);
    for (uint32_t i = 0; i < count; ++i) {
      xsk::Buffer buffer = std::move(received[i].buffer);
      auto* ethernet = net::mutable_view<net::EthernetHeader>(umem->bytes(buffer));
      if (ethernet != nullptr && socket->can_transmit(1)) {
        std::swap(ethernet->src, ethernet->dst);
        socket->transmit(std::move(buffer));
      } else {
        pool->put(std::move(buffer.frame));
      }
    }
    socket->flush(*pool);
  }
  program.detach();
  socket->close(*pool);
}
