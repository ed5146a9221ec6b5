// IGMP and MLD snooping (RFC 4541): groups that somebody has asked for go only to those who have, and to
// routers.
//
//   workers: see a report or query ──GroupEventRing──▶ control thread: SnoopingState, timers
//   workers: look up  ◀──one pointer, immutable SnoopingTables── published when something has changed
//
// Groups are told apart by VLAN and MAC address: 32 IPv4 groups share one, and then share receivers (RFC 4541,
// 2.1.2, allows it). Sources are not: who wants a group from some sources gets all of it.
//
// What is flooded all the same: everything in a VLAN in which no querier has been heard for 255 s, by family,
// since without one memberships are not renewed; groups that nobody has asked for (as Linux's bridge does);
// groups of one link; and what is not IP.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "starocean/base/ids.h"
#include "starocean/dataplane/bridge_rules.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/ring/mpsc.h"

namespace starocean::dataplane {

struct GroupEvent {
  enum Kind : uint8_t { kJoin, kLeave, kQuerier4, kQuerier6, kRouter };
  Kind kind = kJoin;
  uint16_t vlan = kNoVlan;
  BridgeId bridge;
  PortId port;         // where it was heard; none: Linux said it on its interface of the VLAN
  uint64_t group = 0;  // MAC address as number; of kJoin and kLeave
};
using GroupEventRing = ring::MpscRing<GroupEvent>;

// Of one bridge. Immutable.
class SnoopingTable {
 public:
  struct Vlan {
    bool querier4 = false, querier6 = false;
    PortSet routers;
  };

  // Null: nothing has been heard in that VLAN.
  const Vlan* vlan(uint16_t number) const {
    const auto found = vlans_.find(number);
    return found == vlans_.end() ? nullptr : &found->second;
  }
  // Who is to get packets to that address, routers included; null when nobody has asked.
  const PortSet* receivers(uint16_t vlan, uint64_t group) const;

 private:
  friend class SnoopingState;
  struct Slot {
    uint64_t key = 0;  // 0: free
    PortSet receivers;
  };
  static uint64_t key(uint16_t vlan, uint64_t group) { return uint64_t{vlan} << 48 | group; }
  size_t slot_of(uint64_t key) const;
  void insert(uint64_t key, const PortSet& receivers);

  std::map<uint16_t, Vlan> vlans_;
  std::vector<Slot> slots_ = std::vector<Slot>(1);  // a power of two, at most half full
};

struct SnoopingTables {
  std::vector<SnoopingTable> bridges;  // by BridgeId
};

// What has been heard, and when. Control thread only; time is an argument.
class SnoopingState {
 public:
  // RFC 3376, 8.4 and 8.5, with the default robustness of 2 and query interval of 125 s.
  static constexpr uint64_t kMembershipMs = 260'000;
  static constexpr uint64_t kQuerierMs = 255'000;
  // Time for others behind the same port to say that they still want it, once the querier has asked: RFC
  // 2236, 8.8 and 8.9.
  static constexpr uint64_t kLeaveMs = 2'000;
  // Groups of one bridge; beyond, new ones are flooded.
  static constexpr size_t kMaxGroups = 4096;

  struct Membership {
    BridgeId bridge;
    uint16_t vlan;
    uint64_t group;
    std::vector<PortId> ports;
  };

  void observe(const GroupEvent& event, uint64_t now_ms);
  // Forgets what is old.
  void expire(uint64_t now_ms);
  // What was heard on a port, or in a bridge, counts no more.
  void forget(PortId port);
  void forget(BridgeId bridge);

  // Whether tables made now would differ from those made last.
  bool changed() const { return changed_; }
  std::unique_ptr<const SnoopingTables> make_tables();
  std::vector<Membership> memberships() const;

 private:
  using Place = std::pair<BridgeId, uint16_t>;  // bridge and VLAN
  using Expiry = std::map<PortId, uint64_t>;    // until when, by port
  struct Heard {
    Expiry routers;
    uint64_t querier4_until_ms = 0, querier6_until_ms = 0;
    std::map<uint64_t, Expiry> groups;
  };
  void join(Heard& heard, const GroupEvent& event, uint64_t now_ms);
  size_t expire(Expiry& ports, uint64_t now_ms);

  std::map<Place, Heard> heard_;
  std::map<BridgeId, size_t> groups_;  // how many
  bool changed_ = false;
};

}  // namespace starocean::dataplane
