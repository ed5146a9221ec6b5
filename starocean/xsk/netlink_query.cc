#include "starocean/xsk/netlink_query.h"

#include <libmnl/libmnl.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "starocean/xsk/link_monitor.h"

namespace starocean::xsk {
namespace {

constexpr size_t kBufferBytes = 32 << 10;  // a dump's largest datagram (netlink_dump)
constexpr uint32_t kSequence = 1;

}  // namespace

int netlink_query(int protocol, nlmsghdr* message,
                  const std::function<void(const nlmsghdr*)>& visit) {
  const NetlinkSocket socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) return errno;
  message->nlmsg_seq = kSequence;
  if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) return errno;
  const bool dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  std::vector<std::byte> buffer(kBufferBytes);
  int error = 0;
  for (;;) {
    const ssize_t received = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno;
    auto left = static_cast<int>(received);
    for (const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
      if ((answer->nlmsg_flags & NLM_F_DUMP_INTR) != 0) error = EINTR;
      if (answer->nlmsg_type == NLMSG_DONE) return error;
      if (answer->nlmsg_type == NLMSG_ERROR) {
        if (mnl_nlmsg_get_payload_len(answer) < sizeof(nlmsgerr)) return EBADMSG;
        return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
      }
      visit(answer);
      if (!dump) return 0;
    }
  }
}

}  // namespace starocean::xsk
