// Creation, ports and publication; bridges are in engine_bridges.cc, running in engine_service.cc.

#include "starocean/dataplane/engine.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "starocean/base/check.h"
#include "starocean/base/log.h"
#include "starocean/dataplane/fill_depth.h"

namespace starocean::dataplane {
namespace {

constexpr uint32_t kMoveRingItems = 4096;
constexpr uint32_t kNeighbourRingItems = 1024;
constexpr uint32_t kGroupRingItems = 4096;

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine(options));
  if (Status built = engine->build(); !built) return fail(built.error());
  return engine;
}

xsk::UmemOptions Engine::packet_memory(const EngineOptions& options) {
  const auto workers = static_cast<uint32_t>(std::max<size_t>(options.cpus.size(), 1));
  xsk::UmemOptions memory = options.memory;
  memory.frames = (memory.frames + xsk::kSlabFrames - 1) / xsk::kSlabFrames * xsk::kSlabFrames;
  memory.array_bytes = xsk::FrameDepot::array_bytes(memory.frames) +
                       (workers + 1) * xsk::FramePool::array_bytes() +
                       HandoffMesh::array_bytes(workers);
  return memory;
}

Engine::~Engine() {
  shut_down();
  if (event_fd_ >= 0) ::close(event_fd_);
}

Status Engine::build() {
  if (options_.cpus.empty()) options_.cpus = {-1};
  SO_CHECK(!options_.block_on_exit || !options_.left_programs_path.empty(),
           "programs that stay have to be noted");
  if (!options_.left_programs_path.empty()) {
    auto left = xsk::LeftPrograms::open(options_.left_programs_path);
    if (!left) return fail(left.error());
    left_ = std::move(*left);
  }
  const auto workers = static_cast<uint32_t>(options_.cpus.size());
  auto umem = xsk::Umem::create(packet_memory(options_));
  if (!umem) return fail(umem.error());
  umem_ = std::move(*umem);
  if (!umem_->note().empty()) log_warning("{}", umem_->note());
  auto depot = xsk::FrameDepot::create(*umem_);
  if (!depot) return fail(depot.error());
  depot_ = std::move(*depot);
  auto mesh = HandoffMesh::create(*umem_, workers);
  if (!mesh) return fail(mesh.error());
  mesh_ = std::move(*mesh);
  control_counters_ = std::make_unique<PortCounters[]>(kMaxPorts);
  mac_moves_ = std::make_unique<MacMoveRing>(kMoveRingItems);
  neighbour_requests_ = std::make_unique<NeighbourRequestRing>(kNeighbourRingItems);
  group_events_ = std::make_unique<GroupEventRing>(kGroupRingItems);
  qsbr_ = std::make_unique<ring::Qsbr>(workers);
  snapshots_ = std::make_unique<ring::SnapshotPublisher<Snapshot>>(*qsbr_);
  snooping_ = std::make_unique<ring::SnapshotPublisher<SnoopingTables>>(*qsbr_);
  for (uint32_t i = 0; i <= workers; ++i) {
    auto pool = xsk::FramePool::create(*depot_);
    if (!pool) return fail(pool.error());
    if (i < workers) {
      pools_.push_back(std::move(*pool));
    } else {
      control_pool_ = std::move(*pool);
    }
  }
  transmitters_.resize(workers);
  fib_ = std::make_unique<table::Fib>(*qsbr_);
  taps_ = std::make_unique<LinuxTaps>(*control_pool_, *mesh_, control_counters_.get());
  if (Status watched = watch(mesh_->control_doorbell().fd()); !watched) return watched;
  for (uint32_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(
        WorkerId(static_cast<uint16_t>(i)), options_.cpus[i], options_.poll,
        SharedState{*mesh_, *qsbr_, *snapshots_, *mac_moves_, *group_events_, *snooping_,
                    *neighbour_requests_},
        *pools_[i]));
  }
  auto punt = xsk::Punt::create();
  if (punt) {
    punt_.emplace(std::move(*punt));
  } else {
    punt_problem_ = punt.error().message();
    log_warning("packets for Linux itself are dropped on bridged interfaces: {}", punt_problem_);
  }
  publish();
  return {};
}

Result<PortId> Engine::add_port(const PortOptions& options) {
  const auto number = port_number(options.name);
  if (!number) return fail(number.error());
  const PortId id = *number;
  SO_CHECK(!ports_.contains(id), "a port was added twice");
  PortState state;
  state.id = id;
  state.options = options;
  ports_.emplace(id, std::move(state));
  return id;
}

