// Reading members of an answer that may be absent. For render_text*.cc.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "starocean/control/render_json.h"
#include "starocean/control/text_table.h"

namespace starocean::control {

inline const Json& member(const Json& object, const char* key) {
  static const Json absent;
  const auto found = object.find(key);
  return found == object.end() ? absent : *found;
}
inline uint64_t number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_null() ? 0 : value.get<uint64_t>();
}
inline int64_t signed_number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_null() ? 0 : value.get<int64_t>();
}
inline bool flag(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return !value.is_null() && value.get<bool>();
}
inline std::string word(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_null() ? std::string() : value.get<std::string>();
}
// For a table cell: "-" where there is nothing to say.
inline std::string word_or_dash(const Json& object, const char* key) {
  const std::string text = word(object, key);
  return text.empty() ? "-" : text;
}
inline std::string grouped_number(const Json& object, const char* key) {
  return grouped(number(object, key));
}

}  // namespace starocean::control
