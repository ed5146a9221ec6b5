#include "starocean/control/family_routes.h"

#include <algorithm>

namespace starocean::control {

template <class Address>
typename FamilyRoutes<Address>::Key FamilyRoutes<Address>::key_of(uint8_t table,
                                                                  const net::IpPrefix& prefix) {
  if constexpr (sizeof(Address) == sizeof(uint32_t)) {
    return {table, prefix.length, prefix.host4()};
  } else {
    return {table, prefix.length, prefix.address};
  }
}

template <class Address>
net::IpPrefix FamilyRoutes<Address>::prefix_of(const Key& key) {
  if constexpr (sizeof(Address) == sizeof(uint32_t)) {
    return net::IpPrefix::v4(net::Ipv4Address(key.address), key.length);
  } else {
    return net::IpPrefix::v6(key.address, key.length);
  }
}

template <class Address>
typename FamilyRoutes<Address>::Present FamilyRoutes<Address>::find(const Key& key, uint32_t metric,
                                                                    ValueIndex value) {
  Present present;
  const bool joins = context_.values.at(value).joins();
  const auto earlier = [&](Slot slot, Slot than) {
    return than == 0 || routes_.at(slot).rank() < routes_.at(than).rank();
  };
  routes_.each_of(key, [&](Slot slot) {
    const Route& route = routes_.at(slot);
    if (route.metric != metric) return;
    if (route.value == value) present.same = slot;
    if (route.has(Route::kTombstone)) return;
    const bool of_class = context_.values.at(route.value).joins() == joins;
    ++present.count;
    present.max_rank = std::max<uint32_t>(present.max_rank, route.rank());
    if (is_fresh(route)) {
      ++present.fresh;
      if (of_class && route.has(Route::kReplaced)) present.replaced = slot;
    }
    if (earlier(slot, present.first)) present.first = slot;
    if (of_class && earlier(slot, present.first_of_class)) present.first_of_class = slot;
  });
  return present;
}

template <class Address>
void FamilyRoutes<Address>::apply(uint8_t table, const RouteMessage& message) {
  const Key key = key_of(table, message.prefix);
  if (message.removed) {
    remove(key, message);
  } else {
    add(key, message);
  }
}

// The route that the one in the message takes the place of; 0: none.
//
// IPv4 (net/ipv4/fib_trie.c, fib_table_insert): with NLM_F_REPLACE the first of the same metric; NLM_F_EXCL in the
// news says that there was none, so that what we have is gone. IPv6 (net/ipv6/ip6_fib.c, fib6_add_rt2node): routes
// with a gateway join to one of several next hops, of which news always tells the whole.
template <class Address>
typename FamilyRoutes<Address>::Slot FamilyRoutes<Address>::replaced_by(const Key& key,
                                                                        const RouteMessage& message,
                                                                        ValueIndex value,
                                                                        const Present& present) {
  if constexpr (sizeof(Address) == sizeof(uint32_t)) {
    if (!message.replaces && !message.first) return 0;
    if (message.first && present.count > 1) {
      routes_.each_of(key, [&](Slot slot) {
        if (routes_.at(slot).metric == message.metric && slot != present.first) erase(slot);
      });
    }
    return present.first;
  } else {
    if (!context_.values.at(value).joins() && !message.replaces) return 0;
    if (present.first_of_class != 0) return present.first_of_class;
    return message.replaces ? present.first : 0;
  }
}

template <class Address>
void FamilyRoutes<Address>::add(const Key& key, const RouteMessage& message) {
  const ValueIndex value = context_.values.intern(message);
  const Present present = find(key, message.metric, value);
  const uint8_t by_replacing = Route::kByNews | Route::kReplaced;
  const bool joins = context_.values.at(value).joins();
  if (const Slot slot = replaced_by(key, message, value, present); slot != 0) {
    // Not by `present`: replaced_by() may have erased it.
    const Slot same = find(key, message.metric, value).same;
    set_value(slot, value);
    if (same != 0 && same != slot) erase(same);
    mark(slot, by_replacing);
    settle(key, routes_.at(slot).has(Route::kInstalled));
    return;
  }
  if (present.same != 0) {
    mark(present.same, joins ? by_replacing : Route::kByNews);
    settle(key);
    return;
  }
  add_beside(key, message, value, present);
}

// One more route of its metric, or the first.
template <class Address>
void FamilyRoutes<Address>::add_beside(const Key& key, const RouteMessage& message,
                                       ValueIndex value, const Present& present) {
  const bool ipv6 = sizeof(Address) != sizeof(uint32_t);
  uint32_t rank = 0;
  if (present.count > 0 && (message.appended || ipv6)) rank = present.max_rank + 1;
  if (present.count > 0 && rank == 0) {  // `ip route prepend`
    routes_.each_of(key, [&](Slot slot) {
      Route& route = routes_.at(slot);
      if (route.metric == message.metric) route.set_rank(route.rank() + 1u);
    });
  }
  const bool alone = message.replaces || message.first || context_.values.at(value).joins();
  insert(key, message.metric, value, rank,
         alone ? Route::kByNews | Route::kReplaced : Route::kByNews);
  settle(key);
}

template <class Address>
void FamilyRoutes<Address>::remove(const Key& key, const RouteMessage& message) {
  removed_during_list_ = removed_during_list_ || listing();
  const ValueIndex value = context_.values.intern(message);
  const Present present = find(key, message.metric, value);
  Slot slot = present.same;
  if (slot == 0 && context_.values.at(value).joins()) slot = present.first_of_class;
  if (slot == 0) {
    routes_.each_of(key, [&](Slot each) {  // one whose value has retired
      const Route& route = routes_.at(each);
      if (route.metric == message.metric && context_.values.is_same(route.value, message)) {
        slot = each;
      }
    });
  }
  if (slot == 0 && phase_ == Phase::kListing) {
    // The list may tell of it later. Of one of several next hops we know only that it is not there any more.
    doubtful_ = doubtful_ || context_.values.at(value).joins();
    insert(key, message.metric, value, 0, Route::kByNews | Route::kTombstone);
  } else if (slot != 0 && !remove_hops(key, message, value, slot)) {
    bury(key, slot);
  }
  context_.values.drop_unused(value);
}

// IPv6: news of one next hop that left a route of several. False: the whole route went.
template <class Address>
bool FamilyRoutes<Address>::remove_hops(const Key& key, const RouteMessage& message,
                                        ValueIndex value, Slot slot) {
  const RouteValue& old = context_.values.at(routes_.at(slot).value);
  if (routes_.at(slot).value == value || !old.joins()) return false;
  std::vector<RouteHop> left = old.hops;
  std::erase_if(left, [&](const RouteHop& hop) {
    return std::ranges::any_of(message.hops, [&](const RouteHop& gone) {
      return gone.ifindex == hop.ifindex && gone.gateway == hop.gateway;
    });
  });
  if (left.empty()) return false;
  set_value(slot, context_.values.intern_with(routes_.at(slot).value, std::move(left)));
  mark(slot, Route::kByNews | Route::kReplaced);
  settle(key, true);
  return true;
}

template <class Address>
void FamilyRoutes<Address>::bury(const Key& key, Slot slot) {
  if (phase_ == Phase::kListing) {
    mark(slot, Route::kByNews);
    routes_.at(slot).set(Route::kTombstone);
  } else {
    erase(slot);
  }
  settle(key);
}

template <class Address>
void FamilyRoutes<Address>::begin_list(const Scope& scope) {
  scope_ = scope;
  phase_ = Phase::kListing;
  doubtful_ = false;
  removed_during_list_ = false;
  if (++generation_ != 0) return;
  for (Slot slot = 1; slot < routes_.slots(); ++slot) routes_.at(slot).generation = 0;
  generation_ = 1;
}

template <class Address>
void FamilyRoutes<Address>::listed(uint8_t table, const RouteMessage& message) {
  if (phase_ != Phase::kListing) return;
  const Key key = key_of(table, message.prefix);
  const ValueIndex value = context_.values.intern(message);
  const Present present = find(key, message.metric, value);
  Slot slot = present.same;
  if (slot != 0 && is_fresh(routes_.at(slot))) return;  // news wins
  if (slot == 0 && present.replaced != 0) {
    context_.values.drop_unused(value);
    return;
  }
  if (slot == 0 && context_.values.at(value).joins()) slot = present.first_of_class;
  // Of a device's routes alone the order among those of others does not follow.
  const bool ordered = scope_.ifindex == 0;
  if (slot == 0) {
    const uint32_t last = present.count == 0 ? 0 : present.max_rank + 1;
    insert(key, message.metric, value, ordered ? present.fresh : last, 0);
    if (present.count > 0 && ordered) rank_stale_last(key, message.metric);
    settle(key);
    return;
  }
  const bool same = routes_.at(slot).value == value;
  const bool buried = routes_.at(slot).has(Route::kTombstone);
  set_value(slot, value);
  mark(slot, 0);
  if (same && !buried && (present.count == 1 || !ordered)) return;
  if (ordered) {
    routes_.at(slot).set_rank(present.fresh);
    rank_stale_last(key, message.metric);
  }
  settle(key, !same);
}

// What the list has named comes first, in its order.
template <class Address>
void FamilyRoutes<Address>::rank_stale_last(const Key& key, uint32_t metric) {
  routes_.each_of(key, [&](Slot slot) {
    Route& route = routes_.at(slot);
    if (route.metric == metric && !is_fresh(route)) route.set_rank(Route::kMaxRank);
  });
}

template <class Address>
void FamilyRoutes<Address>::end_list() {
  if (phase_ != Phase::kListing) return;
  phase_ = Phase::kSweeping;
  sweep_at_ = 1;
}

template <class Address>
void FamilyRoutes<Address>::abandon_list() {
  // Tombstones go with the next list; until then they are in nobody's way.
  phase_ = Phase::kNone;
}

template <class Address>
bool FamilyRoutes<Address>::in_scope(const Route& route) const {
  if (scope_.table != Scope::kAllTables && scope_.table != route.table) return false;
  return scope_.ifindex == 0 || context_.values.at(route.value).uses(scope_.ifindex);
}

template <class Address>
bool FamilyRoutes<Address>::sweep(size_t max_routes) {
  if (phase_ != Phase::kSweeping) return false;
  for (; max_routes > 0 && sweep_at_ < routes_.slots(); ++sweep_at_, --max_routes) {
    Route& route = routes_.at(sweep_at_);
    if (route.value == 0) continue;
    if (route.has(Route::kTombstone)) {
      erase(sweep_at_);
      continue;
    }
    if (is_fresh(route) || !in_scope(route)) continue;
    // The kernel continues a list by position among the routes of a prefix, and can skip one when another goes:
    // what is missing is believed at once only if nothing went meanwhile.
    if (removed_during_list_ && !route.has(Route::kMissed)) {
      route.set(Route::kMissed);
      doubtful_ = true;
      continue;
    }
    const Key key = Store::key_of(route);
    erase(sweep_at_);
    settle(key);
  }
  if (sweep_at_ < routes_.slots()) return true;
  phase_ = Phase::kNone;
  return false;
}

template <class Address>
bool FamilyRoutes<Address>::follow_values(size_t max_routes) {
  const auto family =
      sizeof(Address) == sizeof(uint32_t) ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6;
  const uint64_t epoch = context_.values.epoch(family);
  if (follow_at_ == 0) {
    if (epoch == followed_epoch_) return false;
    follow_epoch_ = epoch;
    follow_at_ = 1;
  }
  for (; max_routes > 0 && follow_at_ < routes_.slots(); ++follow_at_, --max_routes) {
    const Route& route = routes_.at(follow_at_);
    if (route.value == 0) continue;
    const RouteValue& value = context_.values.at(route.value);
    if (value.changed <= followed_epoch_) continue;
    const Key key = Store::key_of(route);
    const bool installed = route.has(Route::kInstalled);
    if (value.retired) erase(follow_at_);
    settle(key, installed);
  }
  if (follow_at_ < routes_.slots()) return true;
  follow_at_ = 0;
  followed_epoch_ = follow_epoch_;
  return context_.values.epoch(family) != followed_epoch_;
}

template <class Address>
void FamilyRoutes<Address>::drop_table(uint8_t table) {
  for (Slot slot = 1; slot < routes_.slots(); ++slot) {
    Route& route = routes_.at(slot);
    if (route.value == 0 || route.table != table) continue;
    route.clear(Route::kInstalled);
    erase(slot);
  }
}

template <class Address>
void FamilyRoutes<Address>::insert(const Key& key, uint32_t metric, ValueIndex value, uint32_t rank,
                                   uint8_t bits) {
  context_.values.acquire(value);
  const Slot slot = routes_.insert(key, metric, value);
  routes_.at(slot).set_rank(rank);
  mark(slot, bits);
  routes_.at(slot).set(bits & Route::kTombstone);
}

template <class Address>
void FamilyRoutes<Address>::set_value(Slot slot, ValueIndex value) {
  Route& route = routes_.at(slot);
  if (route.value == value) return;
  context_.values.acquire(value);
  context_.values.release(std::exchange(route.value, value));
}

// As told by news (`bits`: kByNews, kReplaced) or by the list (0).
template <class Address>
void FamilyRoutes<Address>::mark(Slot slot, uint8_t bits) {
  Route& route = routes_.at(slot);
  route.clear(Route::kByNews | Route::kReplaced | Route::kTombstone | Route::kMissed);
  route.set(bits & (Route::kByNews | Route::kReplaced));
  route.generation = listing() ? generation_ : 0;
}

// The one that is installed takes its place in the forwarding information with it: settle() follows.
template <class Address>
void FamilyRoutes<Address>::erase(Slot slot) {
  Route& route = routes_.at(slot);
  const ValueIndex value = route.value;
  if (route.has(Route::kInstalled)) orphan_ = true;
  routes_.erase(slot);
  context_.values.release(value);
}

template <class Address>
void FamilyRoutes<Address>::settle(const Key& key, bool again) {
  Slot best = 0;
  Slot installed = 0;
  routes_.each_of(key, [&](Slot slot) {
    const Route& route = routes_.at(slot);
    if (route.has(Route::kInstalled)) installed = slot;
    if (route.has(Route::kTombstone) || !context_.values.at(route.value).usable) return;
    if (best == 0) {
      best = slot;
      return;
    }
    const Route& other = routes_.at(best);
    if (std::pair(route.metric, route.rank()) < std::pair(other.metric, other.rank())) best = slot;
  });
  const bool orphan = std::exchange(orphan_, false);
  if (best == installed && !again && !(best == 0 && orphan)) return;
  if (installed != 0) routes_.at(installed).clear(Route::kInstalled);
  table::Fib::Table& table = *context_.tables[key.table].table;
  const net::IpPrefix prefix = prefix_of(key);
  if (best == 0) {
    if (installed != 0 || orphan) context_.fib.remove_route(table, prefix);
    return;
  }
  const RouteValue& value = context_.values.at(routes_.at(best).value);
  if (const Status set = context_.fib.set_route(table, prefix, value.route); !set) {
    // Rather none than one that is out of date.
    context_.fib.remove_route(table, prefix);
    context_.on_refused(prefix, set.error());
    return;
  }
  routes_.at(best).set(Route::kInstalled);
}

template class FamilyRoutes<uint32_t>;
template class FamilyRoutes<net::Ipv6Address>;

}  // namespace starocean::control
