// Any sequence of changes at all: the Fib against the plainest model of it. Each operation is a few bytes:
// which one, which prefix, which next hops or neighbour. After each, the addresses at and around the prefix are
// looked up, one by one and at once, and in the end everything is compared, removed, and must be gone.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/table/fib.h"

namespace starocean::table {
namespace {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t next() { return empty() ? uint8_t{0} : data_[at_++]; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

net::Ipv6Address cut(const net::Ipv6Address& address, uint32_t bits) {
  net::Ipv6Address::Bytes bytes = address.bytes();
  for (uint32_t bit = bits; bit < 128; ++bit) {
    bytes[bit / 8] = static_cast<uint8_t>(bytes[bit / 8] & ~(0x80u >> bit % 8));
  }
  return net::Ipv6Address(bytes);
}

net::Ipv6Address neighbour(uint8_t number) {
  return net::Ipv6Address::mapped(net::Ipv4Address(0xc0000200u + number));
}

class Differential {
 public:
  Differential() : fib_(qsbr_), table_(**fib_.add_table(254)) {
    for (const uint32_t ifindex : {1u, 2u}) {
      fib_.bind_interface(ifindex, InterfaceId(static_cast<uint16_t>(ifindex)));
      bound_[ifindex] = true;
    }
  }

  void step(Bytes& bytes) {
    const uint8_t what = bytes.next();
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
        set(bytes);
        break;
      case 3:
      case 4:
        remove(prefix(bytes));
        break;
      case 5:
        change_neighbour(bytes);
        break;
      case 6:
        change_interface(bytes);
        break;
      default:
        fib_.collect();
    }
  }
  void finish() {
    size_t listed = 0;
    for (const auto family : {net::IpFamily::kIpv4, net::IpFamily::kIpv6}) {
      fib_.for_each_route(table_, family, [&](const net::IpPrefix& p, const Route& route) {
        ++listed;
        SO_CHECK(model_.at(p) == route, "a listed route is as it was set");
      });
    }
    SO_CHECK(listed == model_.size(), "each route is listed once");
    const std::map<net::IpPrefix, Route> all = model_;
    for (const auto& [p, route] : all) remove(p);
    for (const auto& [p, route] : all) SO_CHECK(lookup(p.address) == 0, "no route is left");
  }

 private:
  static net::IpPrefix prefix(Bytes& bytes) {
    const uint8_t length = bytes.next();
    net::Ipv6Address::Bytes address{};
    if ((length & 0x80) == 0) {
      // Few bits: very short prefixes are too many words for a fuzzer's patience.
      const uint32_t bits = length % 33 < 14 && length % 33 != 0 ? 14 + length % 33u : length % 33u;
      uint32_t host = 0x0a000000;
      for (int i = 0; i < 3; ++i) host ^= uint32_t{bytes.next()} << (8 * i);
      const auto mapped = net::Ipv6Address::mapped(net::Ipv4Address(host));
      return net::IpPrefix::v4(net::Ipv4Address(cut(mapped, 96 + bits).embedded_ipv4()),
                               static_cast<uint8_t>(bits));
    }
    address[0] = 0x20;
    // Two bytes somewhere, so that some prefixes are long and many lie in one another.
    const uint8_t where = bytes.next();
    address[1 + where % 15] = bytes.next();
    address[1 + where / 16 % 15] = bytes.next();
    uint32_t bits = bytes.next() % 129;
    if (bits < 14 && bits != 0) bits += 14;
    return net::IpPrefix::v6(cut(net::Ipv6Address(address), bits), static_cast<uint8_t>(bits));
  }
  static Route route(Bytes& bytes) {
    const uint8_t what = bytes.next();
    if (what % 8 == 7) return {RouteKind::kThrow, {}};
    if (what % 8 == 6) return {RouteKind::kBlackhole, {}};
    Route route;
    const uint32_t count = 1 + what % 4u;
    for (uint32_t i = 0; i < count; ++i) {
      const uint8_t hop = bytes.next();
      NextHop next{.ifindex = 1 + hop % 3u, .gateway = {}, .weight = 1 + hop / 64u};
      if (hop / 4 % 4 != 0) next.gateway = neighbour(hop / 4 % 4);
      route.next_hops.push_back(next);
    }
    return route;
  }
  void set(Bytes& bytes) {
    const net::IpPrefix p = prefix(bytes);
    const Route r = route(bytes);
    SO_CHECK(fib_.set_route(table_, p, r).has_value(), "there is room");
    model_[p] = r;
    check_around(p);
  }
  void remove(const net::IpPrefix& p) {
    SO_CHECK(fib_.remove_route(table_, p) == (model_.erase(p) == 1), "removed if it was there");
    check_around(p);
  }
  void change_neighbour(Bytes& bytes) {
    const uint8_t what = bytes.next();
    const std::pair key{1 + what % 3u, neighbour(what / 4 % 4)};
    if (what < 128) {
      SO_CHECK(
          fib_.set_neighbour(key.first, key.second, NeighbourState::kReachable, {}).has_value(),
          "there is room");
      neighbours_[key] = true;
    } else {
      fib_.remove_neighbour(key.first, key.second);
      neighbours_.erase(key);
    }
    for (const auto& [p, route] : model_) check(p.address, what);
  }
  void change_interface(Bytes& bytes) {
    const uint8_t what = bytes.next();
    const uint32_t ifindex = 1 + what % 3u;
    bound_[ifindex] = what >= 128;
    if (bound_[ifindex]) {
      fib_.bind_interface(ifindex, InterfaceId(static_cast<uint16_t>(ifindex)));
    } else {
      fib_.unbind_interface(ifindex);
    }
    for (const auto& [p, route] : model_) check(p.address, what);
  }

