// What the schema says of a key in words.

#include <string>
#include <vector>

#include "starocean/control/config_value.h"
#include "starocean/control/schema.h"

namespace starocean::control {
namespace {

using enum ValueKind;

std::string integer_range(const SchemaKey& key) {
  if (key.min == key.max) return std::to_string(key.min);
  const std::string_view kind = key.power_of_two ? "a power of two" : "a whole number";
  return std::string(kind) + " from " + std::to_string(key.min) + " to " + std::to_string(key.max);
}

// The choices of this version, without their other spellings: "a, b or c".
std::string listed(std::span<const SchemaChoice> choices) {
  std::vector<std::string_view> names;
  for (const SchemaChoice& choice : choices) {
    if (choice.supported && choice.alias_of.empty()) names.push_back(choice.name);
  }
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 < names.size() ? ", " : " or ";
    out += names[i];
  }
  return out;
}

}  // namespace

std::string expected_text(TextFormat format) {
  switch (format) {
    case TextFormat::kLabel:
      return "1 to 63 letters, digits, '.', '_' and '-', starting with a letter or digit";
    case TextFormat::kDevice:
      return "1 to 15 characters without '/', ':' and spaces";
    case TextFormat::kHostPort:
      return "an address and a port, such as 127.0.0.1:30088";
  }
  return {};
}

std::string expected_value(const SchemaKey& key) {
  switch (key.kind) {
    case kInteger:
      return integer_range(key) +
             (key.choices.empty() ? std::string() : ", or " + listed(key.choices));
    case kIntegerList:
      return "a list of whole numbers from " + std::to_string(key.min) + " to " +
             std::to_string(key.max) + ", each once";
    case kSize:
      if (key.power_of_two && key.max == 2 * key.min) {
        return std::to_string(key.min) + " or " + std::to_string(key.max) + " bytes";
      }
      return (key.power_of_two ? "a power of two from " : "a size from ") +
             std::to_string(key.min) + " to " + std::to_string(key.max) + " bytes";
    case kRate:
      return "a rate from " + format_rate(static_cast<uint64_t>(key.min)) + " to " +
             format_rate(static_cast<uint64_t>(key.max)) + " bits per second, such as 500M";
    case kDuration:
      return "a duration from " + format_duration(std::chrono::milliseconds(key.min)) + " to " +
             format_duration(std::chrono::milliseconds(key.max)) + ", such as 300s";
    case kText:
      return expected_text(key.format);
    case kChoice:
      return listed(key.choices);
    case kObject:
      return "a map";
    case kNamed:
      return "a map from names to their settings";
    case kMembers:
      return "a list of names, or a map from names to their settings";
    case kMacTable:
      return "a map from MAC addresses to names of interfaces, or to maps from VLANs to names";
    case kVlanSet:
      return "a list of VLANs from 1 to 4094 and ranges such as 100-200, or " + listed(key.choices);
  }
  return {};
}

}  // namespace starocean::control
