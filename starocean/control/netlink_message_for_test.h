// For tests: rtnetlink messages put together by hand, as the kernel lays them out.
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "starocean/base/check.h"
#include "starocean/net/ip_prefix.h"

namespace starocean::control::testing {

class Message {
 public:
  template <class Header>
  Message(uint16_t type, uint16_t flags, const Header& header) {
    nlmsghdr* const start = mnl_nlmsg_put_header(buffer_.data());
    start->nlmsg_type = type;
    start->nlmsg_flags = flags;
    std::memcpy(mnl_nlmsg_put_extra_header(start, sizeof(header)), &header, sizeof(header));
  }
  Message& u32(uint16_t type, uint32_t value) {
    mnl_attr_put_u32(header(), type, value);
    return *this;
  }
  Message& bytes(uint16_t type, const void* data, size_t len) {
    mnl_attr_put(header(), type, len, data);
    return *this;
  }
  Message& text(uint16_t type, const std::string& value) {
    mnl_attr_put_strz(header(), type, value.c_str());
    return *this;
  }
  // "10.0.0.1" as 4 bytes, "fe80::1" as 16.
  Message& address(uint16_t type, const std::string& value) {
    std::array<uint8_t, 16> raw{};
    const int family = value.find(':') == std::string::npos ? AF_INET : AF_INET6;
    SO_CHECK(inet_pton(family, value.c_str(), raw.data()) == 1, "not an address");
    return bytes(type, raw.data(), family == AF_INET ? 4 : 16);
  }
  // Calls fill(*this) for what is inside.
  template <class Fill>
  Message& nest(uint16_t type, Fill fill) {
    nlattr* const start = mnl_attr_nest_start(header(), type);
    fill(*this);
    mnl_attr_nest_end(header(), start);
    return *this;
  }
  // Bytes without an attribute around them; returns where they lie.
  template <class T>
  T* raw(const T& value) {
    auto* const at = static_cast<T*>(mnl_nlmsg_get_payload_tail(header()));
    std::memcpy(at, &value, sizeof(value));
    header()->nlmsg_len += static_cast<uint32_t>(MNL_ALIGN(sizeof(value)));
    return at;
  }
  char* tail() { return static_cast<char*>(mnl_nlmsg_get_payload_tail(header())); }

  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  std::span<const std::byte> whole() {
    return {reinterpret_cast<const std::byte*>(buffer_.data()), header()->nlmsg_len};
  }

 private:
  alignas(nlmsghdr) std::array<char, 2048> buffer_{};
};

// Of either family, IPv4 mapped.
inline net::Ipv6Address ip(const std::string& text) {
  if (const auto v4 = net::Ipv4Address::parse(text)) return net::Ipv6Address::mapped(*v4);
  const auto v6 = net::Ipv6Address::parse(text);
  SO_CHECK(v6.has_value(), "not an address");
  return *v6;
}

}  // namespace starocean::control::testing
