#include "starocean/control/render_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starocean::control {
namespace {

using dataplane::PortCounter;
using dataplane::QueueCounter;

template <size_t kSize>
Json counters_json(const std::array<CounterInfo, kSize>& table,
                   const std::array<uint64_t, kSize>& values) {
  Json counters = Json::object();
  for (size_t i = 0; i < kSize; ++i) counters[std::string(table[i].name)] = values[i];
  return counters;
}

uint64_t sum_over_ports(const DaemonStatus& status, size_t counter) {
  uint64_t sum = status.removed_interfaces[counter];
  for (const InterfaceStatus& port : status.interfaces) sum += port.counters[counter];
  return sum;
}

uint64_t sum_over_ports(const DaemonStatus& status, PortCounter counter) {
  return sum_over_ports(status, static_cast<size_t>(counter));
}

uint64_t sum_over_queues(const DaemonStatus& status, QueueCounter counter) {
  uint64_t sum = 0;
  for (const QueueStatus& queue : status.queues)
    sum += queue.counters[static_cast<size_t>(counter)];
  return sum;
}

Json frames_json(const FrameStatus& frames) {
  return {{"total", frames.total},     {"depot", frames.depot},
          {"pools", frames.pools},     {"in_rx", frames.in_rx},
          {"in_tx", frames.in_tx},     {"in_flight", frames.in_flight},
          {"punting", frames.punting}, {"missing", frames.missing()}};
}

Json interface_json(const InterfaceStatus& port) {
  return {{"name", port.name},
          {"device", port.device},
          {"ifindex", port.ifindex},
          {"state", port.state},
          {"problem", port.problem},
          {"mac", port.mac},
          {"mtu", port.mtu},
          {"bridge", port.bridge},
          {"attach", port.attach},
          {"mode", port.mode},
          {"multi_buffer", port.multi_buffer},
          {"queues", port.queues},
          {"mac_entries", port.mac_entries},
          {"counters", counters_json(dataplane::kPortCounters, port.counters)}};
}

Json drop_json(const DaemonStatus& status, size_t counter) {
  const CounterInfo& info = dataplane::kPortCounters[counter];
  Json by_interface = Json::object();
  for (const InterfaceStatus& port : status.interfaces) {
    by_interface[port.name] = port.counters[counter];
  }
  return {{"reason", std::string(info.name.substr(dataplane::kDropPrefix.size()))},
          {"help", std::string(info.help)},
          {"packets", sum_over_ports(status, counter)},
          {"by_interface", std::move(by_interface)},
          {"removed_interfaces", status.removed_interfaces[counter]}};
}

Json kernel_drops_json(const DaemonStatus& status) {
  return {{"rx_dropped", sum_over_queues(status, QueueCounter::kernel_rx_dropped)},
          {"rx_invalid_descs", sum_over_queues(status, QueueCounter::kernel_rx_invalid_descs)},
          {"tx_invalid_descs", sum_over_queues(status, QueueCounter::kernel_tx_invalid_descs)},
          {"rx_ring_full", sum_over_queues(status, QueueCounter::kernel_rx_ring_full)},
          {"fill_ring_empty", sum_over_queues(status, QueueCounter::kernel_rx_fill_ring_empty)},
          {"tx_ring_empty", sum_over_queues(status, QueueCounter::kernel_tx_ring_empty)}};
}

template <class Items, class Render>
Json list_json(const Items& items, Render render) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(render(item));
  return list;
}

Json class_json(const EgressClassStatus& one) {
  return {{"name", one.name},
          {"sent_packets", one.sent_packets},
          {"sent_bytes", one.sent_bytes},
          {"dropped_full", one.dropped_full},
          {"dropped_codel", one.dropped_codel},
          {"marked", one.marked},
          {"backlog_packets", one.backlog_packets},
          {"backlog_bytes", one.backlog_bytes}};
}

Json queue_json(const QueueStatus& queue) {
  return {{"interface", queue.interface},
          {"queue", queue.queue},
          {"worker", queue.worker},
          {"mode", queue.mode},
          {"need_wakeup", queue.need_wakeup},
          {"busy_poll", queue.busy_poll},
          {"rings",
           {{"rx", queue.rx_ring},
            {"tx", queue.tx_ring},
            {"fill", queue.fill_ring},
            {"completion", queue.completion_ring}}},
          {"in_rx", queue.in_rx},
          {"in_tx", queue.in_tx},
          {"classes", list_json(queue.classes, class_json)},
          {"counters", counters_json(dataplane::kQueueCounters, queue.counters)}};
}

