// Internal: values in netlink attributes, checked for length; and the header of a message.
#pragma once

#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "starocean/net/ip_prefix.h"

namespace starocean::control {

// The header of a whole message with at least `family_header_len` bytes of payload; null otherwise.
inline const nlmsghdr* checked_header(std::span<const std::byte> message,
                                      size_t family_header_len) {
  // Not by mnl_nlmsg_ok(), for which a length beyond 2^31 is negative, and fits.
  if (message.size() < sizeof(nlmsghdr)) return nullptr;
  const auto* const header = reinterpret_cast<const nlmsghdr*>(message.data());
  if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > message.size()) return nullptr;
  return mnl_nlmsg_get_payload_len(header) < family_header_len ? nullptr : header;
}

template <class T>
std::optional<T> value_of(const nlattr* attribute) {
  if (mnl_attr_get_payload_len(attribute) != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, mnl_attr_get_payload(attribute), sizeof(T));
  return value;
}
inline std::optional<uint32_t> u32_of(const nlattr* attribute) {
  return value_of<uint32_t>(attribute);
}

// An address of this family (AF_INET, AF_INET6), IPv4 mapped; nullopt if it has not the right length.
inline std::optional<net::Ipv6Address> address_of(const void* bytes, size_t len, uint8_t family) {
  if (family == AF_INET && len == sizeof(net::Ipv4Address)) {
    net::Ipv4Address address;
    std::memcpy(&address, bytes, sizeof(address));
    return net::Ipv6Address::mapped(address);
  }
  if (family == AF_INET6 && len == sizeof(net::Ipv6Address)) {
    net::Ipv6Address address;
    std::memcpy(&address, bytes, sizeof(address));
    return address;
  }
  return std::nullopt;
}
inline std::optional<net::Ipv6Address> address_of(const nlattr* attribute, uint8_t family) {
  return address_of(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute), family);
}

// Whether all bits behind the prefix's length are zero.
inline bool has_no_host_bits(const net::IpPrefix& prefix) {
  const auto& bytes = prefix.address.bytes();
  const size_t length = prefix.length + (prefix.family == net::IpFamily::kIpv4 ? 96u : 0u);
  for (size_t i = length / 8; i < bytes.size(); ++i) {
    const size_t kept = i == length / 8 ? length % 8 : 0;
    if ((bytes[i] & (0xff >> kept)) != 0) return false;
  }
  return true;
}

}  // namespace starocean::control
