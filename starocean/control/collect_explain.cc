#include "starocean/control/collect_explain.h"

#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/explain_packet.h"
#include "starocean/dataplane/explain.h"

namespace starocean::control {
namespace {

using dataplane::ExplainedOutcome;
using dataplane::RoutedInterface;

// Where the packet comes in: one of the two.
struct Entrance {
  const RoutedInterface* interface = nullptr;
  const dataplane::Port* port = nullptr;  // a member of a bridge
};

Result<Entrance> find_entrance(const dataplane::Engine& engine, const RoutingManager& routing,
                               const std::string& name) {
  const RoutedInterface* interface = routing.find(name);
  if (interface != nullptr && interface->vrf != RoutedInterface::kNoVrf) return Entrance{interface};
  for (const auto& view : engine.ports()) {
    if (view.options.name != name || view.attached == nullptr || !view.bridge.valid()) continue;
    return Entrance{nullptr, &engine.snapshot().ports[view.id.index()]};
  }
  return fail(fmt::format("cannot explain what comes in on '{}'", name),
              "no interface of that name routes or is in a bridge, or its device is not there",
              "name one of those under `vrfs` or `bridges`; `starocean show interfaces` lists what "
              "there is");
}

// Whom a packet on that interface is for, unless one says so.
Result<net::MacAddress> default_mac(const dataplane::Engine& engine, const Entrance& in,
                                    const std::string& name) {
  if (in.interface != nullptr) return dataplane::mac_from_u64(in.interface->mac);
  const uint16_t vlan = in.port->member != nullptr ? in.port->member->untagged : 0;
  for (const auto& device : engine.snapshot().bridges[in.port->bridge.index()].vlan_interfaces) {
    if (device.vlan == vlan) return dataplane::mac_from_u64(device.mac);
  }
  return fail(fmt::format("cannot explain a packet on '{}'", name),
              "a bridge forwards by MAC address, and none is given",
              "add --mac and that of the next station");
}

Result<std::vector<std::vector<std::byte>>> frames_of(const dataplane::Engine& engine,
                                                      const Entrance& in, const Json& request) {
  const auto text_of = [&](const char* key) {
    return request.contains(key) && request[key].is_string() ? request[key].get<std::string>()
                                                             : std::string();
  };
  std::vector<std::vector<std::byte>> frames;
  if (request.contains("frames") && request["frames"].is_array()) {
    for (const Json& digits : request["frames"]) {
      auto frame = frame_from_hex(digits.is_string() ? digits.get<std::string>() : std::string());
      if (!frame) return fail(frame.error());
      frames.push_back(std::move(*frame));
    }
    return frames;
  }
  net::MacAddress to;
  if (const std::string mac = text_of("mac"); !mac.empty()) {
    auto parsed = net::MacAddress::parse(mac);
    if (!parsed) return fail(parsed.error());
    to = *parsed;
  } else {
    auto found = default_mac(engine, in, text_of("in"));
    if (!found) return fail(found.error());
    to = *found;
  }
  auto frame = packet_from_words(text_of("packet"), to);
  if (!frame) return fail(frame.error());
  frames.push_back(std::move(*frame));
  return frames;
}

Json explanation_json(const dataplane::Engine& engine, const RoutingManager& routing,
                      const dataplane::Explanation& explanation) {
  Json steps = Json::array(), members = Json::array();
  for (const auto& step : explanation.steps) {
    steps.push_back({{"stage", step.stage}, {"decision", step.decision}});
  }
  for (const PortId port : explanation.ports) members.push_back(engine.port_name(port));
  Json json = {{"steps", std::move(steps)},  {"outcome", to_string(explanation.outcome)},
               {"reason", nullptr},          {"interface", nullptr},
               {"next_hop", nullptr},        {"mac", nullptr},
               {"table", explanation.table}, {"fragment", explanation.fragment},
               {"members", members}};
  if (explanation.reason != dataplane::PortCounter::kCount) {
    json["reason"] =
        std::string(dataplane::kPortCounters[static_cast<size_t>(explanation.reason)].name);
  }
  if (explanation.egress.valid()) json["interface"] = routing.name_of(explanation.egress);
  const bool routed = explanation.outcome == ExplainedOutcome::kWait ||
                      (explanation.outcome == ExplainedOutcome::kTransmit && members.empty());
  if (routed) json["next_hop"] = net::to_string_either(explanation.next_hop);
  if (explanation.outcome == ExplainedOutcome::kTransmit) {
    json["mac"] = dataplane::mac_from_u64(explanation.next_mac).to_string();
  }
  return json;
}

}  // namespace

Result<Json> explain_json(const dataplane::Engine& engine, const RoutingManager& routing,
                          const std::string& body, uint64_t now_ms) {
  const Json request = Json::parse(body, nullptr, false);
  if (!request.is_object() || !request.contains("in") || !request["in"].is_string()) {
    return fail("cannot explain", "the request is no JSON object with an \"in\"",
                "send {\"in\": NAME, \"packet\": …}");
  }
  const std::string name = request["in"].get<std::string>();
  const auto in = find_entrance(engine, routing, name);
  if (!in) return fail(in.error());
  const auto frames = frames_of(engine, *in, request);
  if (!frames) return fail(frames.error());
  Json explained = Json::array();
  for (const auto& frame : *frames) {
    const dataplane::Explanation explanation =
        in->interface != nullptr
            ? dataplane::explain_frame(engine.snapshot(), *in->interface, frame)
            : dataplane::explain_bridged(engine.snapshot(), engine.snooping_tables(), *in->port,
                                         frame, static_cast<uint32_t>(now_ms));
    explained.push_back(explanation_json(engine, routing, explanation));
  }
  return Json{
      {"schema_version", kSchemaVersion}, {"in", name}, {"explained", std::move(explained)}};
}

}  // namespace starocean::control