Result<PortId> Engine::port_number(const std::string& name) {
  if (names_.size() == kMaxPorts && !names_.contains(name)) {
    return fail(fmt::format("cannot add interface '{}'", name),
                fmt::format("interfaces of {} names have been added since the start", kMaxPorts),
                "restart the daemon");
  }
  return names_.try_emplace(name, PortId(static_cast<uint16_t>(names_.size()))).first->second;
}

void Engine::remove_port(PortId port) {
  const uint32_t ifindex = ports_.at(port).link.ifindex;
  detach(port);
  ports_.erase(port);
  publish();
  release_device(ifindex);
}

// With block_on_exit, detach() has left it blocked. Unless another port has it now, it is Linux's again.
void Engine::release_device(uint32_t ifindex) {
  if (!options_.block_on_exit || ifindex == 0) return;
  for (const auto& [id, state] : ports_) {
    if (state.attached && state.attached->ifindex() == ifindex) return;
  }
  const auto released = left_->take_off(ifindex);
  if (!released) log_warning("{}", released.error().message());
}

void Engine::set_port_options(PortId port, const PortOptions& options) {
  PortState& state = ports_.at(port);
  SO_CHECK(!state.attached && options.name == state.options.name, "only a detached port changes");
  state.options = options;
}

// A device with as many queues as there are workers gives each worker one; with fewer, devices start at
// different workers, so that they spread.
std::vector<WorkerId> Engine::queue_owners(PortId port, uint32_t queues) const {
  const auto workers = static_cast<uint32_t>(workers_.size());
  const uint32_t first = queues < workers ? port.value() : 0;
  std::vector<WorkerId> owners;
  for (uint32_t queue = 0; queue < queues; ++queue) {
    owners.push_back(WorkerId(static_cast<uint16_t>((first + queue) % workers)));
  }
  return owners;
}

Status Engine::attach(PortId port, const LinkState& link, Patience patience) {
  PortState& state = ports_.at(port);
  SO_CHECK(!state.attached, "a port was attached twice");
  const auto queues = queues_to_take(state.options.device, state.options.queues, link.rx_queues);
  if (!queues) return fail(queues.error());
  // Frames of a queue that is not ours would go to Linux behind the switch's back.
  if (*queues < link.rx_queues) {
    log_warning(
        "interface '{}': {} of its {} queues are taken; what arrives on the others goes to "
        "Linux",
        state.options.device, *queues, link.rx_queues);
  }
  PortOptions options = state.options;
  // Nothing, until workers know what to do with it; unless nothing may pass by Linux either.
  options.claim =
      options_.block_on_exit ? xsk::ClaimMode::kWholeInterface : xsk::ClaimMode::kByRule;
  options.outlives_process = options_.block_on_exit;
  options.left = left_.get();
  auto attached = AttachedPort::open(*umem_, *control_pool_, port, options, link,
                                     queue_owners(port, *queues), patience);
  if (!attached) return fail(attached.error());
  state.attached = std::move(*attached);
  state.link = link;
  state.can_punt = false;
  if (punt_) {
    Status added = punt_->add_interface(state.options.device, link.ifindex);
    state.can_punt = added.has_value();
    if (!added) log_warning("{}", added.error().message());
  }
  for (const net::Ipv6Address& address : local_) {
    if (Status told = state.attached->set_local(address, true); !told) {
      log_warning("{}", told.error().message());
    }
  }
  publish();
  steer_ports();
  offer_first_lanes(state);
  return {};
}

void Engine::detach(PortId port) {
  PortState& state = ports_.at(port);
  if (!state.attached) return;
  state.attached->leave();
  std::unique_ptr<AttachedPort> leaving = std::move(state.attached);
  publish();
  // From here on no worker knows these queues.
  punt_from_workers();
  if (punt_) punt_->remove_interface(state.link.ifindex);
  state.attached = std::move(leaving);
  close_port(state);
  flush_port(port);
}

void Engine::close_port(PortState& state) {
  for (const auto& queue : state.attached->queues()) {
    auto& past = past_queues_[{state.id, queue->queue.value()}];
    const QueueCounters::Values last = AttachedPort::counters(*queue);
    for (size_t i = 0; i < last.size(); ++i) past[i] += last[i];
    if (xsk::TransmitLane* lane = queue->offered_lane) {
      transmitters_[queue->owner.index()]->remove_lane(lane);
    }
  }
  const uint64_t unsent = state.attached->close(*control_pool_);
  control_counters_[state.id.index()].add(PortCounter::drop_egress_down, unsent);
  state.attached.reset();
}

