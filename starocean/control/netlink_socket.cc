#include "starocean/control/netlink_socket.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace starocean::control {
namespace {

// The kernel's largest piece of a list (netlink_dump).
constexpr size_t kDumpBytes = 32 << 10;
// News come one message a datagram. The largest is a route with very many next hops.
constexpr size_t kEventBytes = 16 << 10;
constexpr size_t kEventsPerCall = 32;
// linux/netlink.h; from Linux 4.20.
constexpr int kStrictCheck = 12;

Result<xsk::NetlinkSocket> open_socket() {
  xsk::NetlinkSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket) return fail_system("cannot open a netlink socket", errno);
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    return fail_system("cannot bind a netlink socket", errno);
  }
  const int fd = mnl_socket_get_fd(socket.get());
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
    return fail_system("cannot make a netlink socket non-blocking", errno);
  }
  return socket;
}

// Calls visit(header, message) for each message in `received`.
template <class Visit>
void each_message(std::span<const std::byte> received, Visit visit) {
  auto len = static_cast<int>(received.size());
  for (const auto* header = reinterpret_cast<const nlmsghdr*>(received.data());
       mnl_nlmsg_ok(header, len); header = mnl_nlmsg_next(header, &len)) {
    visit(header, std::span(reinterpret_cast<const std::byte*>(header), header->nlmsg_len));
  }
}

int error_of(const nlmsghdr* header) {
  if (mnl_nlmsg_get_payload_len(header) < sizeof(int)) return EBADMSG;
  return -*static_cast<const int*>(mnl_nlmsg_get_payload(header));
}

}  // namespace

struct NetlinkEvents::Buffers {
  Buffers() {
    for (size_t i = 0; i < kEventsPerCall; ++i) {
      pieces[i] = {bytes[i].data(), kEventBytes};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  alignas(nlmsghdr) std::array<std::array<std::byte, kEventBytes>, kEventsPerCall> bytes;
  std::array<iovec, kEventsPerCall> pieces{};
  std::array<mmsghdr, kEventsPerCall> messages{};
};

void NetlinkEvents::DeleteBuffers::operator()(Buffers* buffers) const {
  delete buffers;
}

Result<NetlinkEvents> NetlinkEvents::open(std::span<const unsigned> groups,
                                          int receive_buffer_bytes) {
  auto socket = open_socket();
  if (!socket) return fail(socket.error());
  const int fd = mnl_socket_get_fd(socket->get());
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(int)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
  }
  for (const unsigned group : groups) {
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0) {
      return fail_system("cannot subscribe to the kernel's news of routes", errno);
    }
  }
  NetlinkEvents events;
  events.socket_ = std::move(*socket);
  events.buffers_.reset(new Buffers);  // NOLINT: its arrays are not to be zeroed
  return events;
}

int NetlinkEvents::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

Result<NetlinkEvents::Progress> NetlinkEvents::read(size_t max_messages,
                                                    const VisitMessage& visit) {
  Progress progress;
  while (progress.messages < max_messages) {
    const int received = recvmmsg(fd(), buffers_->messages.data(), kEventsPerCall, 0, nullptr);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) {
        progress.lost = true;
        continue;
      }
      if (errno != EAGAIN) return fail_system("cannot read the kernel's news of routes", errno);
      progress.drained = true;
      break;
    }
    for (size_t i = 0; i < static_cast<size_t>(received); ++i) {
      const mmsghdr& datagram = buffers_->messages[i];
      if ((datagram.msg_hdr.msg_flags & MSG_TRUNC) != 0) progress.lost = true;
      ++progress.messages;
      each_message(std::span(buffers_->bytes[i].data(), datagram.msg_len),
                   [&](const nlmsghdr*, std::span<const std::byte> message) { visit(message); });
    }
  }
  return progress;
}

Result<NetlinkDump> NetlinkDump::open() {
  NetlinkDump dump;
  if (const Status opened = dump.reopen(); !opened) return fail(opened.error());
  dump.buffer_.resize(kDumpBytes);
  return dump;
}

