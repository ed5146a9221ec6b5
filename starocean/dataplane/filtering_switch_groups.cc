// Multicast snooping, the part of the workers: what is heard, and who gets a frame to a group.

#include "starocean/dataplane/filtering_switch.h"
#include "starocean/net/parse.h"

namespace starocean::dataplane {

const PortSet* group_receivers(const SnoopingTables* tables, BridgeId bridge, const FrameVlan& vlan,
                               uint64_t destination, net::ConstBytes frame, size_t packet_bytes,
                               net::GroupMessage& message) {
  const net::ParsedPacket parsed = net::parse(frame, packet_bytes);
  // Tags that are payload hide what is inside.
  const bool is_ip = parsed.ip_version != 0 && parsed.vlan_count == (vlan.tag_type != 0 ? 1 : 0);
  const size_t address_bytes =
      parsed.ip_version == 4 ? sizeof(net::Ipv4Address) : sizeof(net::Ipv6Address);
  if (!is_ip || !net::fits(frame.size(), parsed.dst_address_offset(), address_bytes))
    return nullptr;

  message = net::parse_group_message(frame, parsed);
  if (tables == nullptr || bridge.index() >= tables->bridges.size()) return nullptr;
  const SnoopingTable& table = tables->bridges[bridge.index()];
  const SnoopingTable::Vlan* heard = table.vlan(vlan.vlan);
  const bool is_v4 = parsed.ip_version == 4;
  if (heard == nullptr || !(is_v4 ? heard->querier4 : heard->querier6)) return nullptr;
  // Reports are for routers only, so that hosts do not keep theirs back (RFC 4541, 2.1.1, 1).
  if (message.kind == net::GroupMessage::kReport) {
    return heard->routers.empty() ? nullptr : &heard->routers;
  }
  if (message.kind != net::GroupMessage::kNone) return nullptr;
  if (net::stays_on_link(frame.subspan(parsed.dst_address_offset(), address_bytes))) return nullptr;
  return table.receivers(vlan.vlan, destination);
}

const PortSet* FilteringSwitch::receivers(const Transit& transit) {
  const Packet& packet = transit.packet;
  net::GroupMessage message;
  const PortSet* const ports =
      group_receivers(transit.turn.snooping, transit.bridge.id, transit.vlan, packet.destination,
                      transit.turn.umem.bytes(packet.head), packet.len_bytes, message);
  if (message.kind != net::GroupMessage::kNone) report(transit, message);
  return ports;
}

void FilteringSwitch::report(const Transit& transit, const net::GroupMessage& message) {
  const bool is_v4 = message.family == net::IpFamily::kIpv4;
  switch (message.kind) {
    case net::GroupMessage::kQuery:
      tell(transit, is_v4 ? GroupEvent::kQuerier4 : GroupEvent::kQuerier6);
      if (message.has_source) tell(transit, GroupEvent::kRouter);
      return;
    case net::GroupMessage::kRouter:
      return tell(transit, GroupEvent::kRouter);
    case net::GroupMessage::kReport: {
      net::GroupRecords records(message);
      while (records.next()) {
        tell(transit, records.joins() ? GroupEvent::kJoin : GroupEvent::kLeave,
             records.mac().as_u64());
      }
      return;
    }
    case net::GroupMessage::kMalformed:
      egress_.counters(transit.from).add(PortCounter::snooping_malformed);
      return;
    case net::GroupMessage::kNone:
      return;
  }
}

void FilteringSwitch::tell(const Transit& transit, GroupEvent::Kind kind, uint64_t group) {
  const PortId port = transit.in == nullptr ? PortId::none() : transit.from;
  const GroupEvent event{kind, transit.vlan.vlan, transit.bridge.id, port, group};
  if (!group_events_.push(event)) egress_.counters(transit.from).add(PortCounter::snooping_lost);
  egress_.wake_control();
}

}  // namespace starocean::dataplane
