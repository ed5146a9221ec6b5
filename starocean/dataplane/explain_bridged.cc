// explain.h, the part of bridges: in the order of L2Switch and FilteringSwitch.

#include <fmt/format.h>

#include "starocean/dataplane/explain.h"
#include "starocean/dataplane/filtering_switch.h"
#include "starocean/dataplane/packet.h"
#include "starocean/net/ethernet.h"

namespace starocean::dataplane {
namespace {

struct BridgedFrame {
  const Snapshot& snapshot;
  const Port& in;
  const Bridge& bridge;
  net::ConstBytes bytes;
  uint64_t destination = 0, source = 0;
  FrameVlan vlan = {};
  bool vlan_aware = false;
};

void step(Explanation& explanation, std::string stage, std::string decision) {
  explanation.steps.push_back({std::move(stage), std::move(decision)});
}

void drop(Explanation& explanation, PortCounter reason, std::string words) {
  explanation.outcome = ExplainedOutcome::kDrop;
  explanation.reason = reason;
  step(explanation, "end", std::move(words));
}

void to_linux(Explanation& explanation, std::string words) {
  explanation.outcome = ExplainedOutcome::kLinux;
  step(explanation, "end", std::move(words));
}

// As fits_mtu(), of the frame as it leaves.
bool fits(const BridgedFrame& frame, const Port& to) {
  size_t bytes = frame.bytes.size();
  size_t type_at = 2 * net::MacAddress::kSize;
  bool gets_tag = false;
  if (frame.vlan_aware) {
    gets_tag = to.member->untagged != frame.vlan.vlan;
    if (frame.vlan.tag_type != 0) {
      bytes -= sizeof(net::VlanHeader);
      type_at += sizeof(net::VlanHeader);
    }
    if (gets_tag) bytes += sizeof(net::VlanHeader);
  }
  const auto* type = net::view<be16>(frame.bytes, type_at);
  const bool tagged = gets_tag || (type != nullptr && net::is_vlan_ethertype(type->host()));
  return bytes <=
         to.mtu_bytes + sizeof(net::EthernetHeader) + (tagged ? sizeof(net::VlanHeader) : 0);
}

PortCounter refusal_by(const BridgedFrame& frame, const Port& to) {
  if (frame.vlan_aware && to.member != nullptr && !to.member->vlans[frame.vlan.vlan]) {
    return PortCounter::drop_vlan_egress;
  }
  if (!to.attached || !to.up) return PortCounter::drop_egress_down;
  return fits(frame, to) ? PortCounter::kCount : PortCounter::drop_egress_mtu;
}

void explain_flood(Explanation& explanation, const BridgedFrame& frame, const PortSet* only) {
  bool any = false;
  for (const PortId member : frame.bridge.members) {
    const Port& to = frame.snapshot.ports[member.index()];
    if (member == frame.in.id || !to.attached || !to.up) continue;
    if (only != nullptr && !only->contains(member)) continue;
    if (frame.vlan_aware && !to.member->vlans[frame.vlan.vlan]) continue;
    any = true;
    if (refusal_by(frame, to) == PortCounter::kCount) explanation.ports.push_back(member);
  }
  if (!any && !explanation.egress.valid()) {
    return drop(explanation, PortCounter::drop_no_member, "no other member carries it and is up");
  }
  explanation.outcome = ExplainedOutcome::kFlood;
  const char* const who = only != nullptr ? "to those that asked for the group, and routers"
                                          : "to every other member that carries it and is up";
  const bool limited = frame.in.member != nullptr && frame.in.member->storm != nullptr;
  step(explanation, "end",
       fmt::format("{}{}", who, limited ? ", within storm control's limit" : ""));
}

const RoutedInterface* interface_of(const BridgedFrame& frame) {
  for (const VlanInterface& vlan : frame.bridge.vlan_interfaces) {
    if (vlan.vlan != frame.vlan.vlan) continue;
    const RoutedInterface& found = frame.snapshot.interfaces[vlan.interface.index()];
    return found.active ? &found : nullptr;
  }
  return nullptr;
}

void explain_group(Explanation& explanation, const BridgedFrame& frame,
                   const SnoopingTables* snooping) {
  const RoutedInterface* const device = interface_of(frame);
  if (device != nullptr) {
    explanation.egress = device->id;
    step(explanation, "group", "a copy for the VLAN's device of Linux");
  }
  const bool snoops = frame.bridge.rules != nullptr && frame.bridge.rules->multicast_snooping &&
                      !mac_from_u64(frame.destination).is_broadcast();
  net::GroupMessage message;
  explain_flood(explanation, frame,
                snoops ? group_receivers(snooping, frame.bridge.id, frame.vlan, frame.destination,
                                         frame.bytes, frame.bytes.size(), message)
                       : nullptr);
}

// Without the tag that it bears.
std::vector<std::byte> untagged(const BridgedFrame& frame) {
  std::vector<std::byte> bytes(frame.bytes.begin(), frame.bytes.end());
  if (frame.vlan.tag_type != 0) {
    const auto tag = bytes.begin() + 2 * net::MacAddress::kSize;
    bytes.erase(tag, tag + sizeof(net::VlanHeader));
  }
  return bytes;
}

void explain_unicast(Explanation& explanation, const BridgedFrame& frame, uint32_t now_ms) {
  const RoutedInterface* const device = interface_of(frame);
  if (device != nullptr && device->mac == frame.destination) {
    step(explanation, "destination", "the address of the VLAN's own device");
    if (device->vrf == RoutedInterface::kNoVrf)
      return to_linux(explanation, "to Linux by that device");
    Explanation routed = explain_frame(frame.snapshot, *device, untagged(frame));
    routed.steps.insert(routed.steps.begin(), explanation.steps.begin(), explanation.steps.end());
    explanation = std::move(routed);
    return;
  }
  const BridgeId domain =
      learning_domain(frame.bridge.rules.get(), frame.bridge.id, frame.vlan.vlan);
  table::MacLookup found =
      frame.bridge.macs->table().lookup(domain, frame.destination, now_ms, frame.bridge.aging_ms);
  if (frame.destination == frame.source && !(found.found && found.is_static)) {
    found.found = true;  // learned just before, from this frame
    found.port = frame.in.id;
  }
  if (!found.found) {
    step(explanation, "destination", "not known");
    return explain_flood(explanation, frame, nullptr);
  }
  step(explanation, "destination", found.is_static ? "configured" : "learned");
  if (found.port == frame.in.id) {
    return drop(explanation, PortCounter::drop_same_port, "it is behind the port that it came by");
  }
  const PortCounter refusal = refusal_by(frame, frame.snapshot.ports[found.port.index()]);
  if (refusal != PortCounter::kCount) {
    return drop(explanation, refusal,
                refusal == PortCounter::drop_egress_mtu    ? "longer than that port's MTU"
                : refusal == PortCounter::drop_vlan_egress ? "that port does not carry the VLAN"
                                                           : "that port is down");
  }
  explanation.outcome = ExplainedOutcome::kTransmit;
  explanation.ports = {found.port};
  explanation.next_mac = frame.destination;
  step(explanation, "end", "forwarded to that port");
}

// False: the end is reached.
bool explain_source(Explanation& explanation, const BridgedFrame& frame, uint32_t now_ms) {
  const net::MacAddress source = mac_from_u64(frame.source);
  if (source.is_multicast() || frame.source == 0) {
    drop(explanation, PortCounter::drop_bad_source, "its source is no address of a station");
    return false;
  }
  if (mac_from_u64(frame.destination).is_reserved_8021d()) {
    if (frame.in.can_punt) {
      to_linux(explanation, "a reserved address (802.1D): for Linux");
    } else {
      drop(explanation, PortCounter::drop_reserved,
           "a reserved address, and Linux is out of reach");
    }
    return false;
  }
  if (frame.vlan.refusal != PortCounter::kCount) {
    drop(explanation, frame.vlan.refusal, "of no VLAN that this member carries");
    return false;
  }
  if (frame.vlan_aware) step(explanation, "vlan", fmt::format("{}", frame.vlan.vlan));
  const BridgeRules* const rules = frame.bridge.rules.get();
  if (rules == nullptr || !rules->any_sticky) return true;
  const table::MacLookup known =
      frame.bridge.macs->table().lookup(learning_domain(rules, frame.bridge.id, frame.vlan.vlan),
                                        frame.source, now_ms, frame.bridge.aging_ms);
  if (!known.found || known.port == frame.in.id || known.is_static) return true;
  const BridgeMember* const other = rules->member(known.port);
  if (other == nullptr || !other->sticky) return true;
  drop(explanation, PortCounter::drop_sticky, "its source belongs to a sticky member");
  return false;
}

}  // namespace

Explanation explain_bridged(const Snapshot& snapshot, const SnoopingTables* snooping,
                            const Port& in, net::ConstBytes bytes, uint32_t now_ms) {
  Explanation explanation;
  const Bridge& bridge = snapshot.bridges[in.bridge.index()];
  BridgedFrame frame{.snapshot = snapshot, .in = in, .bridge = bridge, .bytes = bytes};
  frame.vlan_aware = bridge.rules != nullptr && bridge.rules->vlan_aware;
  const auto* ethernet = net::view<net::EthernetHeader>(bytes);
  if (ethernet == nullptr) {
    drop(explanation, PortCounter::drop_runt, "shorter than an Ethernet header");
    return explanation;
  }
  frame.destination = ethernet->dst.as_u64();
  frame.source = ethernet->src.as_u64();
  if (frame.vlan_aware) classify(bytes, *in.member, frame.vlan);
  step(explanation, "frame",
       fmt::format("{} to {}, {} bytes", ethernet->src.to_string(), ethernet->dst.to_string(),
                   bytes.size()));
  if (!explain_source(explanation, frame, now_ms)) return explanation;
  if (ethernet->dst.is_multicast()) {
    explain_group(explanation, frame, snooping);
  } else if (frame.destination == in.mac && in.can_punt) {
    to_linux(explanation, "to the receiving device's own address");
  } else {
    explain_unicast(explanation, frame, now_ms);
  }
  return explanation;
}

}  // namespace starocean::dataplane
