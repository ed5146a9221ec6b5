// What is checked of a text before yaml-cpp reads it.

#include <array>
#include <cstdio>

#include "starocean/control/yaml.h"

namespace starocean::control {
namespace {

constexpr std::string_view kWhat = "cannot read the file";

tl::unexpected<Problem> refuse(Mark mark, std::string_view cause, std::string_view remedy) {
  return tl::unexpected<Problem>({mark, Error(kWhat, cause, remedy)});
}

// The length of the UTF-8 sequence that `text` starts with (RFC 3629, section 4: no overlong forms,
// no surrogates, nothing above U+10FFFF); 0 when it is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return tail(1) ? 2 : 0;
  if (!tail(1) || !tail(2)) return 0;
  if (lead < 0xf0) {
    const bool overlong = lead == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = lead == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = lead == 0xf0 && byte(1) < 0x90;
  const bool too_large = lead > 0xf4 || (lead == 0xf4 && byte(1) > 0x8f);
  return tail(3) && !overlong && !too_large ? 4 : 0;
}

bool is_forbidden_control(char character) {
  const auto value = static_cast<unsigned char>(character);
  return (value < 0x20 && value != '\t' && value != '\n' && value != '\r') || value == 0x7f;
}

std::string hex(char character) {
  std::array<char, 8> out{};
  std::snprintf(out.data(), out.size(), "0x%02x", static_cast<unsigned char>(character));
  return out.data();
}

}  // namespace

tl::expected<void, Problem> check_yaml_text(std::string_view text) {
  if (text.size() > kMaxYamlBytes) {
    return refuse({}, "it is larger than " + std::to_string(kMaxYamlBytes) + " bytes",
                  "check that it is a starocean configuration");
  }
  Mark mark{1, 1};
  size_t open = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) {
      return refuse(mark, "byte " + hex(text[i]) + " is not UTF-8", "save the file as UTF-8");
    }
    if (is_forbidden_control(text[i])) {
      return refuse(mark, "it holds the control character " + hex(text[i]),
                    "remove it, and save the file as UTF-8 text");
    }
    // Quotes and comments are not looked into: a bracket there counts too.
    if (text[i] == '[' || text[i] == '{') ++open;
    if ((text[i] == ']' || text[i] == '}') && open > 0) --open;
    if (open > kMaxOpenBrackets) {
      return refuse(mark, "more than " + std::to_string(kMaxOpenBrackets) + " brackets stand open",
                    "close the brackets that were left open");
    }
    if (text[i] == '\n') {
      mark = {mark.line + 1, 1};
    } else {
      mark.column += static_cast<uint32_t>(length);
    }
    i += length;
  }
  return {};
}

}  // namespace starocean::control
