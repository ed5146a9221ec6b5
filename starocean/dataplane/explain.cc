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

std::string_view reason_words(PortCounter reason) {
  return kPortCounters[static_cast<size_t>(reason)].help;
}

void end(Explanation& explanation, const Verdict& verdict) {
  switch (verdict.fate) {
    case Fate::kLinux:
      explanation.outcome = ExplainedOutcome::kLinux;
      explanation.steps.push_back({"end", "given to Linux"});
      return;
    case Fate::kError:
    case Fate::kDrop:
    case Fate::kUndecided:
    case Fate::kForward:
      break;
  }
  const bool told = verdict.fate == Fate::kError;
  explanation.outcome = told ? ExplainedOutcome::kError : ExplainedOutcome::kDrop;
  explanation.reason = verdict.reason;
  explanation.steps.push_back({"end", fmt::format("dropped: {}{}", reason_words(verdict.reason),
                                                  told ? "; its sender gets an ICMP error" : "")});
}

void explain_neighbour(Explanation& explanation, const Snapshot& snapshot,
                       const table::Decision& decision, const net::Ipv6Address& destination) {
  explanation.egress = decision.interface;
  explanation.next_hop = destination;
  table::NeighbourState state = table::NeighbourState::kUnresolved;
  if (decision.adjacency != 0) {
    const table::Adjacency& adjacency = snapshot.fib->adjacency(decision.adjacency);
    const uint64_t word = adjacency.word.load(std::memory_order_acquire);
    explanation.next_hop = adjacency.address;
    state = table::Adjacency::state_of(word);
    explanation.next_mac = table::Adjacency::mac_of(word);
  }
  const std::string who = net::to_string_either(explanation.next_hop);
  if (state == table::NeighbourState::kReachable) {
    explanation.outcome = ExplainedOutcome::kTransmit;
    explanation.steps.push_back(
        {"neighbour",
         fmt::format("{} is at {}", who, mac_from_u64(explanation.next_mac).to_string())});
    explanation.steps.push_back({"end", "transmitted"});
    return;
  }
  explanation.outcome = ExplainedOutcome::kWait;
  explanation.next_mac = 0;
  explanation.steps.push_back(
      {"neighbour",
       fmt::format("{} is not known{}", who,
                   state == table::NeighbourState::kFailed ? ": it has not answered" : "")});
  explanation.steps.push_back({"end", "waits until Linux has asked for it"});
}

// Before anything is looked up; kUndecided goes on.
Verdict explain_packet(Explanation& explanation, const RoutedInterface& in, net::ConstBytes frame,
                       const net::ParsedPacket& parsed, RouteSubject& subject) {
  const auto* ethernet = net::view<net::EthernetHeader>(frame);
  if (ethernet == nullptr) return Verdict::drop(PortCounter::drop_runt);
  const bool ours = ethernet->dst.as_u64() == in.mac;
  if (!ours && !ethernet->dst.is_multicast()) return Verdict::drop(PortCounter::drop_not_ours);
  if (!ours || parsed.ip_version == 0) {
    explanation.steps.push_back({"packet", "not an IP packet to the interface itself"});
    return Verdict::to_linux();
  }
  const Verdict verdict = check(frame, parsed, in, subject);
  explanation.steps.push_back(
      {"packet",
       verdict.fate == Fate::kUndecided
           ? fmt::format("{} to {}, {} bytes, {} hops left", net::to_string_either(subject.source),
                         net::to_string_either(subject.destination), subject.l3_length_bytes,
                         subject.hops_left)
       : verdict.fate == Fate::kLinux ? "options, extension headers or multicast"
                                      : "not fit to be forwarded"});
  return verdict;
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
  }
  return "";
}

Explanation explain_frame(const Snapshot& snapshot, const RoutedInterface& in,
                          net::ConstBytes frame) {
  Explanation explanation;
  const net::ParsedPacket parsed = net::parse(frame);
  RouteSubject subject;
  Verdict verdict = explain_packet(explanation, in, frame, parsed, subject);
  if (verdict.fate != Fate::kUndecided) {
    end(explanation, verdict);
    return explanation;
  }
  const FoundRoute found = find_route(snapshot, snapshot.vrfs[in.vrf], &in, subject.family,
                                      subject.source, subject.destination, subject.flow_hash);
  if (found.rule != nullptr && found.rule->table != nullptr) {
    explanation.table = found.rule->table->linux_table();
    const auto match = snapshot.fib->longest_match(*found.rule->table, subject.destination);
    explanation.steps.push_back({"rule", fmt::format("look into table {}", explanation.table)});
    explanation.steps.push_back(
        {"route", fmt::format("{}: {}", match ? match->first.to_string() : "default",
                              route_words(found.decision))});
  } else if (found.rule != nullptr) {
    explanation.steps.push_back({"rule", route_words(found.decision)});
  } else {
    explanation.steps.push_back({"rule", "no table has a route"});
  }
  verdict = judge(snapshot, subject, found.decision);
  if (verdict.fate != Fate::kForward) {
    end(explanation, verdict);
    return explanation;
  }
  explanation.fragment = verdict.fragment;
  if (verdict.fragment) {
    explanation.steps.push_back(
        {"size", fmt::format("cut into fragments for an MTU of {}", verdict.mtu_bytes)});
  }
  explain_neighbour(explanation, snapshot, verdict.decision, subject.destination);
  return explanation;
}

}  // namespace starocean::dataplane
