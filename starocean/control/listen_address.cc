#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "starocean/control/api_server.h"

namespace starocean::control {
namespace {

// Whether a name exists is known when it is resolved; one of digits and points alone must be an
// address.
bool is_ipv4_or_name(const std::string& host) {
  in_addr binary{};
  if (inet_pton(AF_INET, host.c_str(), &binary) == 1) return true;
  const auto in_name = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; };
  return std::ranges::all_of(host, in_name) &&
         host.find_first_not_of("0123456789.") != std::string::npos;
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const std::string what = fmt::format("cannot listen on '{}'", text);
  const std::string remedy = "write it like 127.0.0.1:30088 or [::1]:30088";
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return fail(what, "there is no ':' before a port number", remedy);
  ListenAddress address;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc{} || stop != end) {
    return fail(what, "the port is not a number from 0 to 65535", remedy);
  }
  address.host = text.substr(0, colon);
  if (address.host.empty()) address.host = "0.0.0.0";
  in6_addr binary{};
  if (address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (inet_pton(AF_INET6, address.host.c_str(), &binary) == 1) return address;
  } else if (is_ipv4_or_name(address.host)) {
    return address;
  }
  return fail(what, fmt::format("'{}' is not an address", address.host), remedy);
}

}  // namespace starocean::control
