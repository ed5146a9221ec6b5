// The table as JSON Schema (draft 2020-12: json-schema.org/draft/2020-12/json-schema-core).

#include <nlohmann/json.hpp>

#include "starocean/control/schema.h"

namespace starocean::control {
namespace {

using Json = nlohmann::ordered_json;
using enum ValueKind;

// The notations of config_value.h as regular expressions (ECMA 262).
std::string_view pattern_of(TextFormat format) {
  switch (format) {
    case TextFormat::kLabel:
      return "^[0-9A-Za-z][0-9A-Za-z._-]{0,62}$";
    case TextFormat::kDevice:
      return "^(?!\\.{1,2}$)[!-.0-9;-~]{1,15}$";
    case TextFormat::kHostPort:
      return "^(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z][0-9A-Za-z.-]*):[1-9][0-9]{0,4}$";
  }
  return {};
}
constexpr std::string_view kSizePattern = "^(0|[1-9][0-9]*)([KMG](iB)?)$";
constexpr std::string_view kRatePattern = "^(0|[1-9][0-9]*)[KMG]$";
constexpr std::string_view kDurationPattern = "^(0|[1-9][0-9]*)(ms|s|m|h)$";
constexpr std::string_view kMacPattern =
    "^[0-9A-Fa-f]{2}((:[0-9A-Fa-f]{2}){5}|(-[0-9A-Fa-f]{2}){5})$";
constexpr std::string_view kVlanPattern = "^[1-9][0-9]{0,3}$";
constexpr std::string_view kVlanRangePattern = "^[1-9][0-9]{0,3}-[1-9][0-9]{0,3}$";

Json text(std::string_view pattern) {
  return {{"type", "string"}, {"pattern", pattern}};
}

Json integer(const SchemaKey& key) {
  if (!key.power_of_two) {
    return {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}};
  }
  Json values = Json::array();
  for (int64_t value = key.min; value <= key.max; value *= 2) values.push_back(value);
  return {{"enum", values}};
}

Json choice_value(std::string_view name) {
  if (name == "true" || name == "false") return name == "true";
  return name;
}

Json choices(const SchemaKey& key) {
  Json values = Json::array();
  for (const SchemaChoice& choice : key.choices) {
    if (choice.supported) values.push_back(choice_value(choice.name));
  }
  return {{"enum", values}};
}

Json object_schema(const SchemaObject& object);

// A map of names; nothing under the key counts as an empty map.
Json map_of(const SchemaKey& key, std::string_view name_pattern, const Json& value) {
  return {{"type", {"object", "null"}},
          {"propertyNames", {{"pattern", name_pattern}}},
          {"additionalProperties", value},
          {"maxProperties", key.max}};
}

// The name of an interface, or one for each VLAN.
Json mac_table_value(const SchemaKey& key) {
  const Json name = text(pattern_of(key.format));
  const Json by_vlan = {{"type", "object"},
                        {"propertyNames", {{"pattern", kVlanPattern}}},
                        {"additionalProperties", name},
                        {"minProperties", 1}};
  return {{"anyOf", {name, by_vlan}}};
}

Json value_schema(const SchemaKey& key) {
  switch (key.kind) {
    case kInteger:
      if (key.choices.empty()) return integer(key);
      return {{"anyOf", {integer(key), choices(key)}}};
    case kIntegerList:
      return {{"type", "array"}, {"items", integer(key)}, {"uniqueItems", true}};
    case kSize:
      return {{"anyOf", {integer(key), text(kSizePattern)}}};
    case kRate:
      return text(kRatePattern);
    case kDuration:
      return text(kDurationPattern);
    case kText:
      return text(pattern_of(key.format));
    case kChoice:
      return choices(key);
    case kObject:
      return object_schema(*key.object);
    case kNamed:
      return map_of(key, pattern_of(key.format), object_schema(*key.object));
    case kMembers: {
      const Json list = {{"type", "array"},
                         {"items", text(pattern_of(key.format))},
                         {"maxItems", key.max},
                         {"uniqueItems", true}};
      return {{"anyOf", {list, map_of(key, pattern_of(key.format), object_schema(*key.object))}}};
    }
    case kMacTable:
      return map_of(key, kMacPattern, mac_table_value(key));
    case kVlanSet: {
      const Json vlan = {{"type", "integer"}, {"minimum", 1}, {"maximum", 4094}};
      const Json list = {{"type", "array"},
                         {"items", {{"anyOf", {vlan, text(kVlanRangePattern)}}}},
                         {"minItems", 1},
                         {"maxItems", 4094}};
      return {{"anyOf", {list, choices(key)}}};
    }
  }
  return {};
}

// The default is written as in YAML: a number, a boolean, an empty list or map, or a word.
Json default_value(std::string_view fallback) {
  const Json parsed = Json::parse(fallback, nullptr, false);
  return parsed.is_discarded() ? Json(fallback) : parsed;
}

Json object_schema(const SchemaObject& object) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const SchemaKey& key : object.keys) {
    if (!key.supported) continue;
    Json value = value_schema(key);
    value["description"] = key.help;
    if (!key.fallback.empty()) value["default"] = default_value(key.fallback);
    properties[std::string(key.key)] = std::move(value);
    if (key.required) required.push_back(key.key);
  }
  Json schema = {{"type", required.empty() ? Json{"object", "null"} : Json("object")},
                 {"properties", properties},
                 {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

}  // namespace

std::string config_schema_json() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "starocean configuration"}};
  schema.update(object_schema(config_schema()));
  return schema.dump(2) + "\n";
}

}  // namespace starocean::control
