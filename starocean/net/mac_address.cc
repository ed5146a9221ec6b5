#include "starocean/net/mac_address.h"

#include "starocean/net/hex.h"

namespace starocean::net {

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const auto refuse = [&] {
    return fail("cannot read '" + std::string(text) + "' as a MAC address",
                "it is not six groups of two hexadecimal digits joined by ':'",
                "write it like 02:00:5e:10:00:01");
  };
  constexpr size_t kTextSize = 3 * kSize - 1;
  if (text.size() != kTextSize) return refuse();
  const char separator = text[2];
  if (separator != ':' && separator != '-') return refuse();

  Bytes bytes{};
  for (size_t i = 0; i < kSize; ++i) {
    const int high = hex_digit(text[3 * i]);
    const int low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0) return refuse();
    if (i + 1 < kSize && text[3 * i + 2] != separator) return refuse();
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return MacAddress(bytes);
}

std::string MacAddress::to_string() const {
  std::string text;
  text.reserve(3 * kSize - 1);
  for (size_t i = 0; i < kSize; ++i) {
    if (i > 0) text += ':';
    text += kHexDigits[bytes_[i] >> 4];
    text += kHexDigits[bytes_[i] & 0xf];
  }
  return text;
}

}  // namespace starocean::net
