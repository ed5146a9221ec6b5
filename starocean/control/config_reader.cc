#include "starocean/control/config_reader.h"

#include <algorithm>

#include "starocean/base/check.h"
#include "starocean/control/config_value.h"
#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

std::string join(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : std::string(path).append(".").append(key);
}

}  // namespace

ObjectReader::ObjectReader(const SchemaObject& schema, const YamlNode& node, std::string path,
                           Mark mark, Problems& problems)
    : schema_(&schema),
      node_(node.kind == YamlNode::Kind::kMap ? &node : nullptr),
      path_(std::move(path)),
      mark_(mark),
      problems_(&problems) {
  const std::string subject = path_.empty() ? std::string(schema.title) : path_;
  if (node_ == nullptr && node.kind != YamlNode::Kind::kNull) {
    problems_->add(node.mark, "cannot use " + subject, describe_kind(node.kind),
                   "write a map of keys and values");
    return;
  }
  if (node_ != nullptr) {
    for (const auto& entry : node_->entries) check_key(entry);
  }
  for (const SchemaKey& key : schema.keys) {
    if (!key.required || find(key.key) != nullptr) continue;
    problems_->add(mark_, "cannot use " + subject, "it has no key " + quote(key.key),
                   "add '" + std::string(key.key) + ":' with " + expected_value(key));
  }
}

void ObjectReader::check_key(const YamlNode::Entry& entry) {
  const SchemaKey* key = schema_->find(entry.key);
  if (key != nullptr && key->supported) return;
  const std::string what =
      "cannot use the key " + quote(entry.key) + (path_.empty() ? std::string() : " in " + path_);
  if (key != nullptr) {
    problems_->add(entry.mark, what, std::string("it ").append(kNotSupported), "remove it");
    return;
  }
  if (problems_->full()) return;
  std::vector<std::string_view> known;
  std::string list;
  for (const SchemaKey& candidate : schema_->keys) {
    known.push_back(candidate.key);
    if (!candidate.supported) continue;
    if (!list.empty()) list += ", ";
    list += candidate.key;
  }
  const std::string_view near = nearest(entry.key, known);
  const std::string remedy = !near.empty()  ? "did you mean " + quote(near) + "?"
                             : list.empty() ? std::string("remove it")
                                            : "the keys here are " + list;
  problems_->add(entry.mark, what, "there is no such key", remedy);
}

const YamlNode::Entry* ObjectReader::find(std::string_view key) const {
  if (node_ == nullptr) return nullptr;
  const auto found = std::find_if(node_->entries.begin(), node_->entries.end(),
                                  [key](const auto& entry) { return entry.key == key; });
  return found == node_->entries.end() ? nullptr : &*found;
}

const SchemaKey& ObjectReader::schema_of(std::string_view key) const {
  const SchemaKey* found = schema_->find(key);
  SO_CHECK(found != nullptr && found->supported, "the parser reads a key that the schema lacks");
  return *found;
}

std::string ObjectReader::path_of(std::string_view key) const {
  return join(path_, key);
}

void ObjectReader::origin(Origin& out) const {
  out.mark = mark_;
  if (node_ == nullptr) return;
  for (const auto& entry : node_->entries) {
    out.key_marks.emplace_back(entry.key, value_mark(entry));
  }
}

void ObjectReader::reject(const SchemaKey& schema, Mark mark, const std::string& path,
                          std::string_view cause) {
  problems_->add(mark, "cannot use " + path, cause, "write " + expected_value(schema));
}

bool ObjectReader::check_count(const SchemaKey& schema, Mark mark, size_t count) {
  if (count <= static_cast<size_t>(schema.max)) return true;
  problems_->add(mark, "cannot use " + path_of(schema.key),
                 "it has " + std::to_string(count) + " entries",
                 "write at most " + std::to_string(schema.max));
  return false;
}

const YamlNode::Entry* ObjectReader::find_map(std::string_view key) {
  const auto* entry = find(key);
  if (entry == nullptr || entry->value->kind == YamlNode::Kind::kNull) return nullptr;
  if (entry->value->kind != YamlNode::Kind::kMap) {
    reject(schema_of(key), entry->value->mark, path_of(key), describe_kind(entry->value->kind));
    return nullptr;
  }
  const bool is_small = check_count(schema_of(key), entry->mark, entry->value->entries.size());
  return is_small ? entry : nullptr;
}

