// Every key of the configuration, declared once: type, range, default, help. From this table come
//
//   * the checks of the parser (config_reader.h asks it for each key that it reads),
//   * the JSON Schema that `starocean config schema` prints, for editors and other people's tools,
//   * the reference in docs/configuration.md,
//
// so that none of the three can say something else than the others.
//
// To add a key: a row in schema.cc, a member in config.h, a line in config_bind.cc and in
// config_describe.cc, then write the reference anew with `config_reference markdown`.
// schema_test.cc fails while one of them is missing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace starocean::control {

enum class ValueKind : uint8_t {
  kInteger,      // a whole number from min to max; or one of the choices
  kIntegerList,  // a list of them, each once
  kSize,         // bytes: a whole number, or "4K", "1M"
  kRate,         // bits per second: "500M", "10G"; min and max in bits per second
  kDuration,     // "100ms", "300s", "5m", "1h"; min and max in milliseconds
  kText,         // of the given format
  kChoice,       // one of the choices
  kObject,       // a map with the keys of `object`
  kNamed,        // a map from names (format) to maps with the keys of `object`
  kMembers,      // a list of names (format), or a map from names to maps with the keys of `object`
  kMacTable,     // a map from MAC addresses to names (format), or to maps from VLANs to names
  kVlanSet,      // a list of VLANs and ranges of them, or one of the choices: all of them
};

enum class TextFormat : uint8_t {
  kLabel,     // 1-63 letters, digits, '.', '_', '-'; the first a letter or digit
  kDevice,    // what Linux takes as a device's name: 1-15 characters, no '/', ':' or space
  kHostPort,  // "127.0.0.1:30088", "[::1]:30088", "localhost:30088"
};

struct SchemaChoice {
  std::string_view name;
  std::string_view help;
  std::string_view alias_of = {};  // another spelling of that choice; aliases stand last
  bool supported = true;
};

struct SchemaObject;

struct SchemaKey {
  std::string_view key;
  ValueKind kind = ValueKind::kObject;
  std::string_view help;
  std::string_view fallback = {};  // the default, as one would write it; empty: see help
  int64_t min = 0;
  int64_t max = 0;  // for lists and maps: the most entries
  bool power_of_two = false;
  TextFormat format = TextFormat::kLabel;
  std::span<const SchemaChoice> choices = {};
  const SchemaObject* object = nullptr;
  bool required = false;
  bool supported = true;  // false: of a later version, refused with a sentence that says so
};

struct SchemaObject {
  std::string_view title;  // "an interface", as in errors and headings
  std::span<const SchemaKey> keys;

  // nullptr when there is no such key.
  const SchemaKey* find(std::string_view key) const;
};

// The table: the object that the whole file is.
const SchemaObject& config_schema();

// What may stand there, for errors and the reference: "a power of two from 64 to 32768".
std::string expected_value(const SchemaKey& key);
std::string expected_text(TextFormat format);

// JSON Schema, draft 2020-12. What it accepts the parser accepts too, but for what such a schema
// cannot say: references between items, ranges of sizes and durations, and the uniqueness of
// devices.
std::string config_schema_json();

// The part of docs/configuration.md between its "reference" marks.
std::string config_reference_markdown();

}  // namespace starocean::control
