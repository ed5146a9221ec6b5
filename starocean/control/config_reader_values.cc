// The values of an ObjectReader: one notation each. Maps and lists of items are in
// config_reader.cc.

#include <algorithm>

#include "starocean/base/check.h"
#include "starocean/control/config_reader.h"
#include "starocean/control/config_value.h"
#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

bool is_power_of_two(int64_t value) {
  return value > 0 && (value & (value - 1)) == 0;
}

}  // namespace

std::string_view describe_kind(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "it has no value";
    case YamlNode::Kind::kScalar:
      return "it is a single value";
    case YamlNode::Kind::kList:
      return "it is a list";
    case YamlNode::Kind::kMap:
      return "it is a map";
  }
  return {};
}

bool has_format(TextFormat format, std::string_view text) {
  switch (format) {
    case TextFormat::kLabel:
      return is_label(text);
    case TextFormat::kDevice:
      return is_device_name(text);
    case TextFormat::kHostPort:
      return parse_host_port(text).has_value();
  }
  return false;
}

Mark value_mark(const YamlNode::Entry& entry) {
  return entry.value->kind == YamlNode::Kind::kNull ? entry.mark : entry.value->mark;
}

const std::string* ObjectReader::plain_scalar(const SchemaKey& schema, const YamlNode& node,
                                              const std::string& path) {
  if (node.kind == YamlNode::Kind::kScalar && node.plain) return &node.text;
  reject(schema, node.mark, path,
         node.kind == YamlNode::Kind::kScalar ? quote(node.text) + " in quotes is a text"
                                              : std::string(describe_kind(node.kind)));
  return nullptr;
}

std::optional<int64_t> ObjectReader::checked_integer(const SchemaKey& schema, const YamlNode& node,
                                                     const std::string& path) {
  const std::string* text = plain_scalar(schema, node, path);
  if (text == nullptr) return std::nullopt;
  const auto value = parse_integer(*text);
  if (!value) {
    reject(schema, node.mark, path, quote(*text) + " is not a whole number in decimal digits");
  } else if (*value < schema.min || *value > schema.max) {
    reject(schema, node.mark, path, *text + " is out of range");
  } else if (schema.power_of_two && !is_power_of_two(*value)) {
    reject(schema, node.mark, path, *text + " is not a power of two");
  } else {
    return value;
  }
  return std::nullopt;
}

std::optional<int64_t> ObjectReader::read_integer(std::string_view key) {
  const auto* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  const SchemaKey& schema = schema_of(key);
  if (entry->value->kind == YamlNode::Kind::kNull) {
    reject(schema, entry->mark, path_of(key), "it has no value");
    return std::nullopt;
  }
  return checked_integer(schema, *entry->value, path_of(key));
}

void ObjectReader::integer_or_choice(std::string_view key, std::optional<uint32_t>& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const auto& choices = schema_of(key).choices;
  const bool is_choice = entry->value->kind == YamlNode::Kind::kScalar &&
                         std::any_of(choices.begin(), choices.end(), [entry](const auto& choice) {
                           return choice.name == entry->value->text;
                         });
  if (is_choice) {
    out = std::nullopt;
  } else if (const auto value = read_integer(key)) {
    out = static_cast<uint32_t>(*value);
  }
}

void ObjectReader::integers(std::string_view key, std::vector<int>& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  if (entry->value->kind != YamlNode::Kind::kList) {
    reject(schema, value_mark(*entry), path_of(key), describe_kind(entry->value->kind));
    return;
  }
  for (const YamlNode* node : entry->value->items) {
    const auto value = checked_integer(schema, *node, path_of(key));
    if (!value) continue;
    if (std::find(out.begin(), out.end(), *value) != out.end()) {
      reject(schema, node->mark, path_of(key), node->text + " is already in the list");
      continue;
    }
    out.push_back(static_cast<int>(*value));
  }
}

void ObjectReader::vlans(std::string_view key, std::optional<VlanNumbers>& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  const YamlNode& value = *entry->value;
  if (value.kind == YamlNode::Kind::kScalar && value.text == schema.choices[0].name) {
    out = all_vlans();
    return;
  }
  if (value.kind != YamlNode::Kind::kList || value.items.empty()) {
    const bool is_empty = value.kind == YamlNode::Kind::kList;
    reject(schema, value_mark(*entry), path_of(key),
           is_empty ? std::string("the list is empty") : std::string(describe_kind(value.kind)));
    return;
  }
  VlanNumbers numbers;
  for (const YamlNode* node : value.items) {
    const bool is_scalar = node->kind == YamlNode::Kind::kScalar;
    const auto range = is_scalar ? parse_vlan_range(node->text) : std::nullopt;
    // In quotes a number is a text; a range is one anyhow.
    if (!range || (!node->plain && range->first == range->second)) {
      reject(schema, node->mark, path_of(key),
             is_scalar ? quote(node->text) + " is not a VLAN or a range of VLANs"
                       : std::string(describe_kind(node->kind)));
      continue;
    }
    for (size_t vlan = range->first; vlan <= range->second; ++vlan) {
      if (numbers[vlan]) {
        reject(schema, node->mark, path_of(key), std::to_string(vlan) + " is already in the list");
        break;
      }
      numbers.set(vlan);
    }
  }
  out = numbers;
}

