#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "starocean/control/route_mirror_impl.h"

namespace starocean::control {
namespace {

using Kind = ListStep::Kind;

constexpr uint32_t kMaxFailures = 10;

std::string_view what_of(Kind kind) {
  switch (kind) {
    case Kind::kLinks:
      return "interfaces";
    case Kind::kAddresses:
      return "addresses";
    case Kind::kNetconf:
      return "interface settings";
    case Kind::kNextHops:
      return "next-hop objects";
    case Kind::kNeighbours:
      return "neighbours";
    case Kind::kRules:
      return "rules";
    case Kind::kRoutes:
      break;
  }
  return "routes";
}

}  // namespace

// A list that is under way may have passed what this one is for: it does not count.
void RouteMirror::Impl::request(const ListStep& step) {
  if (step.ifindex != 0 && all_routes_ahead_) return;
  if (std::ranges::find(steps_, step) == steps_.end()) steps_.push_back(step);
}

void RouteMirror::Impl::request_all() {
  abandon();
  steps_.clear();
  constexpr net::IpFamily kFamilies[] = {net::IpFamily::kIpv4, net::IpFamily::kIpv6};
  request(ListStep::links());
  for (const net::IpFamily family : kFamilies) request(ListStep::netconf(family));
  request(ListStep::addresses());
  request(ListStep::next_hops());
  request(ListStep::neighbours());
  for (const net::IpFamily family : kFamilies) request(ListStep::rules(family));
  for (const net::IpFamily family : kFamilies) {
    for (const MirroredTable& each : tables_) {
      if (each.table != nullptr) request(ListStep::routes(family, each.number));
    }
  }
  all_routes_ahead_ = true;
}

// True: there is more to do.
bool RouteMirror::Impl::run_lists(size_t budget) {
  if (sweeping_) return sweep(budget) || !steps_.empty();
  if (!running_) {
    if (steps_.empty()) return false;
    const ListStep step = steps_.front();
    steps_.pop_front();
    start(step);
  }
  size_t messages = 0;
  while (running_ && !sweeping_ && messages < budget) {
    const auto state = dump_.read([&](std::span<const std::byte> message) {
      ++messages;
      on_listed(message);
    });
    ++messages;
    switch (state) {
      case NetlinkDump::State::kMore:
        break;
      case NetlinkDump::State::kInterrupted:
        again();
        break;
      case NetlinkDump::State::kDone:
        disturbed_ ? again() : finish(false);
        break;
      case NetlinkDump::State::kFailed:
        means_none(*running_, dump_.error()) ? finish(true) : give_up(dump_.error());
        break;
    }
  }
  return running_ || !steps_.empty();
}

void RouteMirror::Impl::start(const ListStep& step) {
  alignas(nlmsghdr) RequestBuffer buffer{};
  running_ = step;
  disturbed_ = false;
  switch (step.kind) {
    case Kind::kLinks:
      interfaces_.begin_list(InterfaceMirror::Kind::kLinks);
      break;
    case Kind::kAddresses:
      interfaces_.begin_list(InterfaceMirror::Kind::kAddresses);
      break;
    case Kind::kNextHops:
      objects_.begin_list();
      break;
    case Kind::kNeighbours:
      neighbours_.begin_list();
      break;
    case Kind::kRules:
      rules_.begin_list(step.family);
      break;
    case Kind::kNetconf:
      break;
    case Kind::kRoutes: {
      all_routes_ahead_ = false;
      // A table that has gone meanwhile has no routes that anybody wants.
      const auto place = place_of(step.table);
      if (step.ifindex == 0 && !place) return running_.reset();
      if (step.ifindex == 0) refused_.begin_list();
      const uint8_t table = step.ifindex == 0 ? *place : Ipv4Routes::Scope::kAllTables;
      if (step.family == net::IpFamily::kIpv4) {
        routes4_.begin_list({.table = table, .ifindex = step.ifindex});
      } else {
        routes6_.begin_list({.table = table, .ifindex = step.ifindex});
      }
      break;
    }
  }
  if (const Status started = dump_.start(make_request(step, buffer)); !started) {
    give_up(started.error().code());
  }
}

void RouteMirror::Impl::on_listed(std::span<const std::byte> message) {
  switch (running_->kind) {
    case Kind::kLinks:
    case Kind::kAddresses:
    case Kind::kNetconf:
      return on_interface(interfaces_.apply(message));
    case Kind::kNextHops:
      if (const auto object = parse_next_hop(message)) on_objects(objects_.apply(*object));
      return;
    case Kind::kNeighbours:
      if (const auto neighbour = parse_neighbour(message)) neighbours_.listed(*neighbour);
      return;
    case Kind::kRules:
      if (const auto rule = parse_rule(message)) rules_.listed(rule->rule);
      return;
    case Kind::kRoutes:
      return on_route(message, true);
  }
}

// The list is complete; with `none` the kernel says that there is nothing of the sort.
void RouteMirror::Impl::finish(bool none) {
  failures_ = 0;
  ++stats_.lists;
  list_problem_.clear();
  switch (running_->kind) {
    case Kind::kLinks:
      for (const auto& gone : interfaces_.end_list(InterfaceMirror::Kind::kLinks)) {
        on_interface(gone);
      }
      break;
    case Kind::kAddresses:
      for (const auto& gone : interfaces_.end_list(InterfaceMirror::Kind::kAddresses)) {
        on_interface(gone);
      }
      break;
    case Kind::kNextHops:
      on_objects(objects_.end_list());
      break;
    case Kind::kNeighbours:
      neighbours_.end_list();
      break;
    case Kind::kRules:
      rules_.end_list(running_->family, !none);
      break;
    case Kind::kNetconf:
      break;
    case Kind::kRoutes:
      if (running_->ifindex == 0) refused_.end_list(running_->table, running_->family);
      if (running_->family == net::IpFamily::kIpv4) {
        routes4_.end_list();
      } else {
        routes6_.end_list();
      }
      sweeping_ = true;
      return;
  }
  running_.reset();
}

// True: there is more to sweep.
bool RouteMirror::Impl::sweep(size_t budget) {
  const bool ipv4 = running_->family == net::IpFamily::kIpv4;
  // News of next-hop objects since the list: what leads through the device is not what was listed.
  if (disturbed_ && running_->ifindex != 0) {
    again();
    return true;
  }
  if (ipv4 ? routes4_.sweep(budget) : routes6_.sweep(budget)) return true;
  sweeping_ = false;
  const ListStep step = *running_;
  running_.reset();
  if (ipv4 ? routes4_.take_doubtful() : routes6_.take_doubtful()) {
    ++stats_.repeated;
    request(step);
  }
  return false;
}

// What is listed has changed meanwhile: once more, before anything else.
void RouteMirror::Impl::again() {
  ++stats_.repeated;
  steps_.push_front(*running_);
  abandon();
}

void RouteMirror::Impl::abandon() {
  routes4_.abandon_list();
  routes6_.abandon_list();
  interfaces_.abandon_list();
  neighbours_.abandon_list();
  sweeping_ = false;
  running_.reset();
}

void RouteMirror::Impl::give_up(int error) {
  const ListStep step = *running_;
  again();
  if (++failures_ < kMaxFailures) return;
  steps_.pop_front();
  list_problem_ = Error::system(fmt::format("cannot list Linux's {}", what_of(step.kind)), error,
                                "the data plane may not follow all of them; restart starocean")
                      .message();
}

}  // namespace starocean::control
