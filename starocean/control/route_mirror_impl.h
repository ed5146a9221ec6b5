// Internal: the parts of RouteMirror. route_mirror_news.cc follows what the kernel tells, route_mirror_lists.cc asks it
// for lists, route_mirror.cc is the outside.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "starocean/control/family_routes.h"
#include "starocean/control/list_request.h"
#include "starocean/control/netlink_socket.h"
#include "starocean/control/refused_routes.h"
#include "starocean/control/route_mirror.h"
#include "starocean/control/rule_mirror.h"

namespace starocean::control {

class RouteMirror::Impl {
 public:
  Impl(table::Fib& fib, NetlinkEvents news, NetlinkDump dump, NetlinkRequests requests);

  Status add_table(uint32_t linux_table);
  void remove_table(uint32_t linux_table);
  bool service(size_t budget);
  bool synchronised() const;
  // All lists, in the order in which they need each other.
  void request_all();
  std::vector<std::string> problems() const;
  Stats stats() const;

  table::Fib& fib_;
  NetlinkEvents news_;
  NetlinkDump dump_;
  NetlinkRequests requests_;
  InterfaceMirror interfaces_;
  NextHopObjects objects_;
  RouteValues values_;
  std::vector<MirroredTable> tables_;
  Ipv4Routes routes4_;
  Ipv6Routes routes6_;
  NeighbourMirror neighbours_;
  RuleMirror rules_;
  RefusedRoutes refused_;

 private:
  Ipv4Routes::Context context4();
  Ipv6Routes::Context context6();
  std::optional<uint8_t> place_of(uint32_t linux_table) const;
  void note_refusal(const net::IpPrefix& prefix, const Error& error);

  // News.
  bool read_news(size_t budget);
  void on_news(std::span<const std::byte> message);
  void on_route(std::span<const std::byte> message, bool listed);
  void on_objects(const NextHopObjects::Changed& changed);
  void on_interface(const InterfaceMirror::Effect& effect);
  void on_addresses_gone(const InterfaceMirror::Effect& effect);
  void request_routes_of(uint32_t ifindex);

  // Lists.
  void request(const ListStep& step);
  bool run_lists(size_t budget);
  void start(const ListStep& step);
  void on_listed(std::span<const std::byte> message);
  void finish(bool none);
  void again();
  void abandon();
  void give_up(int error);
  bool sweep(size_t budget);
  // News of what is being listed: the list is to be made again.
  void disturb(ListStep::Kind kind) {
    if (running_ && running_->kind == kind) disturbed_ = true;
  }

  std::deque<ListStep> steps_;       // to be listed
  std::optional<ListStep> running_;  // being listed, or swept
  bool all_routes_ahead_ =
      false;  // every table is still to be listed: no need to list single devices
  bool sweeping_ = false;
  bool disturbed_ = false;
  bool lost_ = false;  // news; they are to be read to the end before anything is listed
  bool drained_ = false;
  bool following_ = true;  // values have changed that routes have not followed yet
  uint32_t failures_ = 0;  // of lists, in a row
  std::string list_problem_, refusal_problem_;
  uint64_t refusals_ = 0;
  RouteMessage route_;  // kept for its memory
  Stats stats_;
};

}  // namespace starocean::control
