#include "starocean/net/ip_prefix.h"

namespace starocean::net {

std::string to_string_either(const Ipv6Address& address) {
  return address.is_mapped() ? Ipv4Address(address.embedded_ipv4()).to_string()
                             : address.to_string();
}

std::string IpPrefix::to_string() const {
  const std::string text =
      family == IpFamily::kIpv4 ? Ipv4Address(host4()).to_string() : address.to_string();
  return text + '/' + std::to_string(length);
}

}  // namespace starocean::net
