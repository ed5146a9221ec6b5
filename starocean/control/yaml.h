// A YAML text as a tree that remembers where everything stood, for the configuration.
//
// yaml-cpp does the scanning; this file makes its input safe and its output strict:
//
//  * Before yaml-cpp sees a byte: the text is at most kMaxYamlBytes, is UTF-8, and holds no control
//    character except tab, line feed and carriage return (YAML 1.2.2, section 5.1). No more than
//    kMaxOpenBrackets stand open: its scanner takes 250 bytes of memory for each.
//  * While it speaks: maps and lists nest at most kMaxYamlDepth deep. An alias is a pointer to what it
//    names, not a copy, so that "billion laughs" costs nothing to hold; what the tree would count
//    with every alias written out is held to kMaxYamlNodes, so that it costs little to walk either.
//    An alias to something that it lies within is refused, hence the tree has no cycles. It stops
//    at the start of a second document: behind a stray comma, yaml-cpp 0.7 finds documents without
//    end.
//  * What YAML allows and a configuration has no use for is refused: a second document, tags, keys that
//    are not plain words, merge keys (`<<`).
//  * A key that stands twice in one map is an error (YAML 1.2.2, section 3.2.1.3); yaml-cpp keeps both
//    in silence.
//
// No exception leaves this file, whatever the input. Thread rules: plain values, no shared state.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "starocean/base/result.h"

namespace starocean::control {

inline constexpr size_t kMaxYamlBytes = 1u << 20;  // about 10,000 interfaces, written at length
inline constexpr size_t kMaxYamlDepth = 16;        // the deepest key of the contract lies at 6
inline constexpr size_t kMaxOpenBrackets = 100;    // in quotes and comments too
inline constexpr size_t kMaxYamlNodes = 1u << 18;  // scalars, lists and maps, aliases written out
inline constexpr size_t kMaxYamlProblems = 100;    // kept of one text

// A place in the file, counted from 1; the column counts bytes. Line 0: not from a file.
struct Mark {
  uint32_t line = 0;
  uint32_t column = 0;
  auto operator<=>(const Mark&) const = default;
};

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };
  struct Entry {
    std::string key;
    Mark mark;  // of the key
    const YamlNode* value = nullptr;
  };

  Kind kind = Kind::kNull;
  bool plain = true;  // a scalar without quotes: only such can be a number, a boolean or null
  Mark mark;
  std::string text;                    // of a scalar
  std::vector<const YamlNode*> items;  // of a list
  std::vector<Entry> entries;          // of a map, in the order of the file, each key once
};

// Something wrong, and where. The error's message has no place in it.
struct Problem {
  Mark mark;
  Error error;
};

// Owns its nodes; they stay where they are when the document is moved.
struct YamlDocument {
  std::deque<YamlNode> nodes;
  const YamlNode* root = nullptr;  // never null after parse_yaml
  // What is wrong but did not end the reading: duplicate keys, tags, keys that are not words.
  std::vector<Problem> problems;
};

// The tree of the only document in `text`. A single Problem when the text is not YAML, breaks a
// limit above, or is empty (nothing but white space and comments).
tl::expected<YamlDocument, Problem> parse_yaml(std::string_view text);

// The first thing in `text` that yaml-cpp must not be given: too long, not UTF-8, a control
// character, too many open brackets. Part of parse_yaml; apart for its tests.
tl::expected<void, Problem> check_yaml_text(std::string_view text);

}  // namespace starocean::control
