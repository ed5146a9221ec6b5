#include "starocean/dataplane/route_judge.h"

#include <cstring>

#include "starocean/net/checksum.h"
#include "starocean/net/forwarding.h"
#include "starocean/net/ipv6_extensions.h"

namespace starocean::dataplane {
namespace {

using net::Ipv4Address;
using net::Ipv6Address;
using net::ParseStatus;
using table::RouteKind;

// 0.0.0.0/8, "this network" (RFC 1122, 3.2.1.3).
bool is_zero_net(Ipv4Address address) {
  return address.host() >> 24 == 0;
}

bool is_martian_source(Ipv4Address source) {
  return source.is_multicast() || source.is_broadcast() || is_zero_net(source) ||
         source.is_loopback();
}

bool bad_structure(ParseStatus status) {
  return status == ParseStatus::kTruncatedIpv4 || status == ParseStatus::kTruncatedIpv6 ||
         status == ParseStatus::kBadIpHeader || status == ParseStatus::kBadIpLength;
}

// Options are acted on by routers on the way, and extension headers may be: Linux does.
Verdict check4(net::ConstBytes head, const net::ParsedPacket& parsed, RouteSubject& subject) {
  const auto& ip = *net::view<net::Ipv4Header>(head, parsed.l3_offset);
  if (!net::ipv4_checksum_ok(net::ipv4_header_bytes(head, parsed.l3_offset))) {
    return Verdict::drop(PortCounter::drop_ip_checksum);
  }
  subject.family = net::IpFamily::kIpv4;
  subject.hops_left = ip.ttl;
  subject.dont_fragment = ip.dont_fragment();
  subject.source = Ipv6Address::mapped(ip.src);
  subject.destination = Ipv6Address::mapped(ip.dst);
  if (ip.dst.is_multicast() || ip.dst.is_broadcast()) return Verdict::to_linux();
  if (is_martian_source(ip.src) || is_zero_net(ip.dst) || ip.dst.is_loopback()) {
    return Verdict::drop(PortCounter::drop_martian);
  }
  return parsed.ip_options ? Verdict::to_linux() : Verdict{};
}

Verdict check6(net::ConstBytes head, const net::ParsedPacket& parsed, RouteSubject& subject) {
  const auto& ip = *net::view<net::Ipv6Header>(head, parsed.l3_offset);
  subject.family = net::IpFamily::kIpv6;
  subject.hops_left = ip.hop_limit;
  subject.dont_fragment = true;
  subject.source = ip.src;
  subject.destination = ip.dst;
  if (ip.src.is_multicast() || ip.src.is_loopback() || ip.dst.is_loopback()) {
    return Verdict::drop(PortCounter::drop_martian);
  }
  if (ip.dst.is_multicast() || ip.dst.is_link_local()) return Verdict::to_linux();
  // One that the packet cuts short counts too.
  const bool extended = parsed.ip_options || net::Ipv6Extensions::is_extension(ip.next_header);
  return extended ? Verdict::to_linux() : Verdict{};
}

bool came_the_right_way(const Snapshot& snapshot, const RouteSubject& subject) {
  const RoutedInterface& in = *subject.in;
  const FoundRoute back = find_route(snapshot, snapshot.vrfs[in.vrf], subject.in, subject.family,
                                     subject.destination, subject.source, subject.flow_hash);
  if (in.reverse_path == ReversePath::kLoose) {
    return back.decision.kind == RouteKind::kForward || back.decision.kind == RouteKind::kElsewhere;
  }
  return back.decision.kind == RouteKind::kForward && back.decision.interface == in.id;
}

Verdict judge_size(const RoutedInterface& out, const RouteSubject& subject,
                   const table::Decision& decision) {
  Verdict verdict{.fate = Fate::kForward, .decision = decision};
  if (subject.l3_length_bytes <= out.mtu_bytes) return verdict;
  if (subject.dont_fragment) {
    verdict = Verdict::fail(PortCounter::drop_too_big, RouteError::kTooBig);
  } else {
    verdict.fragment = true;
  }
  verdict.mtu_bytes = out.mtu_bytes;
  return verdict;
}

}  // namespace

Verdict check(net::ConstBytes head, const net::ParsedPacket& parsed, const RoutedInterface& in,
              RouteSubject& subject) {
  if (bad_structure(parsed.status)) return Verdict::drop(PortCounter::drop_ip_malformed);
  if (parsed.ip_version == 0) return Verdict::to_linux();
  subject.in = &in;
  subject.l3_length_bytes = parsed.l3_length;
  const Verdict verdict =
      parsed.ip_version == 4 ? check4(head, parsed, subject) : check6(head, parsed, subject);
  if (verdict.fate != Fate::kUndecided) return verdict;
  net::FiveTuple tuple;
  if (net::five_tuple(head, parsed, tuple)) subject.flow_hash = net::flow_hash(tuple);
  return verdict;
}

bool matches(const RouteRule& rule, const RoutedInterface* in, const Ipv6Address& source) {
  if (rule.in.valid() && (in == nullptr || in->id != rule.in)) return false;
  if (rule.source.length == 0) return true;
  const uint32_t bits = rule.source.length + (rule.family == net::IpFamily::kIpv4 ? 96u : 0u);
  const uint32_t bytes = bits / 8;
  const auto& wanted = rule.source.address.bytes();
  if (std::memcmp(wanted.data(), source.bytes().data(), bytes) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto differ = static_cast<uint8_t>(wanted[bytes] ^ source.bytes()[bytes]);
  return differ >> (8 - bits % 8) == 0;
}

FoundRoute find_route(const Snapshot& snapshot, const Vrf& vrf, const RoutedInterface* in,
                      net::IpFamily family, const Ipv6Address& source,
                      const Ipv6Address& destination, uint32_t flow_hash) {
  for (const RouteRule& rule : vrf.rules(family)) {
    if (!matches(rule, in, source)) continue;
    if (rule.table == nullptr) return {{.kind = rule.kind}, &rule};
    const table::RouteIndex route =
        family == net::IpFamily::kIpv4
            ? snapshot.fib->lookup4(*rule.table, destination.embedded_ipv4())
            : snapshot.fib->lookup6(*rule.table, destination);
    const table::Decision decision = snapshot.fib->decide(route, destination, flow_hash);
    if (decision.kind != RouteKind::kNone && decision.kind != RouteKind::kThrow) {
      return {decision, &rule};
    }
  }
  return {};
}

Verdict judge(const Snapshot& snapshot, const RouteSubject& subject,
              const table::Decision& decision) {
  const bool v4 = subject.family == net::IpFamily::kIpv4;
  switch (decision.kind) {
    case RouteKind::kNone:
    case RouteKind::kThrow:
      return Verdict::fail(PortCounter::drop_no_route, RouteError::kNetUnreachable);
    case RouteKind::kBlackhole:
      return Verdict::drop(PortCounter::drop_blackhole);
    case RouteKind::kUnreachable:
      // IPv6 has one answer for this and for no route (Linux, ip6_pkt_discard).
      return Verdict::fail(PortCounter::drop_unreachable,
                           v4 ? RouteError::kHostUnreachable : RouteError::kNetUnreachable);
    case RouteKind::kProhibit:
      return Verdict::fail(PortCounter::drop_prohibited, RouteError::kProhibited);
    case RouteKind::kLocal:
    case RouteKind::kBroadcast:
    case RouteKind::kElsewhere:
      return Verdict::to_linux();
    case RouteKind::kForward:
      break;
  }
  if (v4 && snapshot.own4.contains(net::Ipv4Address(subject.source.embedded_ipv4()))) {
    return Verdict::drop(PortCounter::drop_martian);
  }
  if (subject.in->reverse_path != ReversePath::kNone && !came_the_right_way(snapshot, subject)) {
    return Verdict::drop(PortCounter::drop_reverse_path);
  }
  if (subject.hops_left <= 1) {
    return Verdict::fail(PortCounter::drop_ttl, RouteError::kTimeExceeded);
  }
  if (!v4 && subject.source.is_unspecified()) return Verdict::drop(PortCounter::drop_martian);
  // To other links never (RFC 4291, 2.5.6); back to its own it may.
  if (!v4 && subject.source.is_link_local() && decision.interface != subject.in->id) {
    return Verdict::fail(PortCounter::drop_scope, RouteError::kBeyondScope);
  }
  const RoutedInterface& out = snapshot.interfaces[decision.interface.index()];
  if (!out.active) return Verdict::drop(PortCounter::drop_egress_down);
  return judge_size(out, subject, decision);
}

}  // namespace starocean::dataplane
