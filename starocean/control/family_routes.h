// The routes of one family, from the kernel's messages into the forwarding information. Control thread.
//
// All of them are kept (stored_routes.h); of each prefix the one of the lowest metric that can be used is in the Fib.
// News change them at once. A list ("dump") is told as what it is: begin_list(), listed() for each route, end_list();
// then sweep() drops those that were not in it. What the list confirms is not touched, and nothing is taken out
// before the whole list has been seen, so that forwarding has no gap.
//
// News and list come over two sockets, and news is applied while a list is under way: it may be newer than what the
// list says later. Therefore what news has touched since begin_list() is marked, and the list does not overrule it;
// what news has removed leaves a tombstone until the list's end.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "starocean/control/route_parse.h"
#include "starocean/control/route_values.h"
#include "starocean/control/stored_routes.h"
#include "starocean/table/fib.h"

namespace starocean::control {

// The tables that are mirrored. Their places do not change; a free one has no table.
struct MirroredTable {
  uint32_t number = 0;
  table::Fib::Table* table = nullptr;
};

template <class Address>
class FamilyRoutes {
 public:
  struct Context {
    table::Fib& fib;
    RouteValues& values;
    const std::vector<MirroredTable>& tables;
    // A route that the forwarding information has not taken, and why.
    std::function<void(const net::IpPrefix&, const Error&)> on_refused;
  };
  explicit FamilyRoutes(const Context& context) : context_(context) {}

  // News. `table` is its place in the tables.
  void apply(uint8_t table, const RouteMessage& message);

  // A list of a table, or of all, or only of the routes that lead through a device (0: any).
  struct Scope {
    static constexpr uint8_t kAllTables = 0xff;
    uint8_t table = kAllTables;
    uint32_t ifindex = 0;
  };
  void begin_list(const Scope& scope);
  void listed(uint8_t table, const RouteMessage& message);
  // The list is complete; sweep() until it returns false. Visits about `max_routes` slots a call.
  void end_list();
  bool sweep(size_t max_routes);
  // The list was not complete, or is of no use: nothing is swept.
  void abandon_list();
  // Whether the last list has to be made again, because news and list could not be reconciled. Asked once.
  bool take_doubtful() { return std::exchange(doubtful_, false); }

  // Puts right the routes of values that have changed or retired; true: there is more to do.
  bool follow_values(size_t max_routes);
  // Drops all routes of a table, from the forwarding information too.
  void drop_table(uint8_t table);

  size_t size() const { return routes_.size(); }
  size_t memory_bytes() const { return routes_.memory_bytes(); }

 private:
  using Store = StoredRoutes<Address>;
  using Route = StoredRoute<Address>;
  using Key = RouteKey<Address>;
  using Slot = typename Store::Slot;

  // What is there of the prefix and metric of a message.
  struct Present {
    Slot same = 0;            // says the same (or is its tombstone)
    Slot first = 0;           // the first in order
    Slot first_of_class = 0;  // … of those that join, or of those that do not
    Slot replaced = 0;        // of that class, news of this generation has replaced it
    uint32_t count = 0, fresh = 0, max_rank = 0;
  };

  static Key key_of(uint8_t table, const net::IpPrefix& prefix);
  static net::IpPrefix prefix_of(const Key& key);
  Present find(const Key& key, uint32_t metric, ValueIndex value);
  void add(const Key& key, const RouteMessage& message);
  void add_beside(const Key& key, const RouteMessage& message, ValueIndex value,
                  const Present& present);
  Slot replaced_by(const Key& key, const RouteMessage& message, ValueIndex value,
                   const Present& present);
  void remove(const Key& key, const RouteMessage& message);
  bool remove_hops(const Key& key, const RouteMessage& message, ValueIndex value, Slot slot);
  void rank_stale_last(const Key& key, uint32_t metric);
  void insert(const Key& key, uint32_t metric, ValueIndex value, uint32_t rank, uint8_t bits);
  void bury(const Key& key, Slot slot);
  void set_value(Slot slot, ValueIndex value);
  void mark(Slot slot, uint8_t bits);
  void erase(Slot slot);
  bool is_fresh(const Route& route) const { return listing() && route.generation == generation_; }
  bool listing() const { return phase_ != Phase::kNone; }
  bool in_scope(const Route& route) const;
  // Makes the forwarding information follow the best route of the prefix. `again`: even if it does already.
  void settle(const Key& key, bool again = false);

  enum class Phase { kNone, kListing, kSweeping };

  Context context_;
  Store routes_;
  Phase phase_ = Phase::kNone;
  Scope scope_;
  uint8_t generation_ = 0;
  Slot sweep_at_ = 1;
  bool removed_during_list_ = false;
  bool doubtful_ = false;
  bool orphan_ = false;  // an installed route was erased, and its prefix is yet to be settled
  Slot follow_at_ = 0;   // 0: no walk under way
  uint64_t follow_epoch_ = 0, followed_epoch_ = 0;
};

extern template class FamilyRoutes<uint32_t>;
extern template class FamilyRoutes<net::Ipv6Address>;
using Ipv4Routes = FamilyRoutes<uint32_t>;  // addresses in host order
using Ipv6Routes = FamilyRoutes<net::Ipv6Address>;

}  // namespace starocean::control
