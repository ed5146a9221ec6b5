#include "starocean/xsk/steering_claim.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace starocean::xsk {
namespace {

constexpr uint16_t kEtherTypeIp4 = 0x0800;
constexpr uint16_t kEtherTypeArp = 0x0806;
constexpr uint16_t kEtherTypeIp6 = 0x86dd;
constexpr uint16_t kLeastEtherType = 0x600;  // IEEE 802.3, 3.2.6: below are lengths

Claim::Ip6 widen(Claim::Ip4 address) {
  Claim::Ip6 wide{};
  std::memcpy(wide.data(), address.data(), address.size());
  return wide;
}

// As protocol_has_ports() of bpf/parse.h.
bool has_ports(uint8_t protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
         protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

// What is wrong with the combination of fields; empty if nothing.
std::string_view fault(const Claim& claim) {
  const bool ip = claim.ether_type == kEtherTypeIp4 || claim.ether_type == kEtherTypeIp6;
  if (claim.ether_type < kLeastEtherType) return "the EtherType is below 0x600, which is a length";
  if (claim.neighbour) {
    if (claim.ether_type != kEtherTypeArp && claim.ether_type != kEtherTypeIp6) {
      return "only ARP and IPv6 resolve neighbours";
    }
    if (!claim.address) return "resolution is claimed for an address, and none is given";
    if (claim.protocol || claim.port) return "resolution is claimed without protocol and port";
    return {};
  }
  if (!ip && (claim.protocol || claim.port || claim.address)) {
    return "protocol, port and address belong to IPv4 and IPv6 only";
  }
  if (claim.port && (!claim.protocol || !has_ports(*claim.protocol))) {
    return "a port needs a protocol that has ports (TCP, UDP, UDP-Lite, DCCP, SCTP)";
  }
  return {};
}

std::string address_text(const Claim& claim) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = claim.ether_type == kEtherTypeIp6 ? AF_INET6 : AF_INET;
  inet_ntop(family, claim.address->data(), text, sizeof(text));
  return text;
}

}  // namespace

Claim Claim::by_ether_type(uint16_t ether_type) {
  Claim claim;
  claim.ether_type = ether_type;
  return claim;
}

Claim Claim::arp(Ip4 address) {
  Claim claim = by_ether_type(kEtherTypeArp);
  claim.address = widen(address);
  claim.neighbour = true;
  return claim;
}

Claim Claim::neighbour_solicitation(Ip6 address) {
  Claim claim = by_ether_type(kEtherTypeIp6);
  claim.address = address;
  claim.neighbour = true;
  return claim;
}

Claim Claim::to(Ip4 address) {
  Claim claim = by_ether_type(kEtherTypeIp4);
  claim.address = widen(address);
  return claim;
}

Claim Claim::to(Ip6 address) {
  Claim claim = by_ether_type(kEtherTypeIp6);
  claim.address = address;
  return claim;
}

Claim Claim::ip4(uint8_t protocol, std::optional<Ip4> address, std::optional<uint16_t> port) {
  Claim claim = by_ether_type(kEtherTypeIp4);
  claim.protocol = protocol;
  claim.port = port;
  if (address) claim.address = widen(*address);
  return claim;
}

Claim Claim::ip6(uint8_t protocol, std::optional<Ip6> address, std::optional<uint16_t> port) {
  Claim claim = by_ether_type(kEtherTypeIp6);
  claim.protocol = protocol;
  claim.port = port;
  claim.address = address;
  return claim;
}

namespace steering {

bool KeyLess::operator()(const steer_key& a, const steer_key& b) const {
  static_assert(sizeof(steer_key) == 24,
                "no padding: keys are compared as bytes, here and in the kernel");
  return std::memcmp(&a, &b, sizeof(a)) < 0;
}

std::string describe(const Claim& claim) {
  std::string text = fmt::format("EtherType 0x{:04x}", claim.ether_type);
  if (claim.protocol) text += fmt::format(", protocol {}", *claim.protocol);
  if (claim.address) {
    text += fmt::format(", {} {}", claim.neighbour ? "resolving" : "to", address_text(claim));
  }
  if (claim.port) text += fmt::format(", port {}", *claim.port);
  return text;
}

Result<steer_key> claim_key(const Claim& claim) {
  if (const std::string_view problem = fault(claim); !problem.empty()) {
    return fail(fmt::format("cannot claim {}", describe(claim)), problem);
  }
  steer_key key{};
  key.ether_type = htons(claim.ether_type);
  uint8_t shape = 0;
  if (claim.protocol) {
    shape |= STEER_PROTOCOL;
    key.protocol = *claim.protocol;
  }
  if (claim.port) {
    shape |= STEER_PORT;
    key.port = htons(*claim.port);
  }
  if (claim.address) {
    shape |= claim.neighbour ? STEER_TARGET : STEER_ADDRESS;
    std::memcpy(key.address, claim.address->data(), sizeof(key.address));
  }
  key.shape = shape;
  return key;
}

bool needs_fragments(const steer_key& key) {
  return (key.shape & STEER_PORT) != 0;
}

steer_key fragment_key(const steer_key& key) {
  steer_key result = key;
  result.port = 0;
  result.shape = static_cast<uint8_t>(key.shape & ~STEER_PORT);
  return result;
}

Status ClaimTable::add(const Claim& claim) {
  const auto key = claim_key(claim);
  if (!key) return fail(key.error());
  const std::string what = fmt::format("cannot claim {}", describe(claim));
  if (claims_.contains(*key)) return fail(what, "it is claimed already", {}, EEXIST);
  const uint8_t present = 1;
  if (bpf_map_update_elem(claims_fd_, &*key, &present, BPF_ANY) != 0) {
    if (errno == E2BIG) {
      return fail(what, fmt::format("there are {} claims already", STEER_MAX_CLAIMS),
                  "claim addresses or protocols as a whole", E2BIG);
    }
    return fail_system(what, errno);
  }
  if (needs_fragments(*key)) {
    const steer_key fragment = fragment_key(*key);
    if (bpf_map_update_elem(fragments_fd_, &fragment, &present, BPF_ANY) != 0) {
      const int error = errno;
      bpf_map_delete_elem(claims_fd_, &*key);
      return fail_system(what, error);
    }
    ++fragments_[fragment];
  }
  claims_.insert(*key);
  count_shape(key->shape, 1);
  return {};
}

Status ClaimTable::remove(const Claim& claim) {
  const auto key = claim_key(claim);
  if (!key) return fail(key.error());
  if (claims_.erase(*key) == 0) {
    return fail(fmt::format("cannot give up the claim on {}", describe(claim)),
                "there is no such claim", {}, ENOENT);
  }
  count_shape(key->shape, -1);
  bpf_map_delete_elem(claims_fd_, &*key);
  if (!needs_fragments(*key)) return {};
  const steer_key fragment = fragment_key(*key);
  if (--fragments_[fragment] == 0) {
    fragments_.erase(fragment);
    bpf_map_delete_elem(fragments_fd_, &fragment);
  }
  return {};
}

void ClaimTable::count_shape(uint8_t shape, int change) {
  uint32_t& count = shape_counts_[shape];
  count += static_cast<uint32_t>(change);
  const uint32_t bit = 1U << shape;
  const uint32_t shapes = count == 0 ? *shapes_ & ~bit : *shapes_ | bit;
  __atomic_store_n(shapes_, shapes, __ATOMIC_RELEASE);
}

}  // namespace steering
}  // namespace starocean::xsk
