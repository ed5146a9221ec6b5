// Lanes for workers under load (egress_lanes.h).

#include <net/if.h>

#include <algorithm>

#include <fmt/format.h>

#include "starocean/base/log.h"
#include "starocean/dataplane/engine.h"
#include "starocean/xsk/netdev_family.h"

namespace starocean::dataplane {
namespace {

constexpr size_t kFirstPorts = 16;

// Whether the driver takes frames redirected from elsewhere; of a veth that changes with its other end.
bool takes_redirected(uint32_t ifindex) {
  const auto report = xsk::xdp_report(ifindex);
  return report && *report && (*report)->has(xsk::kXdpActTransmit);
}

}  // namespace

// At once, since load may come before this thread gets a CPU to answer a worker's wish; not for any number of ports, since
// each lane is 2 MB.
void Engine::offer_first_lanes(PortState& state) {
  if (!redirect_problem_.empty() || ports_.size() > kFirstPorts) return;
  for (const auto& worker : workers_) offer_lanes(*worker, state);
}

void Engine::offer_lanes(Worker& worker) {
  if (!redirect_problem_.empty()) return;
  for (auto& [id, state] : ports_) {
    if (state.attached) offer_lanes(worker, state);
  }
}

void Engine::offer_lanes(Worker& worker, PortState& state) {
  const AttachedPort& port = *state.attached;
  if (!state.options.may_redirect || port.generic() || port.multi_buffer() || state.options.egress)
    return;
  const auto lacks_lane = [&](const auto& queue) {
    return queue->owner == worker.id() && !queue->socket->zero_copy() &&
           queue->offered_lane == nullptr;
  };
  // Linux is asked once for all queues, and not where none is to get one.
  if (std::ranges::none_of(port.queues(), lacks_lane) || !takes_redirected(port.ifindex())) return;
  for (const auto& queue : port.queues()) {
    if (!lacks_lane(queue)) continue;
    xsk::XdpTransmitter* const transmitter = transmitter_for(worker);
    if (transmitter == nullptr) return;
    const auto lane = transmitter->add_lane(port.ifindex());
    if (!lane) {
      log_warning("interface '{}' transmits by AF_XDP alone: {}", state.options.name,
                  lane.error().message());
      return;
    }
    queue->offered_lane = *lane;
  }
}

// The helper's near end is a device at which nothing arrives. It holds one program, the first worker's as a rule.
xsk::XdpTransmitter* Engine::transmitter_for(Worker& worker) {
  auto& transmitter = transmitters_[worker.id().index()];
  if (transmitter) return transmitter.get();
  auto made = xsk::XdpTransmitter::create(
      {.cpu = worker.cpu(),
       .thread_name = fmt::format("transmit-{}", worker.id().value()),
       .holder_ifindex = punt_ ? if_nametoindex(punt_->helper_device().c_str()) : 0});
  if (!made) {
    redirect_problem_ = made.error().message();
    log_warning("under load packets are transmitted by AF_XDP alone: {}", redirect_problem_);
    return nullptr;
  }
  transmitter = std::move(*made);
  worker.set_transmitter(transmitter.get());
  return transmitter.get();
}

}  // namespace starocean::dataplane
