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
#include "starocean/control/echo_report.h"
#include "starocean/control/port_manager.h"
#include "starocean/control/privileges.h"
#include "starocean/control/status_line.h"
#include "starocean/dataplane/echo_responder.h"

namespace starocean::control {
namespace {

using dataplane::EchoResponder;

constexpr int kStatsTickMs = 1000;
// While the kernel has not taken what it was given to transmit.
constexpr int kTransmitRetryMs = 1;
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

EchoStatus status_of(const EchoOptions& options, const EchoResponder& echo) {
  return echo_status(options.interface, options.queue, options.address, echo);
}

Result<std::unique_ptr<ApiServer>> serve(const EchoOptions& options, const EchoResponder& echo) {
  if (options.listen.empty()) return nullptr;
  ApiHandlers handlers;
  const auto json = [&options, &echo] {
    return ApiPage{"application/json", to_text(echo_json(status_of(options, echo)), 2) + "\n"};
  };
  handlers.pages["/"] = json;
  handlers.pages["/stats"] = json;
  handlers.pages["/v1/stats"] = json;
  handlers.pages["/metrics"] = [&options, &echo] {
    return ApiPage{"text/plain; version=0.0.4; charset=utf-8",
                   echo_metrics(status_of(options, echo))};
  };
  ApiOptions api;
  api.listen = options.listen;
  return ApiServer::start(std::move(api), std::move(handlers));
}

Status answer_until_asked_to_end(const EchoOptions& options, EchoResponder& echo, int signal_fd) {
  uint64_t next_status_ns = monotonic_ns() + kStatusLineNs;
  uint64_t next_check_ns = 0;
  int wait_ms = 0;
  while (true) {
    // Looked at before every batch, so that a flood does not keep us from ending.
    pollfd watched[] = {{.fd = signal_fd, .events = POLLIN, .revents = 0},
                        {.fd = echo.fd(), .events = POLLIN, .revents = 0}};
    if (::poll(watched, std::size(watched), wait_ms) < 0 && errno != EINTR) {
      return fail_system("cannot wait for packets", errno);
    }
    if (watched[0].revents != 0) return {};
    const uint32_t seen = echo.poll_once();
    wait_ms = seen != 0 ? 0 : echo.transmit_pending() ? kTransmitRetryMs : kStatsTickMs;
    const uint64_t now_ns = monotonic_ns();
    if (seen != 0 && now_ns < next_check_ns) continue;
    next_check_ns = now_ns + kNsPerSecond;
    if (!echo.program().attached()) {
      return fail(fmt::format("interface '{}' is gone", options.interface),
                  "its device was deleted or its program detached", "start again when it is back");
    }
    if (now_ns < next_status_ns) continue;
    next_status_ns += kStatusLineNs;
    log_info("{}", status_line(status_of(options, echo).queue));
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
    log_info("{}", status_line(status_of(options, **echo).queue));
  }
  close(signal_fd);
  return done;
}

}  // namespace starocean::control
