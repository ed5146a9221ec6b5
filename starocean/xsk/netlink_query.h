// Internal: one question to the kernel over netlink, and all messages of its answer (netlink(7)). Any
// thread; speaks of the calling thread's network namespace.
#pragma once

#include <linux/netlink.h>

#include <functional>

namespace starocean::xsk {

// Sends the complete request `message` on a new socket of `protocol` (NETLINK_ROUTE, NETLINK_GENERIC) and
// calls `visit` with each message of the answer. With NLM_F_DUMP the answer ends with NLMSG_DONE, else with
// its first message or an error. errno, or 0. A dump that the kernel marks as interrupted gives EINTR.
int netlink_query(int protocol, nlmsghdr* message,
                  const std::function<void(const nlmsghdr*)>& visit);

}  // namespace starocean::xsk
