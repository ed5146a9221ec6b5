#include "starocean/dataplane/explain.h"

#include <fmt/format.h>

#include "starocean/dataplane/packet.h"
#include "starocean/net/ethernet.h"

namespace starocean::dataplane {
namespace {

std::string route_words(const table::Decision& decision) {
  switch (decision.kind) {
    case table::RouteKind::kForward:
      return "to a neighbour on an interface of ours";
    case table::RouteKind::kElsewhere:
      return "leads over a device that is not ours";
    case table::RouteKind::kLocal:
      return "an address of Linux's own";
    case table::RouteKind::kBroadcast:
      return "a broadcast address";
    case table::RouteKind::kBlackhole:
      return "blackhole";
    case table::RouteKind::kUnreachable:
      return "unreachable";
    case table::RouteKind::kProhibit:
      return "prohibit";
    case table::RouteKind::kNone:
    case table::RouteKind::kThrow:
      break;
  }
  return "none";
}

ExplainedOutcome outcome_of(RouteAction action) {
  switch (action) {
    case RouteAction::kForward:
      return ExplainedOutcome::kTransmit;
    case RouteAction::kWait:
      return ExplainedOutcome::kWait;
    case RouteAction::kToLinux:
      return ExplainedOutcome::kLinux;
    case RouteAction::kRefuse:
      return ExplainedOutcome::kError;
    case RouteAction::kDrop:
      break;
  }
  return ExplainedOutcome::kDrop;
}

// `may_tell`: an error may be made about such a packet.
void end(Explanation& explanation, RouteReason reason, bool may_tell = true) {
  const RouteReasonInfo& info = info_of(reason);
  explanation.why = reason;
  explanation.outcome = outcome_of(info.action);
  explanation.reason = info.counter;
  std::string words(info.text);
  if (explanation.outcome == ExplainedOutcome::kError) {
    if (!may_tell) explanation.outcome = ExplainedOutcome::kDrop;
    words += may_tell ? "; its sender gets an ICMP error" : "; no error may be made about it";
  }
  explanation.steps.push_back({"end", std::move(words)});
}

void explain_neighbour(Explanation& explanation, const Snapshot& snapshot, const Verdict& verdict,
                       const net::Ipv6Address& destination) {
  explanation.egress = verdict.egress;
  explanation.next_hop = destination;
  const bool exists = verdict.adjacency != 0;
  if (exists) explanation.next_hop = snapshot.fib->adjacency(verdict.adjacency).address;
  const std::string who = net::to_string_either(explanation.next_hop);
  if (verdict.reason != RouteReason::kNeighbour) {
    explanation.next_mac = table::Adjacency::mac_of(verdict.neighbour_word);
    explanation.steps.push_back(
        {"neighbour",
         fmt::format("{} is at {}", who, mac_from_u64(explanation.next_mac).to_string())});
    return;
  }
  const bool failed = exists && table::Adjacency::state_of(verdict.neighbour_word) ==
                                    table::NeighbourState::kFailed;
  explanation.steps.push_back(
      {"neighbour", fmt::format("{} is not known{}", who, failed ? ": it has not answered" : "")});
}

// Before anything is looked up; kForward goes on.
RouteReason explain_packet(Explanation& explanation, const RoutedInterface& in,
                           net::ConstBytes frame, RouteQuery& query) {
  const auto* ethernet = net::view<net::EthernetHeader>(frame);
  if (ethernet == nullptr) return RouteReason::kRunt;
  if (ethernet->dst.is_multicast()) return RouteReason::kGroupMac;
  if (ethernet->dst.as_u64() != in.mac) return RouteReason::kOtherHost;
  if (in.vrf == RoutedInterface::kNoVrf) return RouteReason::kNotRouted;
  const RouteReason reason = check_packet(frame, static_cast<uint32_t>(frame.size()), query);
  if (reason == RouteReason::kForward) {
    explanation.steps.push_back(
        {"packet",
         fmt::format("{} to {}, {} bytes, {} hops left", net::to_string_either(query.tuple.src),
                     net::to_string_either(query.tuple.dst), query.ip_bytes, query.ttl)});
  }
  return reason;
}

void explain_route(Explanation& explanation, const Snapshot& snapshot, const RouteLookup& found,
                   const net::Ipv6Address& destination) {
  const std::string what = route_words(found.decision);
  if (found.rule != nullptr && found.rule->table != nullptr) {
    explanation.table = found.rule->table->linux_table();
    const auto match = snapshot.fib->longest_match(*found.rule->table, destination);
    explanation.steps.push_back({"rule", fmt::format("look into table {}", explanation.table)});
    explanation.steps.push_back(
        {"route", fmt::format("{}: {}", match ? match->first.to_string() : "default", what)});
  } else {
    explanation.steps.push_back({"rule", found.rule != nullptr ? what : "no table has a route"});
  }
}

}  // namespace

const char* to_string(ExplainedOutcome outcome) {
  switch (outcome) {
    case ExplainedOutcome::kTransmit:
      return "transmit";
    case ExplainedOutcome::kWait:
      return "wait";
    case ExplainedOutcome::kLinux:
      return "linux";
    case ExplainedOutcome::kDrop:
      return "drop";
    case ExplainedOutcome::kError:
      return "error";
    case ExplainedOutcome::kFlood:
      return "flood";
  }
  return "";
}

Explanation explain_frame(const Snapshot& snapshot, const RoutedInterface& in,
                          net::ConstBytes frame) {
  Explanation explanation;
  RouteQuery query;
  const RouteReason unfit = explain_packet(explanation, in, frame, query);
  if (unfit != RouteReason::kForward) {
    end(explanation, unfit);
    return explanation;
  }
  const RouteLookup found = lookup_route(snapshot, snapshot.vrfs[in.vrf], query.tuple, in.id);
  explain_route(explanation, snapshot, found, query.tuple.dst);
  const Verdict verdict = judge(snapshot, in, query, found);
  const RouteReasonInfo& info = info_of(verdict.reason);
  if (info.action == RouteAction::kForward || info.action == RouteAction::kWait) {
    explanation.fragment = query.ip_bytes > verdict.mtu_bytes;
    if (explanation.fragment) {
      explanation.steps.push_back(
          {"size", fmt::format("cut into fragments for an MTU of {}", verdict.mtu_bytes)});
    }
    explain_neighbour(explanation, snapshot, verdict, query.tuple.dst);
  }
  const bool may_tell =
      net::may_cause_icmp_error(frame, net::parse(frame), query.is_v4() ? info.icmp4 : info.icmp6);
  end(explanation, verdict.reason, may_tell);
  return explanation;
}

}  // namespace starocean::dataplane