Status NetlinkDump::reopen() {
  auto socket = open_socket();
  if (!socket) return fail(socket.error());
  // So that the kernel itself picks out the table or the device that is asked for.
  const int on = 1;
  if (setsockopt(mnl_socket_get_fd(socket->get()), SOL_NETLINK, kStrictCheck, &on, sizeof(on)) !=
      0) {
    return fail_system("cannot ask the kernel for lists of single routing tables", errno,
                       "use Linux 6.1 or later");
  }
  socket_ = std::move(*socket);
  running_ = false;
  return {};
}

Status NetlinkDump::wait_for_kernel() {
  alignas(nlmsghdr) std::array<char, 64> buffer{};
  nlmsghdr* const request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETLINK;
  request->nlmsg_flags = NLM_F_REQUEST;
  request->nlmsg_seq = ++sequence_;  // read() passes over the answer
  constexpr int kLoopback = 1;
  static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)))->ifi_index =
      kLoopback;
  if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) {
    return fail_system("cannot ask the kernel about a link", errno);
  }
  return {};
}

Status NetlinkDump::start(nlmsghdr* request) {
  // The kernel makes one list a socket at a time, and this is how to end it.
  if (running_) {
    if (const Status opened = reopen(); !opened) return fail(opened.error());
  }
  if (const Status waited = wait_for_kernel(); !waited) return fail(waited.error());
  request->nlmsg_flags = static_cast<uint16_t>(request->nlmsg_flags | NLM_F_REQUEST | NLM_F_DUMP);
  request->nlmsg_seq = ++sequence_;
  interrupted_ = false;
  error_ = 0;
  if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) {
    return fail_system("cannot ask the kernel for a list", errno);
  }
  running_ = true;
  return {};
}

NetlinkDump::State NetlinkDump::read(const VisitMessage& visit) {
  const ssize_t len = recv(mnl_socket_get_fd(socket_.get()), buffer_.data(), buffer_.size(), 0);
  if (len < 0) {
    if (errno == EINTR || errno == EAGAIN) return State::kMore;
    error_ = errno;
    return State::kFailed;
  }
  bool done = false;
  each_message(std::span(buffer_.data(), static_cast<size_t>(len)),
               [&](const nlmsghdr* header, std::span<const std::byte> message) {
                 if (header->nlmsg_seq != sequence_ || done) return;
                 interrupted_ |= (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
                 if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
                   done = true;
                   error_ = error_of(header);
                 } else {
                   visit(message);
                 }
               });
  if (!done) return State::kMore;
  running_ = false;
  if (error_ != 0) return State::kFailed;
  return interrupted_ ? State::kInterrupted : State::kDone;
}

Result<NetlinkRequests> NetlinkRequests::open() {
  auto socket = open_socket();
  if (!socket) return fail(socket.error());
  // Room for the answers to a second's requests (NeighbourMirror::kMaxAsked), some 800 bytes each.
  const int receive_buffer_bytes = 1 << 20;
  const int fd = mnl_socket_get_fd(socket->get());
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(int)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
  }
  NetlinkRequests requests;
  requests.socket_ = std::move(*socket);
  requests.buffer_.resize(kDumpBytes);
  return requests;
}

int NetlinkRequests::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

int NetlinkRequests::send(nlmsghdr* request) {
  request->nlmsg_flags = static_cast<uint16_t>(request->nlmsg_flags | NLM_F_REQUEST | NLM_F_ACK);
  request->nlmsg_seq = ++sequence_;
  return mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0 ? errno : 0;
}

void NetlinkRequests::read(const std::function<void(int)>& visit) {
  for (;;) {
    const ssize_t len = recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (len < 0 && errno == EINTR) continue;
    if (len < 0 && errno == ENOBUFS)
      continue;  // answers lost: they were about requests of the past
    if (len < 0) return;
    each_message(std::span(buffer_.data(), static_cast<size_t>(len)),
                 [&](const nlmsghdr* header, std::span<const std::byte>) {
                   if (header->nlmsg_type == NLMSG_ERROR) visit(error_of(header));
                 });
  }
}

}  // namespace starocean::control
