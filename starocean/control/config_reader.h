// Reads the maps of a configuration key by key, each value checked against the schema.
//
// Whatever is wrong goes to Problems; the destination then keeps what it had, so that reading goes
// on and one run finds every mistake.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/control/config.h"
#include "starocean/control/config_problems.h"
#include "starocean/control/schema.h"

namespace starocean::control {

class ObjectReader {
 public:
  // `node` should be a map, or nothing (a key without a value under it counts as an empty map).
  // Reports it if not, and keys that are unknown, of a later version, or required and not there.
  // `path` names the object in errors: "interfaces.lan1", "" for the whole file. `mark` is the
  // place of the object's own key. Schema, node and problems must outlive the reader.
  ObjectReader(const SchemaObject& schema, const YamlNode& node, std::string path, Mark mark,
               Problems& problems);

  // Each reads the value of `key` if it is there. The schema must have the key, of the fitting
  // kind.
  template <std::integral T>
  void integer(std::string_view key, T& out) {
    if (const auto value = read_integer(key)) out = static_cast<T>(*value);
  }
  // A whole number; one of the choices ("all") gives nullopt.
  void integer_or_choice(std::string_view key, std::optional<uint32_t>& out);
  void integers(std::string_view key, std::vector<int>& out);
  void size(std::string_view key, uint32_t& out);
  void rate(std::string_view key, uint64_t& out);
  void duration(std::string_view key, std::chrono::milliseconds& out);
  void text(std::string_view key, std::string& out);
  // T's values are the positions of the choices in the schema; an alias counts as what it stands
  // for.
  template <class T>
  void choice(std::string_view key, T& out) {
    if (const auto index = read_choice(key)) out = static_cast<T>(*index);
  }

  // An entry of a map or list under one of the keys. An unusable one is reported and left out.
  struct Item {
    std::string name;
    Mark mark;                        // of the name
    const YamlNode* value = nullptr;  // nullptr in a list
  };
  // kNamed: the entries whose names are of the schema's format.
  std::vector<Item> named(std::string_view key);
  // kMembers: list or map form.
  std::vector<Item> members(std::string_view key);
  void optional_integer(std::string_view key, std::optional<uint32_t>& out) {
    if (const auto value = read_integer(key)) out = static_cast<uint32_t>(*value);
  }
  // kVlanSet.
  void vlans(std::string_view key, std::optional<VlanNumbers>& out);
  // kMacTable.
  std::vector<StaticMac> mac_table(std::string_view key);

  // The object under `key`; nullopt when the key is not there.
  std::optional<ObjectReader> object(std::string_view key);
  // The object of an Item of named() or members().
  ObjectReader item(std::string_view key, const Item& item);

  // Where this object and its values were written.
  void origin(Origin& out) const;

 private:
  // "memory.frames" for key "frames".
  std::string path_of(std::string_view key) const;
  const YamlNode::Entry* find(std::string_view key) const;
  const SchemaKey& schema_of(std::string_view key) const;
  void macs_by_vlan(const SchemaKey& schema, const YamlNode& node, const std::string& path,
                    const StaticMac& entry, std::vector<StaticMac>& macs);
  std::optional<int64_t> read_integer(std::string_view key);
  std::optional<int64_t> checked_integer(const SchemaKey& schema, const YamlNode& node,
                                         const std::string& path);
  std::optional<size_t> read_choice(std::string_view key);
  // The text of a scalar without quotes; otherwise reports that `path` should be as `schema` says.
  const std::string* plain_scalar(const SchemaKey& schema, const YamlNode& node,
                                  const std::string& path);
  // The text of a scalar that YAML takes for a text, of the schema's format; else reports.
  const std::string* formatted_text(const SchemaKey& schema, const YamlNode& node,
                                    const std::string& path);
  // The entry of `key` when its value is a map of no more entries than the schema allows.
  const YamlNode::Entry* find_map(std::string_view key);
  bool check_count(const SchemaKey& schema, Mark mark, size_t count);
  void reject(const SchemaKey& schema, Mark mark, const std::string& path, std::string_view cause);
  void check_key(const YamlNode::Entry& entry);

  const SchemaObject* schema_;
  const YamlNode* node_;  // a map, or nullptr when there is nothing to read
  std::string path_;
  Mark mark_;
  Problems* problems_;
};

inline constexpr std::string_view kNotSupported = "is not supported by this version of starocean";
// "it is a list", for errors about a value of the wrong kind.
std::string_view describe_kind(YamlNode::Kind kind);
bool has_format(TextFormat format, std::string_view text);
// Of an entry's value; of its key when there is no value, as such a node has the mark of what
// follows it.
Mark value_mark(const YamlNode::Entry& entry);

}  // namespace starocean::control
