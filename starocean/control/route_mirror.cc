#include "starocean/control/route_mirror.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "starocean/control/route_mirror_impl.h"

namespace starocean::control {
namespace {

constexpr unsigned kGroups[] = {
    RTNLGRP_LINK,         RTNLGRP_NEIGH,        RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
    RTNLGRP_IPV4_ROUTE,   RTNLGRP_IPV6_ROUTE,   RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,
    RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NEXTHOP,
};

}  // namespace

RouteMirror::Impl::Impl(table::Fib& fib, NetlinkEvents news, NetlinkDump dump,
                        NetlinkRequests requests)
    : fib_(fib),
      news_(std::move(news)),
      dump_(std::move(dump)),
      requests_(std::move(requests)),
      values_(interfaces_, objects_),
      routes4_(context4()),
      routes6_(context6()),
      neighbours_(fib) {}

Ipv4Routes::Context RouteMirror::Impl::context4() {
  return {fib_, values_, tables_,
          [this](const net::IpPrefix& prefix, const Error& error) { note_refusal(prefix, error); }};
}

Ipv6Routes::Context RouteMirror::Impl::context6() {
  return {fib_, values_, tables_,
          [this](const net::IpPrefix& prefix, const Error& error) { note_refusal(prefix, error); }};
}

void RouteMirror::Impl::note_refusal(const net::IpPrefix& prefix, const Error& error) {
  ++refusals_;
  refusal_problem_ = fmt::format("{} routes have found no room, the last {}: {}", refusals_,
                                 prefix.to_string(), error.message());
}

std::optional<uint8_t> RouteMirror::Impl::place_of(uint32_t linux_table) const {
  const auto found = std::ranges::find_if(tables_, [&](const MirroredTable& each) {
    return each.table != nullptr && each.number == linux_table;
  });
  if (found == tables_.end()) return std::nullopt;
  return static_cast<uint8_t>(found - tables_.begin());
}

Status RouteMirror::Impl::add_table(uint32_t linux_table) {
  if (place_of(linux_table)) return {};
  const auto table = fib_.add_table(linux_table);
  if (!table) return fail(table.error());
  auto place = std::ranges::find(tables_, nullptr, &MirroredTable::table);
  if (place == tables_.end()) place = tables_.insert(place, MirroredTable());
  *place = {linux_table, *table};
  request(ListStep::routes(net::IpFamily::kIpv4, linux_table));
  request(ListStep::routes(net::IpFamily::kIpv6, linux_table));
  return {};
}

void RouteMirror::Impl::remove_table(uint32_t linux_table) {
  const auto place = place_of(linux_table);
  if (!place) return;
  if (running_ && running_->kind == ListStep::Kind::kRoutes) again();
  routes4_.drop_table(*place);
  routes6_.drop_table(*place);
  refused_.drop_table(linux_table);
  tables_[*place] = MirroredTable();
  fib_.remove_table(linux_table);
}

bool RouteMirror::Impl::service(size_t budget) {
  requests_.read([&](int error) { neighbours_.answer(error); });
  bool more = read_news(budget);
  if (!lost_) more = run_lists(budget) || more;
  // Both, whatever the first says.
  const bool following4 = routes4_.follow_values(budget);
  const bool following6 = routes6_.follow_values(budget);
  following_ = following4 || following6;
  return more || following_;
}

bool RouteMirror::Impl::synchronised() const {
  return drained_ && !lost_ && !running_ && steps_.empty() && !following_;
}

std::vector<std::string> RouteMirror::Impl::problems() const {
  std::vector<std::string> sentences = rules_.problems();
  for (std::string& each : refused_.problems()) sentences.push_back(std::move(each));
  if (!list_problem_.empty()) sentences.push_back(list_problem_);
  if (!refusal_problem_.empty()) sentences.push_back(refusal_problem_);
  if (const uint64_t overflows = neighbours_.stats().table_overflow; overflows > 0) {
    sentences.push_back(fmt::format(
        "Linux's table of neighbours was full {} times, and packets to new neighbours were "
        "dropped; raise "
        "net.ipv4.neigh.default.gc_thresh3 and net.ipv6.neigh.default.gc_thresh3 with `sysctl -w`",
        overflows));
  }
  return sentences;
}

RouteMirror::Stats RouteMirror::Impl::stats() const {
  Stats stats = stats_;
  stats.routes4 = routes4_.size();
  stats.routes6 = routes6_.size();
  stats.next_hop_objects = objects_.size();
  stats.neighbours = neighbours_.size();
  stats.memory_bytes = routes4_.memory_bytes() + routes6_.memory_bytes() + values_.memory_bytes();
  return stats;
}

RouteMirror::RouteMirror(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RouteMirror::RouteMirror(RouteMirror&&) noexcept = default;
RouteMirror& RouteMirror::operator=(RouteMirror&&) noexcept = default;
RouteMirror::~RouteMirror() = default;

Result<RouteMirror> RouteMirror::open(table::Fib& fib, const Options& options) {
  // The subscription is older than anything that is listed: nothing is missed.
  auto news = NetlinkEvents::open(kGroups, options.receive_buffer_bytes);
  if (!news) return fail(news.error());
  auto dump = NetlinkDump::open();
  if (!dump) return fail(dump.error());
  auto requests = NetlinkRequests::open();
  if (!requests) return fail(requests.error());
  RouteMirror mirror(
      std::make_unique<Impl>(fib, std::move(*news), std::move(*dump), std::move(*requests)));
  for (const uint32_t table : options.tables) {
    if (const Status added = mirror.add_table(table); !added) return fail(added.error());
  }
  mirror.impl_->request_all();
  return mirror;
}

Status RouteMirror::add_table(uint32_t linux_table) {
  return impl_->add_table(linux_table);
}
void RouteMirror::remove_table(uint32_t linux_table) {
  impl_->remove_table(linux_table);
}
std::array<int, 2> RouteMirror::fds() const {
  return {impl_->news_.fd(), impl_->requests_.fd()};
}
bool RouteMirror::service(size_t budget) {
  return impl_->service(budget);
}
bool RouteMirror::synchronised() const {
  return impl_->synchronised();
}
void RouteMirror::resynchronise() {
  impl_->request_all();
}
const InterfaceMirror& RouteMirror::interfaces() const {
  return impl_->interfaces_;
}
std::vector<Rule> RouteMirror::rules(net::IpFamily family) const {
  return impl_->rules_.rules(family);
}
uint64_t RouteMirror::rules_generation() const {
  return impl_->rules_.generation();
}
bool RouteMirror::resolve(uint32_t ifindex, const net::Ipv6Address& address, uint64_t now_ns) {
  return impl_->neighbours_.resolve(impl_->requests_, ifindex, address, now_ns);
}
void RouteMirror::keep_alive_used(uint64_t now_ns) {
  impl_->fib_.take_used([&](const table::Adjacency& adjacency) {
    impl_->neighbours_.keep_alive(impl_->requests_, adjacency.ifindex, adjacency.address, now_ns);
  });
}
const NeighbourMirror::Stats& RouteMirror::neighbour_stats() const {
  return impl_->neighbours_.stats();
}
std::vector<std::string> RouteMirror::problems() const {
  return impl_->problems();
}
RouteMirror::Stats RouteMirror::stats() const {
  return impl_->stats();
}

}  // namespace starocean::control
