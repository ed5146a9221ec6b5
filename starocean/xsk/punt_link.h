// Internal: the few rtnetlink requests that make, dress and remove a veth pair. Control thread
// only. A connection belongs to the network namespace that the thread was in when it was opened.
//
// Sources: rtnetlink(7); linux/if_link.h, linux/veth.h.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"

struct mnl_socket;

namespace starocean::xsk::rtnl {

struct Device {
  uint32_t ifindex = 0;
  std::string name;
  std::string kind;   // "veth", "bridge" …; empty for hardware
  std::string alias;  // free text that an administrator, or we, attached
  uint32_t mtu = 0;
  std::array<uint8_t, 6> mac{};
};

// What set() changes: the fields that are set.
struct DeviceChange {
  std::optional<std::string> alias = std::nullopt;
  std::optional<uint32_t> mtu = std::nullopt;
  std::optional<std::array<uint8_t, 6>> mac = std::nullopt;
  std::optional<bool> up = std::nullopt;
  std::optional<bool> arp = std::nullopt;
  bool no_ipv6_address =
      false;  // never give it a link-local address (so it asks for no router either)
};

class Connection {
 public:
  static Result<Connection> open();

  Result<std::vector<Device>> list();
  Result<Device> find(std::string_view name);  // code ENODEV if there is none
  // Both ends with the same number of queues.
  Status create_veth(std::string_view name, std::string_view peer, uint32_t mtu = 1500,
                     uint32_t queues = 1);
  Status set(uint32_t ifindex, const DeviceChange& change);
  Status remove(uint32_t ifindex);
  // Sends a complete request and waits for the kernel's acknowledgement.
  Status request(nlmsghdr* message, std::string_view what);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit Connection(mnl_socket* socket) : socket_(socket) {}
  uint32_t next_sequence() { return ++sequence_; }

  std::unique_ptr<mnl_socket, Close> socket_;
  uint32_t sequence_ = 0;
};

}  // namespace starocean::xsk::rtnl
