#include "starocean/xsk/link_monitor.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <set>
#include <vector>

#include <fmt/format.h>

namespace starocean::xsk {
namespace {

// A dump's messages come in datagrams of up to 32 KiB (Linux net/netlink/af_netlink.c,
// netlink_dump).
constexpr size_t kBufferBytes = 32 << 10;
constexpr size_t kRequestBytes = 256;
constexpr int kMaxInterruptedDumps = 10;

using Buffer = std::array<std::byte, kBufferBytes>;

Result<NetlinkSocket> open_socket(unsigned groups) {
  NetlinkSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket) return fail_system("cannot open a netlink socket", errno);
  if (mnl_socket_bind(socket.get(), groups, MNL_SOCKET_AUTOPID) != 0) {
    return fail_system("cannot bind a netlink socket", errno);
  }
  return socket;
}

// The link messages in `received`, each to `visit`. Negative errno of an error message, else 0;
// `done` says that the answer is complete, `interrupted` that devices changed while they were
// listed.
struct Outcome {
  int error = 0;
  bool done = false;
  bool interrupted = false;
};

template <class Visit>
Outcome walk(std::span<const std::byte> received, Visit visit) {
  Outcome outcome;
  auto len = static_cast<int>(received.size());
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(received.data());
       mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
    outcome.interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (message->nlmsg_type == NLMSG_DONE) {
      outcome.done = true;
    } else if (message->nlmsg_type == NLMSG_ERROR) {
      outcome.done = true;
      if (mnl_nlmsg_get_payload_len(message) >= sizeof(nlmsgerr)) {
        outcome.error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
      }
    } else {
      const std::span bytes(reinterpret_cast<const std::byte*>(message), message->nlmsg_len);
      if (auto link = parse_link(bytes)) visit(*link);
    }
  }
  return outcome;
}

// Sends `request` and collects the links of the answer; a single answer if it is not a dump.
Result<Outcome> transact(const nlmsghdr* request, std::vector<LinkInfo>& links) {
  const char* const what = "cannot ask the kernel about network devices";
  auto socket = open_socket(0);
  if (!socket) return fail(socket.error());
  if (mnl_socket_sendto(socket->get(), request, request->nlmsg_len) < 0) {
    return fail_system(what, errno);
  }
  const bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const auto buffer = std::make_unique<Buffer>();
  Outcome total;
  while (!total.done) {
    const ssize_t len = mnl_socket_recvfrom(socket->get(), buffer->data(), buffer->size());
    if (len < 0 && errno == EINTR) continue;
    if (len < 0) return fail_system(what, errno);
    const size_t before = links.size();
    const Outcome part = walk(std::span(buffer->data(), static_cast<size_t>(len)),
                              [&](const LinkInfo& link) { links.push_back(link); });
    total.error = part.error;
    total.interrupted |= part.interrupted;
    total.done = part.done || (!dump && links.size() != before);
  }
  return total;
}

nlmsghdr* start_request(std::array<char, kRequestBytes>& buffer, uint16_t flags) {
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETLINK;
  request->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg));
  return request;
}

Result<std::optional<LinkInfo>> find(const nlmsghdr* request, const std::string& device) {
  std::vector<LinkInfo> links;
  const auto outcome = transact(request, links);
  if (!outcome) return fail(outcome.error());
  if (outcome->error == ENODEV) return std::optional<LinkInfo>();
  if (outcome->error != 0) {
    return fail_system(fmt::format("cannot ask the kernel about the device {}", device),
                       outcome->error);
  }
  return links.empty() ? std::optional<LinkInfo>() : links.front();
}

}  // namespace

void CloseNetlink::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Status list_links(const LinkCallback& callback) {
  for (int round = 0; round < kMaxInterruptedDumps; ++round) {
    alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
    std::vector<LinkInfo> links;
    const auto outcome = transact(start_request(buffer, NLM_F_DUMP), links);
    if (!outcome) return fail(outcome.error());
    if (outcome->error != 0) return fail_system("cannot list network devices", outcome->error);
    if (outcome->interrupted) continue;
    for (const LinkInfo& link : links) callback(link);
    return {};
  }
  return fail("cannot list network devices", "they change faster than they can be listed",
              "try again", EAGAIN);
}

Result<std::optional<LinkInfo>> find_link(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::optional<LinkInfo>();
  alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
  nlmsghdr* const request = start_request(buffer, 0);
  mnl_attr_put_strz(request, IFLA_IFNAME, name.c_str());
  return find(request, fmt::format("'{}'", name));
}

Result<std::optional<LinkInfo>> find_link(uint32_t ifindex) {
  if (ifindex == 0) return std::optional<LinkInfo>();
  alignas(nlmsghdr) std::array<char, kRequestBytes> buffer{};
  nlmsghdr* const request = start_request(buffer, 0);
  auto* const info = static_cast<ifinfomsg*>(mnl_nlmsg_get_payload(request));
  info->ifi_index = static_cast<int>(ifindex);
  return find(request, fmt::format("with index {}", ifindex));
}

Result<LinkMonitor> LinkMonitor::open() {
  return open(Options{});
}

Result<LinkMonitor> LinkMonitor::open(const Options& options) {
  auto socket = open_socket(RTMGRP_LINK);
  if (!socket) return fail(socket.error());
  const int fd = mnl_socket_get_fd(socket->get());
  // Without CAP_NET_ADMIN the capped size has to do: too little costs a new list, not a loss.
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &options.receive_buffer_bytes, sizeof(int)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes, sizeof(int));
  }
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
    return fail_system("cannot make a netlink socket non-blocking", errno);
  }
  LinkMonitor monitor(std::move(*socket));
  // What exists must be told of when it goes, even if that event is lost.
  const Status listed =
      list_links([&](const LinkInfo& link) { monitor.known_[link.ifindex] = link.name; });
  if (!listed) return fail(listed.error());
  return monitor;
}

int LinkMonitor::fd() const {
  return mnl_socket_get_fd(events_.get());
}

void LinkMonitor::tell(const LinkInfo& link, const LinkCallback& callback) {
  if (link.removed) {
    known_.erase(link.ifindex);
  } else {
    known_[link.ifindex] = link.name;
  }
  callback(link);
}

Status LinkMonitor::list(const LinkCallback& callback) {
  std::map<uint32_t, std::string> gone = known_;
  std::vector<LinkInfo> present;
  const Status listed = list_links([&](const LinkInfo& link) {
    gone.erase(link.ifindex);
    present.push_back(link);
  });
  if (!listed) return listed;
  for (const auto& [ifindex, name] : gone) {
    LinkInfo link;
    link.ifindex = ifindex;
    link.name = name;
    link.removed = true;
    tell(link, callback);
  }
  for (const LinkInfo& link : present) tell(link, callback);
  return {};
}

Status LinkMonitor::read(const LinkCallback& callback) {
  const auto buffer = std::make_unique<Buffer>();
  bool lost = false;
  for (;;) {
    const ssize_t len = mnl_socket_recvfrom(events_.get(), buffer->data(), buffer->size());
    if (len >= 0) {
      walk(std::span(buffer->data(), static_cast<size_t>(len)),
           [&](const LinkInfo& link) { tell(link, callback); });
    } else if (errno == ENOBUFS) {
      lost = true;
    } else if (errno == EAGAIN) {
      return lost ? list(callback) : Status();
    } else if (errno != EINTR) {
      return fail_system("cannot read news of network devices", errno);
    }
  }
}

}  // namespace starocean::xsk
