// Any bytes as a configuration: no crash, no exception, no endless work. What parses must come back
// the same from its own description; what does not must say so in whole sentences.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "starocean/base/check.h"
#include "starocean/control/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace starocean::control;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = parse_config(text, "fuzz.yaml");
  if (!config) {
    const std::string& message = config.error().message();
    SO_CHECK(message.starts_with("fuzz.yaml:"), "an error without a place");
    SO_CHECK(message.find("; ") != std::string::npos, "an error without a remedy");
    return 0;
  }
  const auto again = parse_config(describe(*config), "again.yaml");
  SO_CHECK(again.has_value(), "a description that does not parse");
  SO_CHECK(*again == *config, "a description of something else");
  if (const auto summary = check_summary(*config); !summary) {
    SO_CHECK(summary.error().message().starts_with("fuzz.yaml:"), "an error without a place");
  }
  return 0;
}