std::vector<ObjectReader::Item> ObjectReader::named(std::string_view key) {
  const auto* map = find_map(key);
  if (map == nullptr) return {};
  const SchemaKey& schema = schema_of(key);
  std::vector<Item> items;
  for (const auto& entry : map->value->entries) {
    if (has_format(schema.format, entry.key)) {
      items.push_back({entry.key, entry.mark, entry.value});
      continue;
    }
    problems_->add(entry.mark, "cannot use the name " + quote(entry.key) + " in " + path_of(key),
                   "it is not of the form of a name", "write " + expected_text(schema.format));
  }
  return items;
}

std::vector<ObjectReader::Item> ObjectReader::members(std::string_view key) {
  const auto* entry = find(key);
  if (entry == nullptr || entry->value->kind != YamlNode::Kind::kList) return named(key);
  const SchemaKey& schema = schema_of(key);
  if (!check_count(schema, entry->mark, entry->value->items.size())) return {};
  std::vector<Item> items;
  for (const YamlNode* node : entry->value->items) {
    const auto* name = formatted_text(schema, *node, path_of(key));
    if (name != nullptr) items.push_back({*name, node->mark, nullptr});
  }
  return items;
}

std::vector<StaticMac> ObjectReader::mac_table(std::string_view key) {
  const auto* map = find_map(key);
  if (map == nullptr) return {};
  std::vector<StaticMac> macs;
  for (const auto& entry : map->value->entries) {
    const auto mac = parse_mac(entry.key);
    if (!mac) {
      problems_->add(entry.mark, "cannot use the key " + quote(entry.key) + " in " + path_of(key),
                     "it is not a MAC address", "write six pairs of digits: 02:00:00:00:00:01");
    }
    const std::string path = join(path_of(key), entry.key);
    StaticMac one{{entry.mark}, mac.value_or(MacBytes{}), "", 0};
    std::vector<StaticMac> found;
    if (entry.value->kind == YamlNode::Kind::kNull) {
      reject(schema_of(key), entry.mark, path, "it has no value");
    } else if (entry.value->kind == YamlNode::Kind::kMap) {
      macs_by_vlan(schema_of(key), *entry.value, path, one, found);
    } else if (const auto* name = formatted_text(schema_of(key), *entry.value, path)) {
      one.interface = *name;
      found.push_back(one);
    }
    if (mac) macs.insert(macs.end(), found.begin(), found.end());
  }
  return macs;
}

// A map from VLANs to names of interfaces.
void ObjectReader::macs_by_vlan(const SchemaKey& schema, const YamlNode& node,
                                const std::string& path, const StaticMac& entry,
                                std::vector<StaticMac>& macs) {
  if (node.entries.empty()) reject(schema, node.mark, path, "it is empty");
  for (const auto& item : node.entries) {
    const auto vlan = parse_vlan_range(item.key);
    if (!vlan || vlan->first != vlan->second) {
      problems_->add(item.mark, "cannot use the key " + quote(item.key) + " in " + path,
                     "it is not a VLAN", "write a number from 1 to 4094");
      continue;
    }
    if (item.value->kind == YamlNode::Kind::kNull) {
      reject(schema, item.mark, join(path, item.key), "it has no value");
    } else if (const auto* name = formatted_text(schema, *item.value, join(path, item.key))) {
      macs.push_back({{item.mark}, entry.mac, *name, vlan->first});
    }
  }
}

std::optional<ObjectReader> ObjectReader::object(std::string_view key) {
  const auto* entry = find(key);
  if (entry == nullptr) return std::nullopt;
  return ObjectReader(*schema_of(key).object, *entry->value, path_of(key), entry->mark, *problems_);
}

ObjectReader ObjectReader::item(std::string_view key, const Item& item) {
  static const YamlNode kNothing;
  return {*schema_of(key).object, item.value == nullptr ? kNothing : *item.value,
          join(path_of(key), item.name), item.mark, *problems_};
}

}  // namespace starocean::control
