#include "starocean/control/metrics.h"

#include <fmt/format.h>

#include "starocean/control/exposition.h"

namespace starocean::control {
namespace {

std::string port_labels(const InterfaceStatus& port) {
  return fmt::format(R"({{interface="{}"}})", escape_label(port.name));
}

std::string worker_labels(const WorkerStatus& worker) {
  return fmt::format(R"({{worker="{}"}})", worker.id);
}

void daemon_families(Exposition& out, const DaemonStatus& status) {
  out.family("starocean_info", "gauge", "version and node name of the daemon; always 1");
  out.sample(fmt::format(R"({{version="{}",node="{}"}})", escape_label(status.version),
                         escape_label(status.node)),
             1);
  out.family("starocean_uptime_seconds", "gauge", "time since the daemon started");
  out.sample("", fmt::format("{}.{:03}", status.uptime_ms / 1000, status.uptime_ms % 1000));
  out.family("starocean_config_generation", "gauge", "configuration that is live on all workers");
  out.sample("", status.generation);
}

void frame_families(Exposition& out, const FrameStatus& frames) {
  out.family("starocean_frames_configured", "gauge", "frames in the UMEM");
  out.sample("", frames.total);
  out.family("starocean_frames", "gauge", "frames by place");
  out.sample(R"({place="depot"})", frames.depot);
  out.sample(R"({place="pools"})", frames.pools);
  out.sample(R"({place="in_rx"})", frames.in_rx);
  out.sample(R"({place="in_tx"})", frames.in_tx);
  out.sample(R"({place="in_flight"})", frames.in_flight);
  out.sample(R"({place="punting"})", frames.punting);
  out.sample(R"({place="missing"})", frames.missing());
}

void port_families(Exposition& out, const std::vector<InterfaceStatus>& ports) {
  out.family("starocean_port_up", "gauge", "1 if the interface is attached and has carrier");
  for (const auto& port : ports) out.sample(port_labels(port), port.state == "up" ? 1 : 0);
  out.family("starocean_port_mac_entries", "gauge",
             "MAC addresses in the tables behind the interface");
  for (const auto& port : ports) out.sample(port_labels(port), port.mac_entries);
  counter_families(out, "port", dataplane::kPortCounters, ports, port_labels);
}

void class_families(Exposition& out, const std::vector<QueueStatus>& queues) {
  using Value = uint64_t EgressClassStatus::*;
  const struct {
    const char* name;
    const char* type;
    const char* help;
    Value value;
  } families[] = {
      {"sent_packets_total", "counter", "packets sent", &EgressClassStatus::sent_packets},
      {"sent_bytes_total", "counter", "bytes sent", &EgressClassStatus::sent_bytes},
      {"dropped_full_total", "counter", "packets dropped for want of room",
       &EgressClassStatus::dropped_full},
      {"dropped_codel_total", "counter", "packets dropped to shorten the delay",
       &EgressClassStatus::dropped_codel},
      {"marked_total", "counter", "packets marked to shorten the delay",
       &EgressClassStatus::marked},
      {"backlog_packets", "gauge", "packets waiting", &EgressClassStatus::backlog_packets},
      {"backlog_bytes", "gauge", "bytes waiting", &EgressClassStatus::backlog_bytes}};
  for (const auto& family : families) {
    out.family(fmt::format("starocean_egress_class_{}", family.name), family.type,
               fmt::format("{}, by class of an interface's egress", family.help));
    for (const QueueStatus& queue : queues) {
      for (const EgressClassStatus& one : queue.classes) {
        out.sample(fmt::format(R"({{interface="{}",class="{}"}})", escape_label(queue.interface),
                               escape_label(one.name)),
                   one.*family.value);
      }
    }
  }
}

}  // namespace

std::string queue_labels(const QueueStatus& queue) {
  return fmt::format(R"({{interface="{}",queue="{}"}})", escape_label(queue.interface),
                     queue.queue);
}

std::string escape_label(std::string_view value) {
  std::string escaped;
  escaped.reserve(value.size());
  for (const char c : value) {
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string metrics_text(const DaemonStatus& status) {
  Exposition out;
  daemon_families(out, status);
  frame_families(out, status.frames);
  port_families(out, status.interfaces);
  counter_families(out, "queue", dataplane::kQueueCounters, status.queues, queue_labels);
  class_families(out, status.queues);
  counter_families(out, "worker", dataplane::kWorkerCounters, status.workers, worker_labels);
  return out.take();
}

}  // namespace starocean::control
