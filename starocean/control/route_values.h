// What routes say, apart from their prefix: kind and next hops. A million routes have a few hundred of these; each is
// kept once, and a route is 4 bytes that name it. Control thread.
//
// A value is what the kernel tells (its identity, as the kernel itself shares it: struct fib_info), and what follows
// from it now: whether it can be used, and the table::Route with the next hops that are alive. The second changes
// when an interface or a next-hop object does; then the value is *changed*, and whoever holds routes with it puts
// them right. A value whose routes the kernel has removed without telling is *retired*: it is never found again, and
// its routes are to be dropped, while the same content in a later message is a new value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "starocean/control/interface_mirror.h"
#include "starocean/control/next_hop_objects.h"
#include "starocean/control/route_parse.h"
#include "starocean/table/fib.h"

namespace starocean::control {

using ValueIndex = uint32_t;  // 0: none

struct RouteValue {
  // Identity.
  net::IpFamily family = net::IpFamily::kIpv4;
  table::RouteKind kind = table::RouteKind::kNone;
  bool advertised = false;  // IPv6, of a router advertisement or the kernel: never one of several
  uint32_t next_hop_id = 0;
  net::Ipv6Address source;     // IPv4: goes with this address; unspecified: none
  std::vector<RouteHop> hops;  // `dead` is no part of it

  // What follows.
  bool usable = false;
  bool retired = false;
  table::Route route;
  std::vector<uint32_t> devices;  // that it leads through, dead or not
  uint64_t changed = 0;           // epoch of the last change
  uint32_t references = 0;

  // IPv6: joins others of the same prefix and metric to one multipath route (Linux include/net/ip6_route.h,
  // rt6_qualify_for_ecmp).
  bool joins() const {
    return family == net::IpFamily::kIpv6 && kind == table::RouteKind::kForward && !advertised &&
           next_hop_id == 0 && !hops.empty() && hops.front().gateway.has_value();
  }
  bool uses(uint32_t ifindex) const;
};

class RouteValues {
 public:
  // Both outlive it; it looks at them whenever it is told that they changed.
  RouteValues(const InterfaceMirror& interfaces, const NextHopObjects& objects);

  // The value of a route; made if there is none. The caller acquires it, or calls drop_unused().
  ValueIndex intern(const RouteMessage& message);
  // The same, if it is there already; 0 otherwise.
  ValueIndex find(const RouteMessage& message) const;
  // With other next hops instead.
  ValueIndex intern_with(ValueIndex base, std::vector<RouteHop> hops);
  void acquire(ValueIndex index) { ++values_[index]->references; }
  void release(ValueIndex index);
  void drop_unused(ValueIndex index);

  const RouteValue& at(ValueIndex index) const { return *values_[index]; }
  // Whether the value says what the message says.
  bool is_same(ValueIndex index, const RouteMessage& message) const;

  // Each makes values changed or retired.
  void interface_changed(uint32_t ifindex);
  void all_interfaces_changed();
  void objects_changed(NextHopObjects::Changed ids);
  // IPv4, next hops that are not objects: what the kernel removes when a device is down, or has no IPv4 address any
  // more (net/ipv4/fib_semantics.c, fib_sync_down_dev): routes all of whose next hops are on such devices. A device
  // that is gone takes even those with it that have others.
  void retire_of_device(uint32_t ifindex, bool gone);
  // Whether a next hop on this device was dead by the last that the kernel told of it.
  bool has_dead_hop(uint32_t ifindex) const;
  // IPv4: what the kernel removes when an address goes that no interface has any more: routes with that source
  // (fib_sync_down_addr). True if some of them do not lead through the device.
  bool retire_of_source(const net::Ipv6Address& address, uint32_t ifindex);

  // Grows with every change of a value of this family; compare with RouteValue::changed.
  uint64_t epoch(net::IpFamily family) const { return epochs_[family == net::IpFamily::kIpv6]; }
  size_t size() const { return by_hash_.size(); }
  size_t memory_bytes() const;

 private:
  ValueIndex find(const RouteValue& wanted) const;
  ValueIndex insert(RouteValue value);
  void forget(ValueIndex index);
  void mark_changed(RouteValue& value);
  void retire(ValueIndex index);
  // Recomputes what follows; true if that is different now.
  bool derive(RouteValue& value) const;
  void rederive(RouteValue& value);
  void take_dead_flags(RouteValue& value, const std::vector<RouteHop>& hops);
  std::vector<RouteHop> hops_of(const RouteValue& value) const;

  const InterfaceMirror& interfaces_;
  const NextHopObjects& objects_;
  std::vector<std::unique_ptr<RouteValue>> values_;  // null: free
  std::vector<ValueIndex> free_;
  std::unordered_multimap<uint64_t, ValueIndex> by_hash_;  // without the retired
  uint64_t epochs_[2] = {1, 1};
  mutable RouteValue wanted_;  // what is searched for; kept for its memory
};

}  // namespace starocean::control
