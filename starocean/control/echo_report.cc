#include "starocean/control/echo_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/exposition.h"
#include "starocean/control/status_line.h"

namespace starocean::control {
namespace {

using dataplane::QueueCounter;

QueueCounterValues queue_values(const xsk::XskSocket& socket) {
  QueueCounterValues values{};
  const auto set = [&](QueueCounter counter, uint64_t value) {
    values[static_cast<size_t>(counter)] = value;
  };
  const xsk::SocketCounters& own = socket.counters();
  set(QueueCounter::filled, own.get(xsk::SocketCounter::filled));
  set(QueueCounter::completed, own.get(xsk::SocketCounter::completed));
  set(QueueCounter::received, own.get(xsk::SocketCounter::received));
  set(QueueCounter::transmitted, own.get(xsk::SocketCounter::transmitted));
  set(QueueCounter::tx_kicks, own.get(xsk::SocketCounter::tx_kicks));
  set(QueueCounter::tx_kick_errors, own.get(xsk::SocketCounter::tx_kick_errors));
  set(QueueCounter::tx_kicks_busy, own.get(xsk::SocketCounter::tx_kicks_busy));
  set(QueueCounter::rx_kicks, own.get(xsk::SocketCounter::rx_kicks));
  const xsk::KernelStatistics kernel = socket.kernel_statistics();
  set(QueueCounter::kernel_rx_dropped, kernel.rx_dropped);
  set(QueueCounter::kernel_rx_invalid_descs, kernel.rx_invalid_descs);
  set(QueueCounter::kernel_tx_invalid_descs, kernel.tx_invalid_descs);
  set(QueueCounter::kernel_rx_ring_full, kernel.rx_ring_full);
  set(QueueCounter::kernel_rx_fill_ring_empty, kernel.rx_fill_ring_empty_descs);
  set(QueueCounter::kernel_tx_ring_empty, kernel.tx_ring_empty_descs);
  return values;
}

}  // namespace

EchoStatus echo_status(const std::string& interface, uint32_t queue, const std::string& address,
                       const dataplane::EchoResponder& echo) {
  EchoStatus status;
  status.address = address;
  status.attach = xsk::to_string(echo.program().mode());
  status.queue.interface = interface;
  status.queue.queue = queue;
  status.queue.mode = echo.socket().zero_copy() ? "zero-copy" : "copy";
  status.queue.in_rx = echo.socket().frames_in_receive();
  status.queue.in_tx = echo.socket().frames_in_transmit();
  status.queue.counters = queue_values(echo.socket());
  echo.counters().add_to(status.counters);
  status.steering = echo.program().counters();
  status.frames = echo.frames();
  status.free_frames = echo.free_frames();
  return status;
}

Json echo_json(const EchoStatus& status) {
  Json counters;
  for (size_t i = 0; i < dataplane::kEchoCounters.size(); ++i) {
    counters[std::string(dataplane::kEchoCounters[i].name)] = status.counters[i];
  }
  Json queue_counters;
  for (const auto& [name, counter] : kStatusLineCounters) {
    queue_counters[std::string(name)] = status.queue.counters[static_cast<size_t>(counter)];
  }
  return {{"schema_version", kSchemaVersion},
          {"interface", status.queue.interface},
          {"queue", status.queue.queue},
          {"address", status.address},
          {"mode", status.queue.mode},
          {"attach", status.attach},
          {"counters", counters},
          {"queue_counters", queue_counters},
          {"steering",
           {{"redirected", status.steering.redirected},
            {"passed", status.steering.passed},
            {"no_socket", status.steering.no_socket}}},
          {"frames",
           {{"total", status.frames},
            {"free", status.free_frames},
            {"in_rx", status.queue.in_rx},
            {"in_tx", status.queue.in_tx},
            {"missing", status.missing_frames()}}}};
}

std::string echo_metrics(const EchoStatus& status) {
  struct Answers {
    const dataplane::EchoCounters::Values& counters;
  };
  Exposition out;
  counter_families(out, "echo", dataplane::kEchoCounters, std::array{Answers{status.counters}},
                   [&](const Answers&) { return queue_labels(status.queue); });
  counter_families(out, "queue", dataplane::kQueueCounters, std::array{status.queue}, queue_labels);
  const std::string interface =
      fmt::format(R"({{interface="{}"}})", escape_label(status.queue.interface));
  out.family("starocean_steering_redirected_total", "counter", "claimed: to user space (packets)");
  out.sample(interface, status.steering.redirected);
  out.family("starocean_steering_passed_total", "counter", "not claimed: to Linux (packets)");
  out.sample(interface, status.steering.passed);
  out.family("starocean_steering_no_socket_total", "counter",
             "claimed, but on a queue without a socket: to Linux (packets)");
  out.sample(interface, status.steering.no_socket);
  out.family("starocean_frames_configured", "gauge", "frames in the UMEM");
  out.sample("", status.frames);
  out.family("starocean_frames", "gauge", "frames by place");
  out.sample(R"({place="free"})", status.free_frames);
  out.sample(R"({place="in_rx"})", status.queue.in_rx);
  out.sample(R"({place="in_tx"})", status.queue.in_tx);
  out.sample(R"({place="missing"})", status.missing_frames());
  return out.take();
}

}  // namespace starocean::control
