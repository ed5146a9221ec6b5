// Watches the network devices of one network namespace over netlink, and asks about single ones.
//
//   auto monitor = LinkMonitor::open();
//   … look at what there is: find_link(name), or monitor->list([](const LinkInfo& link) { … })
//   … when monitor->fd() is readable (poll, epoll):
//   monitor->read([](const LinkInfo& link) { … });        // what has changed since open()
//
// No change is lost: the subscription is older than anything looked at after open(), so that at worst
// something is told twice. When the kernel had to throw events away (ENOBUFS), read() lists again and tells of
// devices that have gone meanwhile. Attaching an XDP program is no event of the kernel's: ask with find_link.
//
// A device that was deleted and made anew has the same name and another ifindex.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "starocean/base/result.h"
#include "starocean/xsk/link_info.h"

struct mnl_socket;

namespace starocean::xsk {

struct CloseNetlink {
  void operator()(mnl_socket* socket) const;
};
using NetlinkSocket = std::unique_ptr<mnl_socket, CloseNetlink>;

using LinkCallback = std::function<void(const LinkInfo&)>;

// Move-only; one thread at a time. Belongs to the network namespace of the thread that opened it;
// list() must be called in the same one.
class LinkMonitor {
 public:
  struct Options {
    // Room for events not yet read. Beyond net.core.rmem_max it takes CAP_NET_ADMIN.
    int receive_buffer_bytes = 1 << 20;
  };
  static Result<LinkMonitor> open(const Options& options);
  static Result<LinkMonitor> open();

  // Non-blocking; readable when read() has something to do.
  int fd() const;
  // Every device; and, with `removed`, those that have gone unnoticed.
  Status list(const LinkCallback& callback);
  // Handles all events that are waiting; does not block.
  Status read(const LinkCallback& callback);

 private:
  explicit LinkMonitor(NetlinkSocket events) : events_(std::move(events)) {}
  void tell(const LinkInfo& link, const LinkCallback& callback);

  NetlinkSocket events_;
  std::map<uint32_t, std::string> known_;  // ifindex → name
};

// Every device of the calling thread's network namespace. Any thread.
Status list_links(const LinkCallback& callback);

// The device of this name (alternative names do not count) or index; nullopt if there is none.
Result<std::optional<LinkInfo>> find_link(const std::string& name);
Result<std::optional<LinkInfo>> find_link(uint32_t ifindex);

}  // namespace starocean::xsk
