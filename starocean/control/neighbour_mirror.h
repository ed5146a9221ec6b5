// Neighbours as Linux has them, into the forwarding information; and what the data plane asks Linux to do about them:
// resolve one, and keep those in use from going stale. Linux does ARP and ND; this makes neither. Control thread.
//
// Asking is NTF_USE (include/uapi/linux/neighbour.h; `ip neigh add … use`): as if a packet had been sent to it. The
// answer comes as news. Requests are bounded: each neighbour once a second, kMaxAsked altogether, so that a scan of
// a subnet costs little more than its packets. Linux bounds the table itself (net.ipv4.neigh.default.gc_thresh3,
// 1024); what does not fit is counted.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "starocean/control/neighbour_parse.h"
#include "starocean/control/netlink_socket.h"
#include "starocean/table/fib.h"

namespace starocean::control {

class NeighbourMirror {
 public:
  static constexpr uint32_t kMaxAsked = 1000;  // a second

  struct Stats {
    uint64_t asked = 0;
    uint64_t not_asked = 0;       // beyond kMaxAsked
    uint64_t table_overflow = 0;  // ENOBUFS: Linux's table is full
    uint64_t refused = 0;         // for another reason, such as a device that is down
  };

  explicit NeighbourMirror(table::Fib& fib) : fib_(fib) {}

  void apply(const NeighbourMessage& message);
  // A list, during which news may come (see family_routes.h).
  void begin_list();
  void listed(const NeighbourMessage& message);
  void end_list();
  void abandon_list() { listing_ = false; }

  // True if Linux is asked now, or has been within this second. `now_ns` is monotonic.
  bool resolve(NetlinkRequests& requests, uint32_t ifindex, const net::Ipv6Address& address,
               uint64_t now_ns);
  // For one that is in use: asks Linux to confirm it if it is stale, and to try again if it has failed.
  void keep_alive(NetlinkRequests& requests, uint32_t ifindex, const net::Ipv6Address& address,
                  uint64_t now_ns);
  // The outcome of a request: errno.
  void answer(int error);

  const Stats& stats() const { return stats_; }
  size_t size() const { return neighbours_.size(); }
  // NUD_* of a neighbour; 0: none.
  uint16_t state_of(uint32_t ifindex, const net::Ipv6Address& address) const;

 private:
  struct Key {
    uint32_t ifindex;
    net::Ipv6Address address;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const noexcept;
  };
  struct Neighbour {
    uint16_t state = 0;  // NUD_NONE: gone, remembered until the end of the list
    net::MacAddress mac;
    bool fresh = false;  // seen since the list began
  };
  void set(const Key& key, const NeighbourMessage& message);

  table::Fib& fib_;
  std::unordered_map<Key, Neighbour, Hash> neighbours_;
  bool listing_ = false;
  std::unordered_set<Key, Hash> asked_;  // in this second
  uint64_t second_began_ns_ = 0;
  Stats stats_;
};

}  // namespace starocean::control
