#include "starocean/table/fib.h"

#include <array>
#include <cstring>
#include <new>
#include <string>

namespace starocean::table {
namespace {

template <class T>
T or_bad_alloc(Result<T> made) {
  if (!made) throw std::bad_alloc();
  return std::move(*made);
}

net::Ipv6Address address_of(const lpm::Bits128& bits) {
  const std::array<be64, 2> words{be64(bits.high), be64(bits.low)};
  net::Ipv6Address::Bytes bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return net::Ipv6Address(bytes);
}

}  // namespace

Fib::Fib(ring::Qsbr& qsbr, FibLimits limits)
    : qsbr_(qsbr),
      adjacencies_(or_bad_alloc(AdjacencyTable::create(qsbr, limits.adjacencies))),
      routes_(or_bad_alloc(RouteStore::create(qsbr, *adjacencies_, limits.routes))),
      arena_(std::make_unique<lpm::Arena>(
          or_bad_alloc(lpm::Arena::reserve(qsbr, limits.node_lines)))) {}

Fib::~Fib() = default;

Result<Fib::Table*> Fib::add_table(uint32_t linux_table) {
  if (Table* known = find_table(linux_table); known != nullptr) return known;
  const auto what = std::string("cannot take routing table ").append(std::to_string(linux_table));
  if (tables_.size() >= kMaxTables) {
    return fail(what, std::to_string(kMaxTables) + " are taken already",
                "name fewer tables in rules and VRFs");
  }
  auto v4 = Lpm4::create(*arena_);
  if (!v4) return fail(v4.error().in(what));
  auto v6 = Lpm6::create(*arena_);
  if (!v6) return fail(v6.error().in(what));
  std::unique_ptr<Table> table(new Table(linux_table, std::move(*v4), std::move(*v6)));
  return tables_.emplace(linux_table, std::move(table)).first->second.get();
}

Fib::Table* Fib::find_table(uint32_t linux_table) {
  const auto found = tables_.find(linux_table);
  return found == tables_.end() ? nullptr : found->second.get();
}

void Fib::remove_table(uint32_t linux_table) {
  const auto found = tables_.find(linux_table);
  if (found == tables_.end()) return;
  qsbr_.wait(qsbr_.start());
  for (const bool v4 : {true, false}) {
    found->second->with(v4, [&](const auto& lpm) {
      lpm.for_each([&](const lpm::PrefixMatch& match) { routes_->release(match.value); });
    });
  }
  tables_.erase(found);
  collect();
}

Fib::Key Fib::key_of(const net::IpPrefix& prefix) {
  if (prefix.family == net::IpFamily::kIpv4) {
    return {true, lpm::Bits128::v4(prefix.host4()), prefix.length};
  }
  return {false, Lpm6::bits(prefix.address), prefix.length};
}

net::IpPrefix Fib::prefix_of(net::IpFamily family, const lpm::PrefixMatch& match) {
  const auto length = static_cast<uint8_t>(match.length);
  if (family == net::IpFamily::kIpv6) return net::IpPrefix::v6(address_of(match.prefix), length);
  const auto host = static_cast<uint32_t>(match.prefix.high >> 32);
  return net::IpPrefix::v4(net::Ipv4Address(host), length);
}

Status Fib::set_route(Table& table, const net::IpPrefix& prefix, const Route& route) {
  const Key key = key_of(prefix);
  const auto what = [&] {
    return std::string("cannot set the route to ").append(prefix.to_string());
  };
  if (prefix.length > (key.v4 ? 32 : 128) || key.bits.cut(key.length) != key.bits) {
    return fail(what(), "not a prefix: there are bits behind its length", "clear them");
  }
  if (key.v4 && !prefix.address.is_mapped()) {
    return fail(what(), "an IPv6 address in an IPv4 prefix", "this is an error of the caller");
  }
  return table.with(key.v4, [&](auto& lpm) -> Status {
    const RouteIndex before = lpm.find(key.bits, key.length);
    const auto index = routes_->acquire(route, before);
    if (!index) return fail(index.error().in(what()));
    if (before == *index) {
      routes_->release(before);
      return {};
    }
    if (!lpm.set(key.bits, key.length, *index)) {
      routes_->release(*index);
      return fail(what(), "the memory for prefixes longer than 24 bits is used up",
                  "use fewer of those");
    }
    if (before != 0) routes_->release(before);
    count_change();
    return {};
  });
}

bool Fib::remove_route(Table& table, const net::IpPrefix& prefix) {
  const Key key = key_of(prefix);
  if (prefix.length > (key.v4 ? 32 : 128)) return false;
  const RouteIndex before =
      table.with(key.v4, [&](auto& lpm) { return lpm.erase(key.bits, key.length); });
  if (before == 0) return false;
  routes_->release(before);
  count_change();
  return true;
}

void Fib::count_change() {
  if (++changes_ % kChangesPerCollect == 0) collect();
}

size_t Fib::route_count(const Table& table, net::IpFamily family) const {
  return table.with(family == net::IpFamily::kIpv4, [](const auto& lpm) { return lpm.size(); });
}

Status Fib::set_neighbour(uint32_t ifindex, const net::Ipv6Address& address, NeighbourState state,
                          net::MacAddress mac) {
  return adjacencies_->set_neighbour(ifindex, address, state, mac);
}

void Fib::remove_neighbour(uint32_t ifindex, const net::Ipv6Address& address) {
  adjacencies_->remove_neighbour(ifindex, address);
}

void Fib::bind_interface(uint32_t ifindex, InterfaceId interface) {
  adjacencies_->set_interface(ifindex, interface);
}

void Fib::unbind_interface(uint32_t ifindex) {
  adjacencies_->set_interface(ifindex, InterfaceId::none());
}

void Fib::collect() {
  arena_->collect();
  routes_->collect();
  adjacencies_->collect();
}

std::optional<Route> Fib::route_of(const Table& table, const net::IpPrefix& prefix) const {
  const Key key = key_of(prefix);
  if (prefix.length > (key.v4 ? 32 : 128)) return std::nullopt;
  const RouteIndex index =
      table.with(key.v4, [&](const auto& lpm) { return lpm.find(key.bits, key.length); });
  if (index == 0) return std::nullopt;
  return routes_->route(index);
}

std::optional<std::pair<net::IpPrefix, Route>> Fib::longest_match(
    const Table& table, const net::Ipv6Address& address) const {
  const net::IpFamily family = net::family_of(address);
  const bool v4 = family == net::IpFamily::kIpv4;
  const lpm::Bits128 bits = v4 ? lpm::Bits128::v4(address.embedded_ipv4()) : Lpm6::bits(address);
  const auto match = table.with(v4, [&](const auto& lpm) { return lpm.longest_match(bits); });
  if (!match) return std::nullopt;
  return std::pair(prefix_of(family, *match), routes_->route(match->value));
}

size_t Fib::memory_bytes() const {
  size_t bytes = arena_->memory_bytes() + routes_->memory_bytes() + adjacencies_->memory_bytes();
  for (const auto& [number, table] : tables_) {
    bytes += table->v4_.memory_bytes() + table->v6_.memory_bytes();
  }
  return bytes;
}

}  // namespace starocean::table
