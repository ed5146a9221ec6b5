#include "starocean/control/echo.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/base/clock.h"
#include "starocean/base/log.h"
#include "starocean/base/rlimits.h"
#include "starocean/control/api_server.h"
#include "starocean/control/port_manager.h"
#include "starocean/control/privileges.h"
#include "starocean/dataplane/echo_responder.h"

namespace starocean::control {
namespace {

using dataplane::EchoResponder;

constexpr int kTickMs = 1000;
constexpr uint64_t kStatusLineNs = 60 * kNsPerSecond;
constexpr uint64_t kUmemBytes = 8u << 20;

using Address = std::variant<net::Ipv4Address, net::Ipv6Address>;

Result<Address> parse_address(const std::string& text) {
  if (text.find(':') != std::string::npos) {
    auto v6 = net::Ipv6Address::parse(text);
    if (!v6) return fail(v6.error());
    return Address(*v6);
  }
  auto v4 = net::Ipv4Address::parse(text);
  if (!v4) return fail(v4.error());
  return Address(*v4);
}

bool same_address(const sockaddr* linux_has, const Address& wanted) {
  if (const auto* v4 = std::get_if<net::Ipv4Address>(&wanted)) {
    return linux_has->sa_family == AF_INET &&
           reinterpret_cast<const sockaddr_in*>(linux_has)->sin_addr.s_addr == v4->be().raw();
  }
  return linux_has->sa_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6*>(linux_has)->sin6_addr,
                     std::get<net::Ipv6Address>(wanted).bytes().data(), 16) == 0;
}

Status refuse_own_address(const Address& address, const std::string& text) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return fail_system("cannot list Linux's addresses", errno);
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, freeifaddrs);
  for (const ifaddrs* entry = all; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || !same_address(entry->ifa_addr, address)) continue;
    return fail(fmt::format("cannot answer for {}", text),
                fmt::format("Linux owns it, on '{}', and answers itself", entry->ifa_name),
                "choose an address of the same network that nobody has");
  }
  return {};
}

Result<dataplane::EchoResponderOptions> responder_options(const EchoOptions& options) {
  dataplane::EchoResponderOptions result;
  auto address = parse_address(options.address);
  if (!address) return fail(address.error());
  if (Status free = refuse_own_address(*address, options.address); !free) return fail(free.error());
  auto link = read_link_state(options.interface);
  if (!link) return fail(link.error());
  result.device = options.interface;
  result.ifindex = link->ifindex;
  result.queues = link->rx_queues;
  result.queue = options.queue;
  result.mtu_bytes = link->mtu_bytes;
  result.address = *address;
  result.mac = dataplane::mac_from_u64(link->mac);
  if (!options.mac.empty()) {
    auto mac = net::MacAddress::parse(options.mac);
    if (!mac) return fail(mac.error());
    if (mac->is_multicast() || mac->is_zero()) {
      return fail(fmt::format("cannot answer with the MAC address {}", options.mac),
                  "it is a group address or zero", "use a unicast address");
    }
    result.mac = *mac;
  }
  return result;
}

nlohmann::ordered_json stats(const EchoOptions& options, const EchoResponder& echo) {
  nlohmann::ordered_json counters;
  for (size_t i = 0; i < dataplane::kEchoCounters.size(); ++i) {
    counters[std::string(dataplane::kEchoCounters[i].name)] =
        echo.counters().get(static_cast<dataplane::EchoCounter>(i));
  }
  const xsk::SocketCounters& own = echo.socket().counters();
  const xsk::KernelStatistics kernel = echo.socket().kernel_statistics();
  const xsk::XdpCounters steering = echo.program().counters();
  return {{"schema_version", 1},
          {"interface", options.interface},
          {"queue", options.queue},
          {"address", options.address},
          {"mode", echo.socket().zero_copy() ? "zero-copy" : "copy"},
          {"attach", xsk::to_string(echo.program().mode())},
          {"counters", counters},
          {"queue_counters",
           {{"Filled", own.get(xsk::SocketCounter::filled)},
            {"Completed", own.get(xsk::SocketCounter::completed)},
            {"Received", own.get(xsk::SocketCounter::received)},
            {"Transmitted", own.get(xsk::SocketCounter::transmitted)},
            {"[K]RxDropped", kernel.rx_dropped},
            {"[K]RxInvalidDescs", kernel.rx_invalid_descs},
            {"[K]TxInvalidDescs", kernel.tx_invalid_descs},
            {"[K]RxRingFull", kernel.rx_ring_full},
            {"[K]RxFillRingEmpty", kernel.rx_fill_ring_empty_descs},
            {"[K]TxRingEmpty", kernel.tx_ring_empty_descs}}},
          {"steering",
           {{"redirected", steering.redirected},
            {"passed", steering.passed},
            {"no_socket", steering.no_socket}}},
          {"frames",
           {{"total", echo.frames()},
            {"free", echo.free_frames()},
            {"in_rx", echo.socket().frames_in_receive()},
            {"in_tx", echo.socket().frames_in_transmit()}}}};
}

