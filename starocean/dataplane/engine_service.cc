// What the engine does while it runs, at its end, and what can be read of it.

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "starocean/base/log.h"
#include "starocean/dataplane/engine.h"

namespace starocean::dataplane {
namespace {

using std::chrono::milliseconds;

constexpr size_t kPuntBatch = 256;
constexpr milliseconds kDrainPoll{5};
constexpr int kDrainPolls = 200;
constexpr uint64_t kLongestSweepPauseMs = 60'000;
constexpr uint64_t kExpiryPauseMs = 500;

}  // namespace

Status Engine::start_workers() {
  for (const auto& worker : workers_) {
    if (Status started = worker->start(); !started) return started;
  }
  return {};
}

void Engine::service(uint64_t now_ms) {
  punt_from_workers();
  for (const auto& worker : workers_) {
    if (worker->takes_wish_for_lanes()) offer_lanes(*worker);
  }
  taps_->read();
  pass_on_neighbour_requests();
  fib_->collect();
  watch_moves(now_ms);
  watch_groups(now_ms);
  age_macs(now_ms);
}

// Bounded by what the rings hold, so that a flood of such packets cannot keep this thread, and with it the
// API, from everything else.
void Engine::punt_from_workers() {
  ring::Doorbell& doorbell = mesh_->control_doorbell();
  doorbell.drain();
  for (const auto& worker : workers_) {
    HandoffRing& ring = mesh_->to_control(worker->id());
    std::array<HandoffItem, kPuntBatch + kMaxBuffers> items;
    size_t count = 0;
    for (size_t done = 0; done < HandoffMesh::kRingItems; done += count) {
      count = ring.pop({items.data(), kPuntBatch});
      if (count == 0) break;
      // The rest of the last packet is there too: packets are pushed whole.
      while (items[count - 1].more && ring.pop(items[count])) ++count;
      punt_batch({items.data(), count});
    }
  }
  // The loop that calls us sleeps on the doorbell between two calls.
  doorbell.announce_sleep();
  if (mesh_->frames_to_control() != 0) doorbell.ring();
}

void Engine::punt_batch(std::span<HandoffItem> items) {
  punting_ += items.size();
  for (size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    const PortId port = items[begin].port;
    std::array<iovec, kPuntBatch + kMaxBuffers> pieces;
    std::array<xsk::PuntFrame, kPuntBatch + kMaxBuffers> frames;
    size_t count = 0;
    const auto found = ports_.find(port);
    const bool attached = found != ports_.end() && found->second.attached;
    while (end < items.size() && items[end].stage == Stage::kDeliver) ++end;
    if (end != begin) {
      deliver(items.subspan(begin, end - begin));
      continue;
    }
    while (end < items.size() && items[end].port == port && items[end].stage == Stage::kPunt) {
      const size_t first = end;
      do {
        pieces[end] = {umem_->frame_data(items[end].frame) + items[end].offset_bytes,
                       items[end].len_bytes};
      } while (items[end++].more && end < items.size());
      frames[count++] = {.ifindex = attached ? found->second.link.ifindex : 0,
                         .pieces = {pieces.data() + first, end - first}};
    }
    const size_t taken = punt_ && attached ? punt_->inject({frames.data(), count}) : 0;
    control_counters_[port.index()].add(PortCounter::punted, taken);
    control_counters_[port.index()].add(PortCounter::drop_punt_refused, count - taken);
  }
  for (const HandoffItem& item : items) control_pool_->put(xsk::Frame::adopt(item.frame));
  punting_ -= items.size();
}

void Engine::watch_moves(uint64_t now_ms) {
  std::array<MacMove, 256> moves;
  // Bounded: in a storm the ring fills as fast as it is emptied.
  for (size_t budget = mac_moves_->capacity(); budget > 0;) {
    const size_t count = mac_moves_->pop(moves);
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i) {
      if (!loop_detector_.observe(moves[i], now_ms) || !on_loop) continue;
      for (const LoopDetector::Loop& loop : loop_detector_.loops()) {
        if (loop.mac == moves[i].mac && loop.bridge == moves[i].bridge) on_loop(loop);
      }
    }
    budget -= std::min(budget, count);
  }
  loop_detector_.expire(now_ms);
}

// Tables are made anew when something has changed, once for all that was heard meanwhile.
void Engine::watch_groups(uint64_t now_ms) {
  std::array<GroupEvent, 256> events;
  for (size_t budget = group_events_->capacity(); budget > 0;) {
    const size_t count = group_events_->pop(events);
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i) {
      // It may be of a configuration that is gone.
      const auto bridge = bridges_.find(events[i].bridge);
      const BridgeRules* rules =
          bridge == bridges_.end() ? nullptr : bridge->second.options.rules.get();
      const bool is_known = rules != nullptr && rules->multicast_snooping &&
                            (!events[i].port.valid() || rules->member(events[i].port) != nullptr);
      if (is_known) snooping_state_.observe(events[i], now_ms);
    }
    budget -= std::min(budget, count);
  }
  if (now_ms >= next_expiry_ms_) {
    snooping_state_.expire(now_ms);
    next_expiry_ms_ = now_ms + kExpiryPauseMs;
  }
  if (snooping_state_.changed()) snooping_->publish(snooping_state_.make_tables());
  snooping_->collect();
}

