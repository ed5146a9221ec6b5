// Next-hop objects and groups of Linux (ip-nexthop(8)), to which routes refer by number. Control thread; asks
// nothing itself.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "starocean/control/next_hop_parse.h"

namespace starocean::control {

class NextHopObjects {
 public:
  // Ids of the objects that are now different or gone, with the groups that they are members of.
  using Changed = std::vector<uint32_t>;
  Changed apply(const NextHopMessage& message);
  // As the kernel does without telling (net/ipv4/nexthop.c, nexthop_flush_dev): when a device goes down or loses its
  // carrier, its next hops go, and groups without members with them.
  Changed remove_of_device(uint32_t ifindex);

  // A list replaces what is known; end_list() returns what has gone unnoticed.
  void begin_list();
  Changed end_list();

  bool contains(uint32_t id) const { return objects_.contains(id); }
  bool is_blackhole(uint32_t id) const;
  // The next hops of an object or group, each with its weight from 1 to 256: larger ones are scaled down.
  std::vector<RouteHop> resolve(uint32_t id) const;
  // Another number after each change.
  uint64_t generation() const { return generation_; }
  size_t size() const { return objects_.size(); }

 private:
  struct Object {
    NextHopMessage message;
    bool listed = false;
  };
  void erase(uint32_t id, Changed& changed);
  void add_groups_of(uint32_t id, Changed& changed) const;

  std::map<uint32_t, Object> objects_;
  uint64_t generation_ = 1;
};

}  // namespace starocean::control