std::string prometheus(const EchoOptions& options, const EchoResponder& echo) {
  std::string text;
  for (size_t i = 0; i < dataplane::kEchoCounters.size(); ++i) {
    const CounterInfo& info = dataplane::kEchoCounters[i];
    text += fmt::format(
        "# HELP starocean_echo_{0}_total {1}: {2}\n"
        "# TYPE starocean_echo_{0}_total counter\n"
        "starocean_echo_{0}_total{{interface=\"{3}\",queue=\"{4}\"}} {5}\n",
        info.name, info.unit, info.help, options.interface, options.queue,
        echo.counters().get(static_cast<dataplane::EchoCounter>(i)));
  }
  return text;
}

std::string status_text(const EchoOptions& options, const EchoResponder& echo) {
  std::string line = fmt::format("{}:{}", options.interface, options.queue);
  const auto report = stats(options, echo);
  for (const auto& [name, value] : report["queue_counters"].items()) {
    line += fmt::format(" {}={}", name, value.get<uint64_t>());
  }
  return line;
}

Result<std::unique_ptr<ApiServer>> serve(const EchoOptions& options, const EchoResponder& echo) {
  if (options.listen.empty()) return nullptr;
  ApiHandlers handlers;
  const auto json = [&options, &echo] {
    return ApiPage{"application/json", stats(options, echo).dump(2) + "\n"};
  };
  handlers.pages["/"] = json;
  handlers.pages["/stats"] = json;
  handlers.pages["/v1/stats"] = json;
  handlers.pages["/metrics"] = [&options, &echo] {
    return ApiPage{"text/plain; version=0.0.4; charset=utf-8", prometheus(options, echo)};
  };
  ApiOptions api;
  api.listen = options.listen;
  return ApiServer::start(std::move(api), std::move(handlers));
}

Status answer_until_asked_to_end(const EchoOptions& options, EchoResponder& echo, int signal_fd) {
  uint64_t next_status_ns = monotonic_ns() + kStatusLineNs;
  while (true) {
    pollfd watched[] = {{.fd = signal_fd, .events = POLLIN, .revents = 0},
                        {.fd = echo.fd(), .events = POLLIN, .revents = 0}};
    if (::poll(watched, std::size(watched), kTickMs) < 0 && errno != EINTR) {
      return fail_system("cannot wait for packets", errno);
    }
    if (watched[0].revents != 0) return {};
    while (echo.poll_once() != 0) {
    }
    if (!echo.program().attached()) {
      return fail(fmt::format("interface '{}' is gone", options.interface),
                  "its device was deleted or its program detached", "start again when it is back");
    }
    if (monotonic_ns() < next_status_ns) continue;
    next_status_ns += kStatusLineNs;
    log_info("{}", status_text(options, echo));
  }
}

}  // namespace

Status run_echo(const EchoOptions& options) {
  auto wanted = responder_options(options);
  if (!wanted) return fail(wanted.error());
  for (const std::string& note : lift_resource_limits()) log_info("{}", note);
  if (Status allowed = need_privileges(kUmemBytes); !allowed) return allowed;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
  if (signal_fd < 0) return fail_system("cannot watch for signals", errno);
  auto echo = EchoResponder::open(*wanted);
  Status done;
  if (!echo) {
    done = fail(echo.error());
  } else if (auto kept = keep_capabilities(kDaemonCapabilities); !kept) {
    done = fail(kept.error());
  } else if (auto server = serve(options, **echo); !server) {
    done = fail(server.error());
  } else {
    log_info("answering for {} at {} on {} queue {}, {} XDP, {}", options.address,
             wanted->mac.to_string(), options.interface, options.queue,
             xsk::to_string((*echo)->program().mode()),
             (*echo)->socket().zero_copy() ? "zero-copy" : "copy mode");
    done = answer_until_asked_to_end(options, **echo, signal_fd);
    log_info("{}", status_text(options, **echo));
  }
  close(signal_fd);
  return done;
}

}  // namespace starocean::control