Status Engine::update_link(PortId port, const LinkState& link) {
  PortState& state = ports_.at(port);
  if (!state.attached || link == state.link) return {};
  const std::string what = fmt::format("interface '{}' no longer fits", state.options.device);
  if (!state.attached->carries(link.mtu_bytes)) {
    return fail(what, fmt::format("its MTU has become {}", link.mtu_bytes), "it is attached anew");
  }
  // What arrives on a new queue would go to Linux behind the switch's back.
  if (link.rx_queues != state.link.rx_queues) {
    return fail(what,
                fmt::format("it has {} receive queues now, and had {}", link.rx_queues,
                            state.link.rx_queues),
                "it is attached anew");
  }
  const bool went_down = state.link.up && !link.up;
  state.link = link;
  publish();
  steer_ports();
  // Stations behind a dead link may turn up elsewhere.
  if (went_down) flush_port(port);
  return {};
}

Port Engine::compile_port(const PortState& state) const {
  Port port;
  port.id = state.id;
  port.attached = true;
  port.up = state.link.up;
  port.multi_buffer = state.attached->multi_buffer();
  port.finish_checksums = state.attached->finishes_checksums();
  port.can_punt = state.can_punt;
  port.bridge = state.bridge;
  if (state.bridge.valid() && bridges_.at(state.bridge).options.rules != nullptr) {
    port.member = bridges_.at(state.bridge).options.rules->member(state.id);
  }
  port.mtu_bytes = state.link.mtu_bytes;
  port.mac = state.link.mac;
  const auto& queues = state.attached->queues();
  for (const auto& worker : workers_) {
    // One queue of packets, and so one order, for all of the interface.
    if (queues[0]->scheduler) {
      port.tx_queue.push_back(queues[0].get());
      continue;
    }
    // Its own queue, or one of the others', spread over them. A device may have fewer transmit queues
    // than receive queues.
    const size_t usable = std::min<size_t>(queues.size(), std::max(state.link.tx_queues, 1u));
    PortQueue* chosen = queues[worker->id().index() % usable].get();
    for (size_t i = 0; i < usable; ++i) {
      if (queues[i]->owner != worker->id()) continue;
      chosen = queues[i].get();
      break;
    }
    port.tx_queue.push_back(chosen);
  }
  return port;
}

// A port that is not attached has its share too: it must find its frames when its device is back.
uint64_t Engine::frames_needed() const {
  uint64_t needed = workers_.size() * FillDepth::kInHandFrames;
  for (const auto& [id, state] : ports_) {
    const size_t queues = state.attached ? state.attached->queues().size()
                                         : state.options.queues.value_or(state.link.rx_queues);
    needed += queues * FillDepth::frames_needed(state.options.fill_ring, state.options.tx_ring);
  }
  return needed;
}

void Engine::publish() {
  auto next = std::make_unique<Snapshot>();
  next->generation = ++generation_;
  next->ports.resize(names_.size());
  next->worker_queues.resize(workers_.size());
  // A number that has no port any more keeps its counters: what is sent there is dropped by name.
  for (const auto& [name, id] : names_) next->ports[id.index()].id = id;
  for (const auto& [id, state] : ports_) {
    if (!state.attached) continue;
    next->ports[id.index()] = compile_port(state);
    for (const auto& queue : state.attached->queues()) {
      next->worker_queues[queue->owner.index()].push_back(queue.get());
      ++next->all_queues;
    }
  }
  const uint64_t frames = umem_->frames(), needed = frames_needed();
  next->spare_frames = frames > needed ? frames - needed : 0;
  // Ordered by number; a gap is a bridge that is gone, which no port names.
  if (!bridges_.empty()) next->bridges.resize(bridges_.rbegin()->first.index() + 1);
  for (const auto& [id, state] : bridges_) {
    next->bridges[id.index()] = {.id = id,
                                 .aging_ms = state.options.aging_ms,
                                 .macs = state.macs,
                                 .members = state.options.members,
                                 .rules = state.options.rules};
  }
  compile_routing(*next);
  snapshots_->publish(std::move(next));
  // Sleepers need not be waited for, but they should not forward by the old state when they wake.
  for (const auto& worker : workers_) mesh_->doorbell(worker->id()).ring();
  const uint64_t ticket = qsbr_->start();
  qsbr_->wait(ticket);
  snapshots_->collect();
}

}  // namespace starocean::dataplane