  RouteIndex lookup(const net::Ipv6Address& address) const {
    return address.is_mapped() ? fib_.lookup4(table_, address.embedded_ipv4())
                               : fib_.lookup6(table_, address);
  }
  const Route* model_lookup(const net::Ipv6Address& address) const {
    const bool v4 = address.is_mapped();
    for (uint32_t bits = v4 ? 33 : 129; bits-- > 0;) {
      const auto length = static_cast<uint8_t>(bits);
      const auto key =
          v4 ? net::IpPrefix::v4(net::Ipv4Address(cut(address, 96 + bits).embedded_ipv4()), length)
             : net::IpPrefix::v6(cut(address, bits), length);
      const auto found = model_.find(key);
      if (found != model_.end()) return &found->second;
    }
    return nullptr;
  }
  // The first and last address of the prefix, and those next to it.
  void check_around(const net::IpPrefix& p) {
    net::Ipv6Address::Bytes last = p.address.bytes();
    const uint32_t first_bit = (p.family == net::IpFamily::kIpv4 ? 96u : 0u) + p.length;
    for (uint32_t bit = first_bit; bit < 128; ++bit) {
      last[bit / 8] = static_cast<uint8_t>(last[bit / 8] | 0x80u >> bit % 8);
    }
    for (net::Ipv6Address::Bytes bytes : {p.address.bytes(), last}) {
      check(net::Ipv6Address(bytes), bytes[15]);
      for (const uint8_t change : {uint8_t{1}, uint8_t{0x80}}) {
        bytes[15] = static_cast<uint8_t>(bytes[15] ^ change);
        check(net::Ipv6Address(bytes), bytes[14]);
      }
    }
  }
  void check(const net::Ipv6Address& address, uint32_t flow_hash) {
    const Route* expected = model_lookup(address);
    const RouteIndex index = lookup(address);
    check_batch(address, index);
    const auto match = fib_.longest_match(table_, address);
    SO_CHECK((expected != nullptr) == match.has_value(), "the writer finds what readers find");
    const Decision decision = fib_.decide(index, address, flow_hash);
    if (expected == nullptr) {
      SO_CHECK(index == 0 && decision.kind == RouteKind::kNone, "no route");
      return;
    }
    SO_CHECK(match->second == *expected, "the longest match");
    if (expected->kind != RouteKind::kForward) {
      SO_CHECK(decision.kind == expected->kind, "what it was set to");
      return;
    }
    check_decision(*expected, decision, address);
  }
  void check_batch(const net::Ipv6Address& address, RouteIndex index) const {
    std::array<RouteIndex, 3> routes{};
    if (address.is_mapped()) {
      std::array<uint32_t, 3> all{};
      all.fill(address.embedded_ipv4());
      fib_.lookup4(table_, all, routes);
    } else {
      std::array<net::Ipv6Address, 3> all;
      all.fill(address);
      fib_.lookup6(table_, all, routes);
    }
    for (const RouteIndex route : routes) SO_CHECK(route == index, "many are as one");
  }
  // It goes by one of the route's next hops; which is for the unit tests of buckets.
  void check_decision(const Route& route, const Decision& decision,
                      const net::Ipv6Address& destination) {
    const bool bound = bound_[decision.ifindex];
    SO_CHECK(decision.kind == (bound ? RouteKind::kForward : RouteKind::kElsewhere),
             "forwarded if the device is ours");
    bool possible = false;
    for (const NextHop& hop : route.next_hops) {
      if (hop.ifindex != decision.ifindex) continue;
      if (!bound) return;
      const net::Ipv6Address& to = hop.gateway.value_or(destination);
      const bool known = hop.gateway || exists(hop.ifindex, destination);
      possible |= known ? decision.adjacency != 0 &&
                              fib_.adjacency(decision.adjacency).address == to &&
                              fib_.adjacency(decision.adjacency).ifindex == hop.ifindex
                        : decision.adjacency == 0;
    }
    SO_CHECK(possible, "by one of its next hops");
  }
  // Is there an adjacency: a neighbour of Linux's, or a gateway of some route?
  bool exists(uint32_t ifindex, const net::Ipv6Address& address) const {
    if (neighbours_.contains({ifindex, address})) return true;
    for (const auto& [p, route] : model_) {
      for (const NextHop& hop : route.next_hops) {
        if (hop.ifindex == ifindex && hop.gateway == address) return true;
      }
    }
    return false;
  }

  ring::Qsbr qsbr_{1};
  Fib fib_;
  Fib::Table& table_;
  std::map<net::IpPrefix, Route> model_;
  std::map<std::pair<uint32_t, net::Ipv6Address>, bool> neighbours_;
  std::map<uint32_t, bool> bound_;
};

}  // namespace
}  // namespace starocean::table

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  starocean::table::Bytes bytes(data, size);
  starocean::table::Differential both;
  while (!bytes.empty()) both.step(bytes);
  both.finish();
  return 0;
}
