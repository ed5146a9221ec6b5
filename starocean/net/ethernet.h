// Ethernet II, VLAN tags and ARP.
// Sources: IEEE 802.3-2018 clause 3, IEEE 802.1Q-2018 clause 9, RFC 826, RFC 5342 (EtherTypes).
#pragma once

#include <cstdint>

#include "starocean/base/endian.h"
#include "starocean/net/ip_address.h"
#include "starocean/net/mac_address.h"
#include "starocean/net/view.h"

namespace starocean::net {

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;  // C-tag, IEEE 802.1Q
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr uint16_t kEtherTypeServiceVlan = 0x88a8;  // S-tag, IEEE 802.1ad
// A smaller value in the type field is the length of an LLC frame (IEEE 802.3-2018, 3.2.6).
inline constexpr uint16_t kEtherTypeMin = 0x0600;

struct EthernetHeader {
  MacAddress dst;
  MacAddress src;
  be16 ethertype;
};
static_assert(sizeof(EthernetHeader) == 14);

// What follows a tag's EtherType (TPID): the tag control information and the next EtherType.
struct VlanHeader {
  be16 tci;
  be16 ethertype;
};
static_assert(sizeof(VlanHeader) == 4);

constexpr bool is_vlan_ethertype(uint16_t ethertype) {
  return ethertype == kEtherTypeVlan || ethertype == kEtherTypeServiceVlan;
}

// A tag: its TPID and TCI in host order.
struct VlanTag {
  uint16_t tpid = 0;
  uint16_t tci = 0;

  constexpr uint16_t id() const { return tci & 0x0fff; }
  constexpr uint8_t priority() const { return static_cast<uint8_t>(tci >> 13); }
  constexpr bool drop_eligible() const { return (tci & 0x1000) != 0; }
  constexpr bool operator==(const VlanTag&) const = default;
};

inline constexpr uint16_t kArpRequest = 1;
inline constexpr uint16_t kArpReply = 2;
inline constexpr uint16_t kArpHardwareEthernet = 1;

// ARP for IPv4 over Ethernet, the only kind there is in practice; is_ipv4_over_ethernet() says
// whether a header is of it, and only then do the addresses mean anything.
struct ArpHeader {
  be16 hardware_type;
  be16 protocol_type;
  uint8_t hardware_size;
  uint8_t protocol_size;
  be16 operation;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;

  constexpr bool is_ipv4_over_ethernet() const {
    return hardware_type.host() == kArpHardwareEthernet && protocol_type.host() == kEtherTypeIpv4 &&
           hardware_size == MacAddress::kSize && protocol_size == sizeof(Ipv4Address);
  }
};
static_assert(sizeof(ArpHeader) == 28);

}  // namespace starocean::net
