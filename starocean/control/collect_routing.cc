#include "starocean/control/collect_routing.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/dataplane/route_decision.h"

namespace starocean::control {
namespace {

using table::Adjacency;
using table::NeighbourState;
using table::RouteKind;

const char* state_name(NeighbourState state) {
  switch (state) {
    case NeighbourState::kReachable:
      return "reachable";
    case NeighbourState::kFailed:
      return "failed";
    case NeighbourState::kUnresolved:
      break;
  }
  return "unresolved";
}

std::string mac_text(uint64_t mac) {
  return dataplane::mac_from_u64(mac).to_string();
}

std::string device_name(const RoutingManager& routing, uint32_t ifindex) {
  const RouteMirror* mirror = routing.mirror();
  const Interface* interface = mirror == nullptr ? nullptr : mirror->interfaces().find(ifindex);
  return interface == nullptr ? fmt::format("if{}", ifindex) : interface->name;
}

std::string interface_of(const dataplane::Engine& engine, const RoutingManager& routing,
                         uint32_t ifindex) {
  for (const auto& one : engine.routing().interfaces) {
    if (one.ifindex == ifindex) return routing.name_of(one.id);
  }
  return {};
}

Json next_hop_json(const dataplane::Engine& engine, const RoutingManager& routing,
                   const table::NextHop& hop) {
  Json json = {{"device", device_name(routing, hop.ifindex)},
               {"interface", interface_of(engine, routing, hop.ifindex)},
               {"weight", hop.weight}};
  json["gateway"] = hop.gateway ? Json(net::to_string_either(*hop.gateway)) : Json(nullptr);
  return json;
}

std::vector<uint32_t> tables_of(const dataplane::Engine& engine) {
  std::vector<uint32_t> tables;
  for (const auto& vrf : engine.routing().vrfs) {
    for (const auto* rules : {&vrf.rules4, &vrf.rules6}) {
      for (const auto& rule : *rules) {
        if (rule.table != nullptr) tables.push_back(rule.table->linux_table());
      }
    }
  }
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  return tables;
}

}  // namespace

Json routes_json(dataplane::Engine& engine, const RoutingManager& routing,
                 std::optional<uint32_t> wanted) {
  Json routes = Json::array();
  for (const uint32_t number : tables_of(engine)) {
    if (wanted ? number != *wanted : number == RT_TABLE_LOCAL) continue;
    const table::Fib::Table* table = engine.fib().find_table(number);
    if (table == nullptr) continue;
    for (const auto family : {net::IpFamily::kIpv4, net::IpFamily::kIpv6}) {
      std::vector<std::pair<net::IpPrefix, table::Route>> sorted;
      engine.fib().for_each_route(*table, family, [&](const auto& prefix, const auto& route) {
        sorted.emplace_back(prefix, route);
      });
      std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
        return std::tie(a.first.address, a.first.length) <
               std::tie(b.first.address, b.first.length);
      });
      for (const auto& [prefix, route] : sorted) {
        Json hops = Json::array();
        for (const auto& hop : route.next_hops) hops.push_back(next_hop_json(engine, routing, hop));
        routes.push_back({{"table", number},
                          {"prefix", prefix.to_string()},
                          {"kind", to_string(route.kind)},
                          {"next_hops", std::move(hops)}});
      }
    }
  }
  return {{"schema_version", kSchemaVersion},
          {"routes", std::move(routes)},
          {"problems", routing.problems()}};
}

Json neighbours_json(dataplane::Engine& engine, const RoutingManager& routing) {
  std::vector<Json> neighbours;
  engine.fib().for_each_neighbour([&](const Adjacency& one) {
    const uint64_t word = one.word.load(std::memory_order_relaxed);
    const std::string interface = interface_of(engine, routing, one.ifindex);
    if (interface.empty()) return;
    const NeighbourState state = Adjacency::state_of(word);
    neighbours.push_back(
        {{"interface", interface},
         {"device", device_name(routing, one.ifindex)},
         {"address", net::to_string_either(one.address)},
         {"mac", state == NeighbourState::kReachable ? Json(mac_text(Adjacency::mac_of(word)))
                                                     : Json(nullptr)},
         {"state", state_name(state)}});
  });
  std::sort(neighbours.begin(), neighbours.end(), [](const Json& a, const Json& b) {
    return std::pair(a["interface"], a["address"]) < std::pair(b["interface"], b["address"]);
  });
  return {{"schema_version", kSchemaVersion}, {"neighbours", neighbours}};
}

