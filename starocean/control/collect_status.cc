#include "starocean/control/collect_status.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/control/memory_map.h"
#include "starocean/control/version.h"

namespace starocean::control {
namespace {

using dataplane::Engine;

std::map<PortId, std::string> port_names(const Engine& engine) {
  std::map<PortId, std::string> names;
  for (const auto& view : engine.ports()) names[view.id] = view.options.name;
  return names;
}

FrameStatus frame_status(const Engine& engine) {
  const dataplane::FrameCensus census = engine.census();
  FrameStatus frames;
  frames.total = census.total;
  frames.depot = census.depot;
  frames.pools = census.pools;
  frames.in_rx = census.in_rx;
  frames.in_tx = census.in_tx;
  frames.in_flight = census.in_flight;
  frames.punting = census.punting;
  return frames;
}

InterfaceStatus interface_status(const Engine& engine, const Engine::PortView& view,
                                 const PortManager& ports) {
  InterfaceStatus status;
  status.name = view.options.name;
  status.device = view.options.device;
  status.bridge = engine.bridge_name(view.bridge);
  status.counters = view.counters;
  const auto info = ports.info().find(view.id);
  if (info != ports.info().end()) status.problem = info->second.problem;
  if (view.attached == nullptr) {
    status.state = "absent";
    return status;
  }
  status.ifindex = view.link.ifindex;
  status.state = view.link.up ? "up" : "down";
  status.mac = dataplane::mac_from_u64(view.link.mac).to_string();
  status.mtu = view.link.mtu_bytes;
  status.attach = view.attached->attach_mode();
  status.mode = view.attached->zero_copy() ? "zero-copy" : "copy";
  status.multi_buffer = view.attached->multi_buffer();
  status.queues = static_cast<uint32_t>(view.attached->queues().size());
  return status;
}

std::vector<EgressClassStatus> class_status(const dataplane::EgressScheduler& scheduler) {
  std::vector<EgressClassStatus> classes;
  for (size_t i = 0; i < scheduler.options().classes.size(); ++i) {
    const dataplane::EgressClassCounters& counters = scheduler.counters(i);
    classes.push_back({.name = scheduler.options().classes[i].name,
                       .sent_packets = counters.sent_packets.load(),
                       .sent_bytes = counters.sent_bytes.load(),
                       .dropped_full = counters.dropped_full.load(),
                       .dropped_codel = counters.dropped_codel.load(),
                       .marked = counters.marked.load(),
                       .backlog_packets = counters.backlog_packets.load(),
                       .backlog_bytes = counters.backlog_bytes.load()});
  }
  return classes;
}

QueueStatus queue_status(const Engine& engine, const std::string& interface,
                         const dataplane::PortQueue& queue) {
  QueueStatus status;
  const xsk::XskSocket& socket = *queue.socket;
  status.interface = interface;
  status.queue = queue.queue.value();
  status.worker = queue.owner.value();
  status.mode = socket.zero_copy() ? "zero-copy" : "copy";
  status.need_wakeup = socket.options().need_wakeup;
  status.busy_poll = socket.options().busy_poll;
  status.rx_ring = socket.options().rx_size;
  status.tx_ring = socket.options().tx_size;
  status.fill_ring = socket.options().fill_size;
  status.completion_ring = socket.options().completion_size;
  status.in_rx = socket.frames_in_receive();
  status.in_tx = socket.frames_in_transmit();
  status.counters = engine.queue_counters(queue);
  if (queue.scheduler != nullptr) status.classes = class_status(*queue.scheduler);
  return status;
}

std::string poll_name(dataplane::PollMode mode) {
  switch (mode) {
    case dataplane::PollMode::kAdaptive:
      return "adaptive";
    case dataplane::PollMode::kBusy:
      return "busy";
    case dataplane::PollMode::kInterrupt:
      return "interrupt";
  }
  return "";
}

WorkerStatus worker_status(const Engine& engine, const dataplane::Worker& worker,
                           const std::vector<QueueStatus>& queues) {
  WorkerStatus status;
  status.id = worker.id().value();
  status.cpu = worker.cpu();
  status.poll = poll_name(worker.poll_mode());
  status.state = worker.sleeping() ? "sleeping" : "running";
  status.sends_by = worker.redirects() ? "redirect" : "sockets";
  status.pool_frames = worker.pool().frames();
  status.in_flight = engine.frames_to_worker(worker.id());
  worker.counters().add_to(status.counters);
  auto& calls = status.counters[static_cast<size_t>(dataplane::WorkerCounter::system_calls)];
  for (const QueueStatus& queue : queues) {
    if (queue.worker != status.id) continue;
    status.queues.push_back(fmt::format("{}:{}", queue.interface, queue.queue));
    calls += queue.counters[static_cast<size_t>(dataplane::QueueCounter::tx_kicks)] +
             queue.counters[static_cast<size_t>(dataplane::QueueCounter::rx_kicks)];
  }
  return status;
}

std::vector<LoopReport> loop_reports(const Engine& engine, uint64_t now_ms) {
  const std::map<PortId, std::string> names = port_names(engine);
  std::vector<LoopReport> reports;
  for (const auto& loop : engine.loops()) {
    std::vector<std::string> interfaces;
    for (const PortId port : loop.ports) {
      if (const auto name = names.find(port); name != names.end())
        interfaces.push_back(name->second);
    }
    reports.push_back({.bridge = engine.bridge_name(loop.bridge),
                       .mac = dataplane::mac_from_u64(loop.mac).to_string(),
                       .interfaces = fmt::format("{}", fmt::join(interfaces, ", ")),
                       .moves = loop.moves,
                       .last_seen_ms_ago = now_ms - loop.last_seen_ms});
  }
  return reports;
}

// Calls `visit(bridge options, entry, milliseconds since last seen)` for all that have not expired.
template <class Visit>
void for_each_station(const Engine& engine, uint64_t now_ms, Visit visit) {
  for (const auto& [id, bridge] : engine.bridges()) {
    bridge.macs->table().for_each([&](const table::MacEntry& entry) {
      // A stamp may be a moment ahead of us: modulo 2^32, as a signed number.
      const auto age_ms = static_cast<int32_t>(static_cast<uint32_t>(now_ms) - entry.stamp_ms);
      const auto shown_ms = static_cast<uint32_t>(std::max(age_ms, 0));
      if (!entry.is_static && shown_ms >= bridge.options.aging_ms) return;
      visit(bridge.options, entry, entry.is_static ? 0 : shown_ms);
    });
  }
}

// As the tables count them: going through tables of a million addresses would take its time at every scrape, under the
// daemon's lock.
uint32_t stations_on(const Engine& engine, PortId port) {
  uint32_t count = 0;
  for (const auto& [id, bridge] : engine.bridges()) count += bridge.macs->on_port(port);
  return count;
}

}  // namespace

DaemonStatus collect_status(const Engine& engine, const PortManager& ports, const std::string& node,
                            uint64_t now_ms, uint64_t started_ms) {
  DaemonStatus status;
  status.version = version_text();
  status.node = node;
  status.uptime_ms = now_ms - started_ms;
  status.generation = engine.generation();
  status.frames = frame_status(engine);
  status.loops = loop_reports(engine, now_ms);
  status.removed_interfaces = engine.removed_counters();
  for (const auto& view : engine.ports()) {
    status.interfaces.push_back(interface_status(engine, view, ports));
    status.interfaces.back().mac_entries = stations_on(engine, view.id);
    if (view.attached == nullptr) continue;
    for (const auto& queue : view.attached->queues()) {
      status.queues.push_back(queue_status(engine, view.options.name, *queue));
    }
  }
  for (const auto& tap : engine.taps()) {
    InterfaceStatus& device = status.interfaces.emplace_back();
    device.name = device.device = tap.name;
    device.state = "up";
    device.attach = device.mode = "tap";
    device.counters = tap.counters;
  }
  for (const auto& worker : engine.workers()) {
    status.workers.push_back(worker_status(engine, *worker, status.queues));
  }
  return status;
}

std::vector<FdbEntry> collect_fdb(const Engine& engine, uint64_t now_ms) {
  std::map<PortId, std::string> names = port_names(engine);
  std::vector<FdbEntry> entries;
  for_each_station(
      engine, now_ms,
      [&](const dataplane::BridgeOptions& bridge, const table::MacEntry& entry, uint32_t age_ms) {
        const dataplane::BridgeRules* rules = bridge.rules.get();
        const dataplane::BridgeMember* member =
            rules == nullptr ? nullptr : rules->member(entry.port);
        // The table's key is then the VLAN (dataplane::learning_domain).
        const bool is_aware = rules != nullptr && rules->vlan_aware;
        entries.push_back({.bridge = bridge.name,
                           .mac = dataplane::mac_from_u64(entry.mac).to_string(),
                           .interface = names[entry.port],
                           .age_ms = age_ms,
                           .is_static = entry.is_static,
                           .vlan = is_aware ? entry.bridge.value() : uint16_t{0},
                           .is_sticky = !entry.is_static && member != nullptr && member->sticky});
      });
  std::sort(entries.begin(), entries.end(), [](const FdbEntry& a, const FdbEntry& b) {
    return std::tie(a.bridge, a.vlan, a.mac) < std::tie(b.bridge, b.vlan, b.mac);
  });
  return entries;
}

Result<MemoryStatus> collect_memory(const Engine& engine) {
  MemoryStatus status;
  status.hugepages = engine.umem().page_size_name();
  status.note = engine.umem().note();
  status.frames = frame_status(engine);
  auto mappings = read_memory_map();
  if (!mappings) return fail(mappings.error());
  status.mappings = std::move(*mappings);
  return status;
}

}  // namespace starocean::control