// Those of the old configuration name ports and bridges that may be gone; a loop that is still there shows
// again at once.
void Engine::forget_moves() {
  std::array<MacMove, 256> moves;
  for (size_t budget = mac_moves_->capacity(); budget > 0;) {
    const size_t count = mac_moves_->pop(moves);
    if (count == 0) break;
    budget -= std::min(budget, count);
  }
  loop_detector_ = {};
}

// Look-ups never find what has expired; sweeping makes room and keeps lists short. A table is swept four
// times per aging time, at least once a minute, in one go: a thousand entries take microseconds.
void Engine::age_macs(uint64_t now_ms) {
  if (now_ms < next_aging_ms_) return;
  uint64_t pause_ms = kLongestSweepPauseMs;
  for (const auto& [id, bridge] : bridges_) {
    const uint32_t aging_ms = bridge.options.aging_ms;
    table::MacTable& table = bridge.macs->table();
    table.age(static_cast<uint32_t>(now_ms), aging_ms, 0, table.bucket_count());
    pause_ms = std::min<uint64_t>(pause_ms, aging_ms / 4);
  }
  next_aging_ms_ = now_ms + pause_ms;
}

uint64_t Engine::packets_moved() const {
  uint64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->counters().get(WorkerCounter::packets);
  return sum;
}

Status Engine::release_left() {
  if (!left_) return {};
  std::vector<uint32_t> ours;
  for (const auto& [id, state] : ports_) {
    if (state.attached) ours.push_back(state.attached->ifindex());
  }
  const auto released = left_->take_off_others(ours);
  if (!released) return fail(released.error());
  if (*released != 0) {
    log_info("{} devices that were left blocked are Linux's again", *released);
  }
  return {};
}

void Engine::drain() {
  for (auto& [id, state] : ports_) {
    if (state.attached) state.attached->leave();
  }
  uint64_t moved = packets_moved();
  for (int i = 0, quiet = 0; i < kDrainPolls && quiet < 3; ++i) {
    std::this_thread::sleep_for(kDrainPoll);
    punt_from_workers();
    const uint64_t now = packets_moved();
    quiet = now == moved && census().in_flight == 0 ? quiet + 1 : 0;
    moved = now;
  }
}

// A worker that ends empties its rings, but one that ends later may have filled them again. All have ended:
// the rings have no other consumer.
void Engine::drop_handoffs() {
  const auto empty = [this](HandoffRing& ring) {
    HandoffItem item;
    while (ring.pop(item)) {
      control_pool_->put(xsk::Frame::adopt(item.frame));
      if (item.more) continue;
      control_counters_[item.port.index()].add(PortCounter::drop_egress_down);
    }
  };
  for (const auto& to : workers_) {
    empty(mesh_->from_control(to->id()));
    for (const auto& from : workers_) {
      if (from != to) empty(mesh_->between(from->id(), to->id()));
    }
  }
}

void Engine::shut_down() {
  for (const auto& worker : workers_) worker->stop();
  if (mesh_) {
    drop_handoffs();
    punt_from_workers();
  }
  for (auto& [id, state] : ports_) {
    if (!state.attached) continue;
    state.attached->leave();
    close_port(state);
  }
}

std::vector<Engine::PortView> Engine::ports() const {
  std::vector<PortView> views;
  for (const auto& [id, state] : ports_) {
    views.push_back(
        {id, state.options, state.attached.get(), state.link, state.bridge, port_counters(id)});
  }
  return views;
}

PortCounters::Values Engine::port_counters(PortId port) const {
  PortCounters::Values values{};
  for (const auto& worker : workers_) worker->port_counters(port).add_to(values);
  control_counters_[port.index()].add_to(values);
  return values;
}

std::string Engine::port_name(PortId port) const {
  const auto found = ports_.find(port);
  return found == ports_.end() ? std::string() : found->second.options.name;
}

std::vector<Engine::TapView> Engine::taps() const {
  std::vector<TapView> views;
  for (const auto& [name, account] : tap_accounts_) views.push_back({name, port_counters(account)});
  return views;
}

PortCounters::Values Engine::removed_counters() const {
  PortCounters::Values sum{};
  for (const auto& [name, id] : names_) {
    if (ports_.contains(id) || tap_accounts_.contains(name)) continue;
    const PortCounters::Values values = port_counters(id);
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
  }
  return sum;
}

QueueCounters::Values Engine::queue_counters(const PortQueue& queue) const {
  QueueCounters::Values values = AttachedPort::counters(queue);
  const auto found = past_queues_.find({queue.port, queue.queue.value()});
  if (found != past_queues_.end()) {
    for (size_t i = 0; i < values.size(); ++i) values[i] += found->second[i];
  }
  return values;
}

FrameCensus Engine::census() const {
  FrameCensus census;
  census.total = umem_->frames();
  census.depot = depot_->frames();
  census.pools = control_pool_->frames();
  for (const auto& pool : pools_) census.pools += pool->frames();
  for (const auto& [id, state] : ports_) {
    if (!state.attached) continue;
    for (const auto& queue : state.attached->queues()) {
      census.in_rx += queue->socket->frames_in_receive();
      census.in_tx += queue->socket->frames_in_transmit();
      if (queue->scheduler) census.in_flight += queue->scheduler->frames();
    }
  }
  for (const auto& worker : workers_) {
    census.in_flight += mesh_->frames_to(worker->id()) + worker->frames_waiting();
  }
  census.punting = punting_ + mesh_->frames_to_control();
  return census;
}

}  // namespace starocean::dataplane
