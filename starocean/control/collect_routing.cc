#include "starocean/control/collect_routing.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/explain_packet.h"
#include "starocean/dataplane/explain.h"

namespace starocean::control {
namespace {

using table::Adjacency;
using table::NeighbourState;
using table::RouteKind;

constexpr uint32_t kLocalTable = 255;

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
    if (wanted ? number != *wanted : number == kLocalTable) continue;
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

Result<Json> route_json(dataplane::Engine& engine, const RoutingManager& routing,
                        const std::string& text) {
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
  const net::Ipv6Address address = v4 ? net::Ipv6Address::mapped(*v4) : *v6;
  const dataplane::Snapshot& snapshot = engine.snapshot();
  net::FiveTuple tuple;
  tuple.dst = address;
  tuple.ip_version = v4 ? 4 : 6;
  const dataplane::RouteLookup found =
      dataplane::lookup_route(snapshot, snapshot.vrfs[0], tuple, InterfaceId::none());
  Json json = {{"schema_version", kSchemaVersion},
               {"address", text},
               {"kind", to_string(found.decision.kind)},
               {"table", nullptr},
               {"prefix", nullptr},
               {"interface", nullptr},
               {"next_hop", nullptr},
               {"mac", nullptr},
               {"neighbour", nullptr}};
  if (found.rule != nullptr && found.rule->table != nullptr) {
    json["table"] = found.rule->table->linux_table();
    if (const auto match = engine.fib().longest_match(*found.rule->table, address)) {
      json["prefix"] = match->first.to_string();
    }
  }
  if (found.decision.kind != RouteKind::kForward) return json;
  json["interface"] = routing.name_of(found.decision.interface);
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

namespace {

Json explanation_json(const RoutingManager& routing, const dataplane::Explanation& explanation) {
  using dataplane::ExplainedOutcome;
  Json steps = Json::array();
  for (const auto& step : explanation.steps) {
    steps.push_back({{"stage", step.stage}, {"decision", step.decision}});
  }
  const bool leaves = explanation.outcome == ExplainedOutcome::kTransmit ||
                      explanation.outcome == ExplainedOutcome::kWait;
  Json json = {{"steps", std::move(steps)},  {"outcome", to_string(explanation.outcome)},
               {"reason", nullptr},          {"interface", nullptr},
               {"next_hop", nullptr},        {"mac", nullptr},
               {"table", explanation.table}, {"fragment", explanation.fragment}};
  if (explanation.reason != dataplane::PortCounter::kCount) {
    json["reason"] =
        std::string(dataplane::kPortCounters[static_cast<size_t>(explanation.reason)].name);
  }
  if (leaves) {
    json["interface"] = routing.name_of(explanation.egress);
    json["next_hop"] = net::to_string_either(explanation.next_hop);
  }
  if (explanation.outcome == ExplainedOutcome::kTransmit)
    json["mac"] = mac_text(explanation.next_mac);
  return json;
}

}  // namespace

Result<Json> explain_json(dataplane::Engine& engine, const RoutingManager& routing,
                          const std::string& body) {
  const Json request = Json::parse(body, nullptr, false);
  const auto text_of = [&](const char* key) {
    return request.is_object() && request.contains(key) && request[key].is_string()
               ? request[key].get<std::string>()
               : std::string();
  };
  const std::string in = text_of("in");
  const dataplane::RoutedInterface* interface = routing.find(in);
  if (interface == nullptr || interface->vrf == dataplane::RoutedInterface::kNoVrf) {
    return fail(fmt::format("cannot explain what comes in on '{}'", in),
                "no interface of that name routes, or its device is not there",
                "name one of those under `vrfs`; `starocean show interfaces` lists what there is");
  }
  std::vector<std::vector<std::byte>> frames;
  if (request.contains("frames") && request["frames"].is_array()) {
    for (const Json& digits : request["frames"]) {
      auto frame = frame_from_hex(digits.is_string() ? digits.get<std::string>() : std::string());
      if (!frame) return fail(frame.error());
      frames.push_back(std::move(*frame));
    }
  } else {
    auto frame = packet_from_words(text_of("packet"), dataplane::mac_from_u64(interface->mac));
    if (!frame) return fail(frame.error());
    frames.push_back(std::move(*frame));
  }
  Json explained = Json::array();
  for (const auto& frame : frames) {
    explained.push_back(
        explanation_json(routing, dataplane::explain_frame(engine.snapshot(), *interface, frame)));
  }
  return Json{{"schema_version", kSchemaVersion}, {"in", in}, {"explained", std::move(explained)}};
}

}  // namespace starocean::control
