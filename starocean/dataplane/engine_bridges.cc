// The bridges of an engine: their members, rules and MAC tables.
#include "starocean/dataplane/engine.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace starocean::dataplane {

void Engine::set_bridges(const std::vector<BridgeOptions>& bridges) {
  const std::map<BridgeId, BridgeState> old = std::exchange(bridges_, {});
  for (auto& [id, state] : ports_) state.bridge = BridgeId::none();
  for (const BridgeOptions& options : bridges) {
    const auto before = std::find_if(old.begin(), old.end(), [&](const auto& entry) {
      return entry.second.options.name == options.name;
    });
    // Entries of the table and reports of moves name the bridge by its number.
    const bool stays = before != old.end();
    const BridgeId id = stays ? before->first : free_bridge_id(old);
    BridgeState next{options, nullptr};
    // Those of a VLAN-aware bridge are kept under other keys.
    const auto is_aware = [](const BridgeOptions& bridge) {
      return bridge.rules != nullptr && bridge.rules->vlan_aware;
    };
    if (stays && before->second.macs->limit() == options.mac_limit &&
        is_aware(before->second.options) == is_aware(options)) {
      next.macs = before->second.macs;
    } else {
      next.macs = std::make_shared<BridgeMacs>(options.name, options.mac_limit);
    }
    for (const PortId member : options.members) ports_.at(member).bridge = id;
    bridges_.emplace(id, std::move(next));
  }
  publish();
  steer_ports();
  // From here on no worker learns for what is gone, and all know the ports that static entries name.
  for (const auto& [id, state] : bridges_) {
    const auto before = old.find(id);
    update_macs(id, before == old.end() ? BridgeOptions{} : before->second.options);
  }
  for (const auto& [id, state] : old) {
    if (!bridges_.contains(id)) snooping_state_.forget(id);
  }
  forget_moves();
}

BridgeId Engine::free_bridge_id(const std::map<BridgeId, BridgeState>& taken) const {
  uint16_t number = 0;
  while (taken.contains(BridgeId(number)) || bridges_.contains(BridgeId(number))) ++number;
  return BridgeId(number);
}

// By difference, so that what stays is found at every moment.
void Engine::update_macs(BridgeId id, const BridgeOptions& before) {
  const BridgeOptions& now = bridges_.at(id).options;
  table::MacTable& macs = bridges_.at(id).macs->table();
  using Key = std::pair<BridgeId, uint64_t>;  // learning domain and address
  const auto key_of = [id](const BridgeOptions& bridge, const StaticStation& station) {
    return Key(learning_domain(bridge.rules.get(), id, station.vlan), station.mac);
  };
  std::map<Key, PortId> wanted;
  for (const StaticStation& station : now.static_macs) wanted[key_of(now, station)] = station.port;
  for (const StaticStation& station : before.static_macs) {
    const Key key = key_of(before, station);
    if (!wanted.contains(key)) macs.remove(key.first, key.second);
  }
  for (const auto& [key, port] : wanted) macs.add_static(key.first, key.second, port);
  // A port that has left a bridge, or carries other VLANs now, leaves its addresses behind.
  const auto vlans_of = [](const BridgeOptions& bridge, PortId port) {
    const BridgeMember* member = bridge.rules == nullptr ? nullptr : bridge.rules->member(port);
    return member == nullptr ? VlanSet() : member->vlans;
  };
  for (const PortId port : before.members) {
    const auto& members = now.members;
    const bool stays = std::find(members.begin(), members.end(), port) != members.end();
    if (stays && vlans_of(before, port) == vlans_of(now, port)) continue;
    macs.flush_port(port);
    snooping_state_.forget(port);
  }
  if (now.rules == nullptr || !now.rules->multicast_snooping) snooping_state_.forget(id);
}

BridgeId Engine::bridge_of(const std::string& name) const {
  for (const auto& [id, state] : bridges_) {
    if (state.options.name == name) return id;
  }
  return BridgeId::none();
}

std::string Engine::bridge_name(BridgeId bridge) const {
  const auto found = bridges_.find(bridge);
  return found == bridges_.end() ? std::string() : found->second.options.name;
}

void Engine::flush_port(PortId port) {
  snooping_state_.forget(port);
  for (const auto& [id, bridge] : bridges_) bridge.macs->table().flush_port(port);
}

}  // namespace starocean::dataplane