void ObjectReader::size(std::string_view key, uint32_t& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  const YamlNode& node = *entry->value;
  // In quotes a number without a unit is a text.
  const bool is_scalar = node.kind == YamlNode::Kind::kScalar;
  const auto value =
      is_scalar && (node.plain || !parse_integer(node.text)) ? parse_size(node.text) : std::nullopt;
  if (!value) {
    reject(schema, value_mark(*entry), path_of(key),
           is_scalar ? quote(node.text) + " is not a number of bytes"
                     : std::string(describe_kind(node.kind)));
    return;
  }
  const auto bytes = static_cast<int64_t>(*value);
  if (bytes < schema.min || bytes > schema.max) {
    reject(schema, node.mark, path_of(key), quote(node.text) + " is out of range");
  } else if (schema.power_of_two && !is_power_of_two(bytes)) {
    reject(schema, node.mark, path_of(key), quote(node.text) + " is not a power of two");
  } else {
    out = static_cast<uint32_t>(bytes);
  }
}

void ObjectReader::rate(std::string_view key, uint64_t& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  const YamlNode& node = *entry->value;
  const bool is_scalar = node.kind == YamlNode::Kind::kScalar;
  const auto value = is_scalar ? parse_rate(node.text) : std::nullopt;
  if (!value) {
    reject(schema, value_mark(*entry), path_of(key),
           is_scalar ? quote(node.text) + " is not a whole number with a unit (K, M or G)"
                     : std::string(describe_kind(node.kind)));
  } else if (*value < static_cast<uint64_t>(schema.min) ||
             *value > static_cast<uint64_t>(schema.max)) {
    reject(schema, node.mark, path_of(key), quote(node.text) + " is out of range");
  } else {
    out = *value;
  }
}

void ObjectReader::duration(std::string_view key, std::chrono::milliseconds& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  const YamlNode& node = *entry->value;
  const bool is_scalar = node.kind == YamlNode::Kind::kScalar;
  const auto value = is_scalar ? parse_duration(node.text) : std::nullopt;
  if (!value) {
    const bool lacks_unit = is_scalar && parse_integer(node.text).has_value();
    reject(schema, value_mark(*entry), path_of(key),
           lacks_unit  ? quote(node.text) + " has no unit (ms, s, m or h)"
           : is_scalar ? quote(node.text) + " is not a whole number with a unit (ms, s, m or h)"
                       : std::string(describe_kind(node.kind)));
  } else if (value->count() < schema.min || value->count() > schema.max) {
    reject(schema, node.mark, path_of(key), quote(node.text) + " is out of range");
  } else {
    out = *value;
  }
}

const std::string* ObjectReader::formatted_text(const SchemaKey& schema, const YamlNode& node,
                                                const std::string& path) {
  if (node.kind != YamlNode::Kind::kScalar) {
    reject(schema, node.mark, path, describe_kind(node.kind));
  } else if (node.plain && is_number_or_boolean(node.text)) {
    problems_->add(node.mark, "cannot use " + path, quote(node.text) + " is not a text",
                   "put quotes around it");
  } else if (!has_format(schema.format, node.text)) {
    reject(schema, node.mark, path, quote(node.text) + " is not of that form");
  } else {
    return &node.text;
  }
  return nullptr;
}

void ObjectReader::text(std::string_view key, std::string& out) {
  const auto* entry = find(key);
  if (entry == nullptr) return;
  const SchemaKey& schema = schema_of(key);
  if (entry->value->kind == YamlNode::Kind::kNull) {
    reject(schema, entry->mark, path_of(key), "it has no value");
  } else if (const auto* text = formatted_text(schema, *entry->value, path_of(key))) {
    out = *text;
  }
}

std::optional<size_t> ObjectReader::read_choice(std::string_view key) {
  const auto* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  const SchemaKey& schema = schema_of(key);
  const YamlNode& node = *entry->value;
  if (node.kind != YamlNode::Kind::kScalar) {
    reject(schema, value_mark(*entry), path_of(key), describe_kind(node.kind));
    return std::nullopt;
  }
  std::string word = node.text;
  if (node.plain && (word == "True" || word == "TRUE")) word = "true";
  if (node.plain && (word == "False" || word == "FALSE")) word = "false";
  for (const SchemaChoice& choice : schema.choices) {
    const bool is_boolean = choice.name == "true" || choice.name == "false";
    if (choice.name != word || (is_boolean && !node.plain)) continue;
    if (!choice.supported) {
      reject(schema, node.mark, path_of(key), quote(word).append(" ").append(kNotSupported));
      return std::nullopt;
    }
    const std::string_view name = choice.alias_of.empty() ? choice.name : choice.alias_of;
    const auto meant = std::find_if(schema.choices.begin(), schema.choices.end(),
                                    [name](const auto& other) { return other.name == name; });
    return static_cast<size_t>(meant - schema.choices.begin());
  }
  reject(schema, node.mark, path_of(key), quote(node.text) + " is not one of the choices");
  return std::nullopt;
}

}  // namespace starocean::control
