#include "starocean/dataplane/snooping.h"

#include <algorithm>
#include <bit>

namespace starocean::dataplane {

size_t SnoopingTable::slot_of(uint64_t key) const {
  uint64_t hash = key * 0x9e3779b97f4a7c15u;
  hash ^= hash >> 32;
  size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].key != 0 && slots_[slot].key != key) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

const PortSet* SnoopingTable::receivers(uint16_t vlan, uint64_t group) const {
  const Slot& slot = slots_[slot_of(key(vlan, group))];
  return slot.key == 0 ? nullptr : &slot.receivers;
}

void SnoopingTable::insert(uint64_t key, const PortSet& receivers) {
  slots_[slot_of(key)] = {key, receivers};
}

void SnoopingState::observe(const GroupEvent& event, uint64_t now_ms) {
  Heard& heard = heard_[{event.bridge, event.vlan}];
  const auto renew = [&](uint64_t& until_ms) {
    changed_ |= until_ms == 0;
    until_ms = now_ms + kQuerierMs;
  };
  switch (event.kind) {
    case GroupEvent::kQuerier4:
      return renew(heard.querier4_until_ms);
    case GroupEvent::kQuerier6:
      return renew(heard.querier6_until_ms);
    case GroupEvent::kRouter:
      if (event.port.valid()) renew(heard.routers[event.port]);
      return;
    case GroupEvent::kJoin:
      return join(heard, event, now_ms);
    case GroupEvent::kLeave: {
      const auto group = heard.groups.find(event.group);
      if (group == heard.groups.end()) return;
      const auto port = group->second.find(event.port);
      if (port != group->second.end()) port->second = std::min(port->second, now_ms + kLeaveMs);
      return;
    }
  }
}

void SnoopingState::join(Heard& heard, const GroupEvent& event, uint64_t now_ms) {
  if (!event.port.valid()) return;  // Linux gets all of its VLAN's groups
  auto group = heard.groups.find(event.group);
  if (group == heard.groups.end()) {
    if (groups_[event.bridge] >= kMaxGroups) return;
    ++groups_[event.bridge];
    group = heard.groups.try_emplace(event.group).first;
  }
  uint64_t& until_ms = group->second[event.port];
  changed_ |= until_ms == 0;
  until_ms = now_ms + kMembershipMs;
}

size_t SnoopingState::expire(Expiry& ports, uint64_t now_ms) {
  const size_t gone =
      std::erase_if(ports, [now_ms](const auto& port) { return port.second <= now_ms; });
  changed_ |= gone != 0;
  return gone;
}

void SnoopingState::expire(uint64_t now_ms) {
  for (auto& [place, heard] : heard_) {
    expire(heard.routers, now_ms);
    for (uint64_t* until_ms : {&heard.querier4_until_ms, &heard.querier6_until_ms}) {
      if (*until_ms == 0 || *until_ms > now_ms) continue;
      *until_ms = 0;
      changed_ = true;
    }
    for (auto group = heard.groups.begin(); group != heard.groups.end();) {
      expire(group->second, now_ms);
      if (!group->second.empty()) {
        ++group;
        continue;
      }
      group = heard.groups.erase(group);
      --groups_[place.first];
    }
  }
  std::erase_if(heard_, [](const auto& entry) {
    const Heard& heard = entry.second;
    return heard.routers.empty() && heard.groups.empty() && heard.querier4_until_ms == 0 &&
           heard.querier6_until_ms == 0;
  });
}

void SnoopingState::forget(PortId port) {
  for (auto& [place, heard] : heard_) {
    changed_ |= heard.routers.erase(port) != 0;
    // The groups that become empty go with the next expire().
    for (auto& [group, ports] : heard.groups) changed_ |= ports.erase(port) != 0;
  }
}

void SnoopingState::forget(BridgeId bridge) {
  changed_ |= std::erase_if(
                  heard_, [bridge](const auto& entry) { return entry.first.first == bridge; }) != 0;
  groups_.erase(bridge);
}

std::unique_ptr<const SnoopingTables> SnoopingState::make_tables() {
  auto tables = std::make_unique<SnoopingTables>();
  changed_ = false;
  if (heard_.empty()) return tables;
  tables->bridges.resize(heard_.rbegin()->first.first.index() + 1);
  for (const auto& [bridge, count] : groups_) {
    if (bridge.index() >= tables->bridges.size()) continue;
    tables->bridges[bridge.index()].slots_.resize(std::bit_ceil(2 * count + 1));
  }
  for (const auto& [place, heard] : heard_) {
    SnoopingTable& table = tables->bridges[place.first.index()];
    SnoopingTable::Vlan& vlan = table.vlans_[place.second];
    vlan.querier4 = heard.querier4_until_ms != 0;
    vlan.querier6 = heard.querier6_until_ms != 0;
    for (const auto& [port, until_ms] : heard.routers) vlan.routers.add(port);
    for (const auto& [group, ports] : heard.groups) {
      if (ports.empty()) continue;
      PortSet receivers = vlan.routers;
      for (const auto& [port, until_ms] : ports) receivers.add(port);
      table.insert(SnoopingTable::key(place.second, group), receivers);
    }
  }
  return tables;
}

std::vector<SnoopingState::Membership> SnoopingState::memberships() const {
  std::vector<Membership> result;
  for (const auto& [place, heard] : heard_) {
    for (const auto& [group, ports] : heard.groups) {
      Membership& membership =
          result.emplace_back(Membership{place.first, place.second, group, {}});
      for (const auto& [port, until_ms] : ports) membership.ports.push_back(port);
    }
  }
  return result;
}

}  // namespace starocean::dataplane