namespace {

Json egress_json(const dataplane::Engine& engine, PortId port) {
  for (const auto& view : engine.ports()) {
    if (view.id != port) continue;
    const auto count = [&](dataplane::PortCounter counter) {
      return view.counters[static_cast<size_t>(counter)];
    };
    return {{"interface", view.options.name},
            {"tx_packets", count(dataplane::PortCounter::tx_packets)},
            {"tx_bytes", count(dataplane::PortCounter::tx_bytes)}};
  }
  return nullptr;
}

}  // namespace

Result<Json> route_json(dataplane::Engine& engine, const RoutingManager& routing,
                        const std::string& text, const std::string& vrf) {
  const auto v4 = net::Ipv4Address::parse(text);
  const auto v6 = net::Ipv6Address::parse(text);
  if (!v4 && !v6) {
    return fail(fmt::format("cannot look up '{}'", text), "it is no IP address",
                "write one such as 192.0.2.1 or 2001:db8::1");
  }
  if (engine.routing().vrfs.empty()) {
    return fail(fmt::format("cannot look up {}", text), "nothing routes",
                "name interfaces under `vrfs` in the configuration");
  }
  const auto& vrfs = routing.config().vrfs;
  const auto wanted = vrf.empty() ? vrfs.begin() : std::ranges::find(vrfs, vrf, &VrfConfig::name);
  const auto number = static_cast<size_t>(wanted - vrfs.begin());
  if (number >= engine.routing().vrfs.size()) {
    return fail(fmt::format("cannot look up {}", text), fmt::format("there is no VRF '{}'", vrf),
                "name one of `vrfs` in the configuration");
  }
  const net::Ipv6Address address = v4 ? net::Ipv6Address::mapped(*v4) : *v6;
  const dataplane::Snapshot& snapshot = engine.snapshot();
  net::FiveTuple tuple;
  tuple.dst = address;
  tuple.ip_version = v4 ? 4 : 6;
  const dataplane::RouteLookup found =
      dataplane::lookup_route(snapshot, snapshot.vrfs[number], tuple, InterfaceId::none());
  Json json = {{"schema_version", kSchemaVersion},
               {"address", text},
               {"vrf", wanted->name},
               {"kind", to_string(found.decision.kind)},
               {"table", nullptr},
               {"prefix", nullptr},
               {"interface", nullptr},
               {"next_hop", nullptr},
               {"mac", nullptr},
               {"neighbour", nullptr},
               {"egress", nullptr}};
  if (found.rule != nullptr && found.rule->table != nullptr) {
    json["table"] = found.rule->table->linux_table();
    if (const auto match = engine.fib().longest_match(*found.rule->table, address)) {
      json["prefix"] = match->first.to_string();
    }
  }
  if (found.decision.kind != RouteKind::kForward) return json;
  json["interface"] = routing.name_of(found.decision.interface);
  json["egress"] = egress_json(engine, snapshot.interfaces[found.decision.interface.index()].port);
  json["next_hop"] = text;
  json["neighbour"] = state_name(NeighbourState::kUnresolved);
  if (found.decision.adjacency != 0) {
    const Adjacency& adjacency = engine.fib().adjacency(found.decision.adjacency);
    const uint64_t word = adjacency.word.load(std::memory_order_acquire);
    json["next_hop"] = net::to_string_either(adjacency.address);
    json["neighbour"] = state_name(Adjacency::state_of(word));
    if (Adjacency::state_of(word) == NeighbourState::kReachable) {
      json["mac"] = mac_text(Adjacency::mac_of(word));
    }
  }
  return json;
}

}  // namespace starocean::control