Json worker_json(const WorkerStatus& worker) {
  return {{"id", worker.id},
          {"cpu", worker.cpu},
          {"poll", worker.poll},
          {"state", worker.state},
          {"sends_by", worker.sends_by},
          {"pool_frames", worker.pool_frames},
          {"in_flight", worker.in_flight},
          {"queues", worker.queues},
          {"counters", counters_json(dataplane::kWorkerCounters, worker.counters)}};
}

Json mapping_json(const MemoryMapping& mapping) {
  return {{"start", fmt::format("{:#x}", mapping.start)},
          {"end", fmt::format("{:#x}", mapping.end)},
          {"name", mapping.name},
          {"kind", mapping.kind},
          {"permissions", mapping.permissions},
          {"backing", mapping.backing},
          {"size_bytes", mapping.size_bytes},
          {"page_size_bytes", mapping.page_size_bytes},
          {"resident_bytes", mapping.resident_bytes},
          {"locked_bytes", mapping.locked_bytes}};
}

}  // namespace

Json status_json(const DaemonStatus& status) {
  return {{"schema_version", kSchemaVersion},
          {"version", status.version},
          {"node", status.node},
          {"uptime_ms", status.uptime_ms},
          {"generation", status.generation},
          {"frames", frames_json(status.frames)}};
}

Json interfaces_json(const DaemonStatus& status) {
  const auto loop_json = [](const LoopReport& loop) -> Json {
    return {{"bridge", loop.bridge},
            {"mac", loop.mac},
            {"interfaces", loop.interfaces},
            {"moves", loop.moves},
            {"last_seen_ms_ago", loop.last_seen_ms_ago}};
  };
  return {{"schema_version", kSchemaVersion},
          {"node", status.node},
          {"uptime_ms", status.uptime_ms},
          {"generation", status.generation},
          {"interfaces", list_json(status.interfaces, interface_json)},
          {"removed_interfaces",
           {{"counters", counters_json(dataplane::kPortCounters, status.removed_interfaces)}}},
          {"loops", list_json(status.loops, loop_json)}};
}

Json fdb_json(const std::vector<FdbEntry>& entries) {
  const auto entry_json = [](const FdbEntry& entry) -> Json {
    return {{"bridge", entry.bridge},       {"vlan", entry.vlan},     {"mac", entry.mac},
            {"interface", entry.interface}, {"age_ms", entry.age_ms}, {"static", entry.is_static},
            {"sticky", entry.is_sticky}};
  };
  return {{"schema_version", kSchemaVersion},
          {"count", entries.size()},
          {"entries", list_json(entries, entry_json)}};
}

Json drops_json(const DaemonStatus& status) {
  Json drops = Json::array();
  uint64_t dropped = 0;
  for (size_t i = 0; i < dataplane::kPortCounters.size(); ++i) {
    if (!dataplane::is_drop(static_cast<PortCounter>(i))) continue;
    drops.push_back(drop_json(status, i));
    dropped += sum_over_ports(status, i);
  }
  const uint64_t received = sum_over_ports(status, PortCounter::rx_packets);
  const uint64_t copies = sum_over_ports(status, PortCounter::copies);
  const uint64_t sent = sum_over_ports(status, PortCounter::tx_packets);
  const uint64_t punted = sum_over_ports(status, PortCounter::punted);
  const uint64_t errors = sum_over_ports(status, PortCounter::icmp_errors);
  const uint64_t in = received + copies + errors;
  const uint64_t out = sent + punted + dropped;
  return {{"schema_version", kSchemaVersion},
          {"totals",
           {{"rx_packets", received},
            {"copies", copies},
            {"icmp_errors", errors},
            {"tx_packets", sent},
            {"punted", punted},
            {"dropped", dropped},
            {"unaccounted", static_cast<int64_t>(in - out)}}},
          {"drops", std::move(drops)},
          {"kernel", kernel_drops_json(status)}};
}

Json queues_json(const DaemonStatus& status) {
  return {{"schema_version", kSchemaVersion}, {"queues", list_json(status.queues, queue_json)}};
}

Json workers_json(const DaemonStatus& status) {
  return {{"schema_version", kSchemaVersion}, {"workers", list_json(status.workers, worker_json)}};
}

Json memory_json(const MemoryStatus& memory) {
  return {{"schema_version", kSchemaVersion},
          {"hugepages", memory.hugepages},
          {"note", memory.note},
          {"frames", frames_json(memory.frames)},
          {"mappings", list_json(memory.mappings, mapping_json)}};
}

Json error_json(std::string_view message) {
  return {{"schema_version", kSchemaVersion}, {"error", std::string(message)}};
}

std::string to_text(const Json& document, int indent) {
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace starocean::control
