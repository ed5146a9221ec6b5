#include "starocean/control/explain_packet.h"

#include <charconv>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "starocean/net/build.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/net/transport.h"

namespace starocean::control {
namespace {

constexpr size_t kRoomBytes = 256, kHeadroomBytes = 128;
// Of documentation's range (RFC 9542, section 2.1.2).
constexpr net::MacAddress kSender({0x00, 0x00, 0x5e, 0x00, 0x53, 0x01});
constexpr const char* kForm =
    "write \"tcp 10.0.0.1:1 > 10.0.0.2:443\", \"udp [fd00::1]:1 > [fd00::2]:53\" or \"icmp "
    "10.0.0.1 > "
    "10.0.0.2\"";

struct End {
  net::Ipv6Address address;  // IPv4 mapped
  uint16_t port = 0;
};

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<net::Ipv6Address> parse_address(std::string_view text) {
  if (const auto v4 = net::Ipv4Address::parse(text)) return net::Ipv6Address::mapped(*v4);
  if (const auto v6 = net::Ipv6Address::parse(text)) return *v6;
  return std::nullopt;
}

std::optional<End> parse_end(std::string_view text, bool with_port) {
  if (!with_port) {
    const auto address = parse_address(text);
    return address ? std::optional(End{*address}) : std::nullopt;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto address = parse_address(host);
  const auto port = parse_port(text.substr(colon + 1));
  if (!address || !port) return std::nullopt;
  return End{*address, *port};
}

bool push_transport(net::PacketBuffer& packet, std::string_view protocol, const End& from,
                    const End& to, bool v4) {
  const net::Ipv4Address from4(from.address.embedded_ipv4()), to4(to.address.embedded_ipv4());
  if (protocol == "tcp") {
    const net::TcpFields tcp{.src_port = from.port, .dst_port = to.port, .flags = net::kTcpSyn};
    return v4 ? net::push_tcp(packet, tcp, from4, to4)
              : net::push_tcp(packet, tcp, from.address, to.address);
  }
  if (protocol == "udp") {
    const net::UdpFields udp{.src_port = from.port, .dst_port = to.port};
    return v4 ? net::push_udp(packet, udp, from4, to4)
              : net::push_udp(packet, udp, from.address, to.address);
  }
  return v4 ? net::push_icmp_echo(packet, {})
            : net::push_icmpv6_echo(packet, {}, from.address, to.address);
}

uint8_t protocol_number(std::string_view protocol, bool v4) {
  if (protocol == "tcp") return net::kProtoTcp;
  if (protocol == "udp") return net::kProtoUdp;
  return v4 ? net::kProtoIcmp : net::kProtoIcmpv6;
}

}  // namespace

Result<std::vector<std::byte>> packet_from_words(std::string_view words, net::MacAddress to) {
  const auto refuse = [&](std::string_view cause) {
    return fail(fmt::format("cannot read the packet '{}'", words), std::string(cause), kForm);
  };
  const size_t blank = words.find(' ');
  const size_t arrow = words.find(" > ");
  if (blank == std::string_view::npos || arrow == std::string_view::npos || arrow <= blank) {
    return refuse("it is not of the form PROTOCOL FROM > TO");
  }
  const std::string_view protocol = words.substr(0, blank);
  const bool has_ports = protocol == "tcp" || protocol == "udp";
  if (!has_ports && protocol != "icmp") return refuse("the protocol is none of tcp, udp and icmp");
  const auto from = parse_end(words.substr(blank + 1, arrow - blank - 1), has_ports);
  const auto target = parse_end(words.substr(arrow + 3), has_ports);
  if (!from || !target) return refuse("an address or port cannot be read");
  const bool v4 = target->address.is_mapped();
  if (from->address.is_mapped() != v4) return refuse("the addresses are of two families");

  std::vector<std::byte> room(kRoomBytes);
  net::PacketBuffer packet(room, kHeadroomBytes);
  const uint8_t number = protocol_number(protocol, v4);
  const net::Ipv4Address from4(from->address.embedded_ipv4()), to4(target->address.embedded_ipv4());
  const bool built =
      push_transport(packet, protocol, *from, *target, v4) &&
      (v4 ? net::push_ipv4(packet, {.src = from4, .dst = to4, .protocol = number})
          : net::push_ipv6(
                packet, {.src = from->address, .dst = target->address, .next_header = number})) &&
      net::push_ethernet(
          packet,
          {.dst = to, .src = kSender, .ethertype = v4 ? net::kEtherTypeIpv4 : net::kEtherTypeIpv6});
  if (!built) return refuse("it does not fit");
  return std::vector<std::byte>(packet.bytes().begin(), packet.bytes().end());
}

Result<std::vector<std::byte>> frame_from_hex(std::string_view digits) {
  std::vector<std::byte> frame;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    uint8_t value = 0;
    const char* const begin = digits.data() + i;
    const auto [end, error] = std::from_chars(begin, begin + 2, value, 16);
    if (error != std::errc{} || end != begin + 2) break;
    frame.push_back(static_cast<std::byte>(value));
  }
  if (frame.size() * 2 == digits.size() && !frame.empty()) return frame;
  return fail("cannot read the frame", "it is not a row of hexadecimal bytes",
              "write two digits a byte");
}

}  // namespace starocean::control
