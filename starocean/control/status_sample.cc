#include "starocean/control/status_sample.h"

namespace starocean::control {
namespace {

template <class Values>
Values ascending(uint64_t first) {
  Values values{};
  for (uint64_t& value : values) value = first++;
  return values;
}

InterfaceStatus sample_interface(std::string name, uint32_t ifindex, uint64_t first) {
  InterfaceStatus port;
  port.name = std::move(name);
  port.device = "enp" + std::to_string(ifindex) + "s0";
  port.ifindex = ifindex;
  port.state = "up";
  port.mac = "02:00:00:00:00:0" + std::to_string(ifindex);
  port.mtu = 1500 + ifindex;
  port.bridge = "office";
  port.attach = "native";
  port.mode = "copy";
  port.multi_buffer = ifindex == 3;
  port.queues = 1;
  port.mac_entries = 10 * ifindex;
  port.counters = ascending<PortCounterValues>(first);
  return port;
}

QueueStatus sample_queue(std::string interface, uint32_t worker, uint64_t first) {
  QueueStatus queue;
  queue.interface = std::move(interface);
  queue.worker = worker;
  queue.mode = "copy";
  queue.need_wakeup = worker == 0;
  queue.busy_poll = worker == 1;
  queue.rx_ring = 2048;
  queue.tx_ring = 1024;
  queue.fill_ring = 4096;
  queue.completion_ring = 512;
  queue.in_rx = 700 + worker;
  queue.in_tx = 60 + worker;
  queue.counters = ascending<QueueCounterValues>(first);
  if (worker == 1) {
    queue.classes = {{.name = "voice",
                      .sent_packets = 7'001,
                      .sent_bytes = 7'002,
                      .dropped_full = 3,
                      .dropped_codel = 4,
                      .marked = 5,
                      .backlog_packets = 6,
                      .backlog_bytes = 7'007},
                     {.name = "rest"}};
  }
  return queue;
}

WorkerStatus sample_worker(uint32_t id, std::string queue, uint64_t first) {
  WorkerStatus worker;
  worker.id = id;
  worker.cpu = static_cast<int>(id) - 1;
  worker.poll = "adaptive";
  worker.state = id == 0 ? "running" : "sleeping";
  worker.pool_frames = 300 + id;
  worker.in_flight = 5 + id;
  worker.queues = {std::move(queue)};
  worker.counters = ascending<WorkerCounterValues>(first);
  return worker;
}

}  // namespace

DaemonStatus sample_status() {
  DaemonStatus status;
  status.version = "0.1.0";
  status.node = "edge-a";
  status.uptime_ms = 3'723'000;
  status.generation = 7;
  status.interfaces = {sample_interface("lan1", 3, 1'000), sample_interface("lan2", 4, 2'000'000)};
  status.queues = {sample_queue("lan1", 0, 5'000), sample_queue("lan2", 1, 6'000)};
  status.workers = {sample_worker(0, "lan1:0", 80), sample_worker(1, "lan2:0", 90)};
  status.loops = {{"office", "02:00:00:00:00:99", "lan1, lan2", 12'345, 1'500}};
  status.frames = {32'768, 30'577, 601, 1'401, 121, 11, 50};
  return status;
}

std::vector<FdbEntry> sample_fdb() {
  return {{"office", "02:00:00:00:00:0a", "lan1", 1'234, false, 10, true},
          {"office", "02:00:00:00:00:0b", "lan2", 0, true, 10},
          {"guest", "02:00:00:00:00:0c", "lan3", 61'000, false}};
}

MemoryStatus sample_memory() {
  MemoryStatus memory;
  memory.hugepages = "2M";
  memory.note = "no free 1G page";
  memory.frames = sample_status().frames;
  memory.mappings = {
      {0x555555554000, 0x555555600000, "program code", "code", "r-xp", "/usr/bin/starocean",
       0xac000, 4096, 0x80000, 0},
      {0x7f0000000000, 0x7f0004000000, "umem frames and rings", "umem", "rw-s", "/anon_hugepage",
       0x4000000, 2 << 20, 0x3e00000, 0x1000000},
  };
  return memory;
}

}  // namespace starocean::control
