#include "starocean/control/schema.h"

#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "starocean/control/config.h"

namespace starocean::control {
namespace {

using enum ValueKind;
using Json = nlohmann::json;

// Calls `visit(path, key)` for every key of the schema; a name in the path is NAME.
template <class Visit>
void for_each_key(const SchemaObject& object, const std::string& path, const Visit& visit) {
  for (const SchemaKey& key : object.keys) {
    const std::string here =
        path.empty() ? std::string(key.key) : path + "." + std::string(key.key);
    visit(here, key);
    if (key.object == nullptr) continue;
    for_each_key(*key.object, key.kind == kObject ? here : here + ".NAME", visit);
  }
}

// A configuration in which `value` is written at `path`, with everything that must be beside it.
std::string text_with(const std::string& path, const std::string& value) {
  std::string rest = path;
  std::string before;
  std::string after;
  std::string outer;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string key = rest.substr(0, dot);
    before += (key == "NAME" ? "a" : key) + ": ";
    outer = outer.empty() ? key : outer + "." + key;
    if (dot == std::string::npos) break;
    rest = rest.substr(dot + 1);
    before += "{";
    if (outer == "vlans.NAME" && rest != "link") before += "link: m, ";
    if (outer == "vlans.NAME" && rest != "id") before += "id: 7, ";
    if (outer == "bridges.NAME.interfaces.NAME") {
      if (rest == "native" || rest == "tag_type") before += "trunk: all, ";
      if (rest == "qinq") before += "vlan: 7, ";
      if (rest == "mirror") before += "mirror_to: m, ";
    }
    if (outer == "bridges.NAME" && rest.rfind("vlan_interfaces", 0) == 0) {
      before += "interfaces: {m: {trunk: all}}, ";
      after += "}";
      continue;
    }
    const bool needs_members = outer == "bridges.NAME" || outer == "vrfs.NAME";
    if (needs_members && rest.rfind("interfaces", 0) != 0) before += "interfaces: [m], ";
    after += "}";
  }
  std::string text = path == "version" ? "" : "version: 1\n";
  const bool has_members = path.rfind("bridges", 0) == 0 || path.rfind("vrfs", 0) == 0;
  const bool has_one = path.find("vlan_interfaces") != std::string::npos;
  if (has_members) text += has_one ? "interfaces: {m: }\n" : "interfaces: {m: , a: }\n";
  if (path.rfind("vlans", 0) == 0) text += "interfaces: {m: }\n";
  return text + before + value + after + "\n";
}

// Values that the key should take, and one that it should not.
std::vector<std::string> good_values(const SchemaKey& key) {
  switch (key.kind) {
    case kInteger: {
      std::vector<std::string> values = {std::to_string(key.min), std::to_string(key.max)};
      for (const auto& choice : key.choices) values.emplace_back(choice.name);
      return values;
    }
    case kSize:
      return {std::to_string(key.min), key.power_of_two ? "4K" : "256"};
    case kIntegerList:
      return {"[]", "[" + std::to_string(key.min) + ", " + std::to_string(key.max) + "]"};
    case kRate:
      return {"8K", "500M", "1000G"};
    case kDuration:
      return {std::to_string(key.min) + "ms", std::to_string(key.max) + "ms",
              key.max >= 3'600'000 ? "1h" : "1s"};
    case kText:
      if (key.format == TextFormat::kHostPort)
        return {"127.0.0.1:30088", "'[::1]:1'", "a-b.c:65535"};
      return {"a", "A.b_c-9", "'12'", "m"};
    case kChoice: {
      std::vector<std::string> values;
      for (const auto& choice : key.choices) {
        if (choice.supported) values.emplace_back(choice.name);
      }
      return values;
    }
    case kObject:
      return {};
    case kNamed:
      return {"{}", "", "{a: {}}"};
    case kMembers:
      return {"[]", "[m]", "{m: {}}", "{m: , a: }", ""};
    case kMacTable:
      return {"{}", "", "{'02:00:00:00:00:01': m, 02-00-00-00-00-AB: m}"};
    case kVlanSet:
      return {"[1, 4094]", "[1-4094]", "[10, 100-200, 7]", "all"};
  }
  return {};
}

std::string message_of(const std::string& text) {
  const auto config = parse_config(text, "t");
  return config ? "" : config.error().message();
}

TEST(Schema, ParserTakesWhatTheTableOffers) {
  size_t tried = 0;
  for_each_key(config_schema(), "", [&](const std::string& path, const SchemaKey& key) {
    if (!key.supported) return;
    for (const std::string& value : good_values(key)) {
      const bool has_required = path == "bridges" || path == "vlans" || path == "vrfs" ||
                                path == "bridges.NAME.vlan_interfaces";
      if (has_required && value == "{a: {}}") continue;
      const bool names_one = path == "vlans.NAME.link" || path.ends_with(".mirror_to");
      if (names_one && value != "m") continue;
      const std::string text = text_with(path, value);
      EXPECT_EQ(message_of(text), "") << text;
      ++tried;
    }
  });
  EXPECT_GT(tried, 60u);
}

TEST(Schema, ParserRefusesWhatTheTableDoesNotOffer) {
  for_each_key(config_schema(), "", [](const std::string& path, const SchemaKey& key) {
    const std::string what = message_of(text_with(path, "{{x: 1}: 2}"));
    EXPECT_NE(what, "") << path;
    // No key takes this list, this map, this number and this word.
    for (const char* value : {"[[1]]", "{x: {y: [z]}}", "-7", "' no such thing '"}) {
      EXPECT_NE(message_of(text_with(path, value)), "") << text_with(path, value);
    }
    if (key.kind == kInteger) {
      EXPECT_NE(message_of(text_with(path, std::to_string(key.max + 1))), "") << path;
      EXPECT_NE(message_of(text_with(path, std::to_string(key.min - 1))), "") << path;
    }
  });
}

TEST(Schema, KeysAndChoicesOfLaterVersionsAreRefusedAsSuch) {
  for_each_key(config_schema(), "", [](const std::string& path, const SchemaKey& key) {
    if (!key.supported) {
      EXPECT_NE(message_of(text_with(path, "{}")).find("is not supported by this version"),
                std::string::npos)
          << path;
    }
    for (const auto& choice : key.choices) {
      if (choice.supported) continue;
      EXPECT_NE(message_of(text_with(path, std::string(choice.name))).find("is not supported by"),
                std::string::npos)
          << path;
    }
  });
}

// Defaults stand in the table, for people, and in the structs, for the program.
TEST(Schema, DefaultsAreThoseOfTheStructs) {
  size_t tried = 0;
  for_each_key(config_schema(), "", [&](const std::string& path, const SchemaKey& key) {
    if (key.fallback.empty() || !key.supported || key.required) return;
    const auto with = parse_config(text_with(path, std::string(key.fallback)), "t");
    std::string without_text = text_with(path, "0");
    // Take the key itself out again: "{rx: 0}" becomes "{}".
    const std::string written = std::string(key.key) + ": 0";
    without_text.replace(without_text.find(written), written.size(), "");
    const auto without = parse_config(without_text, "t");
    ASSERT_TRUE(with) << with.error().message();
    ASSERT_TRUE(without) << without_text << without.error().message();
    EXPECT_EQ(*with, *without) << path;
    ++tried;
  });
  EXPECT_GE(tried, 20u);
}

TEST(Schema, AliasesNameChoicesAndStandLast) {
  for_each_key(config_schema(), "", [](const std::string& path, const SchemaKey& key) {
    bool seen_alias = false;
    std::set<std::string_view> names;
    for (const auto& choice : key.choices) {
      EXPECT_TRUE(names.insert(choice.name).second) << path;
      if (choice.alias_of.empty()) {
        EXPECT_FALSE(seen_alias) << path;
        continue;
      }
      seen_alias = true;
      EXPECT_TRUE(names.contains(choice.alias_of)) << path;
    }
  });
}

TEST(Schema, JsonHasEveryKeyOnceAndRefusesOthers) {
  const Json schema = Json::parse(config_schema_json());
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], Json({"version"}));
  size_t supported = 0;
  for (const auto& key : config_schema().keys) supported += key.supported ? 1 : 0;
  EXPECT_EQ(schema["properties"].size(), supported);
  const Json& interface = schema["properties"]["interfaces"]["additionalProperties"];
  EXPECT_EQ(interface["properties"]["zerocopy"]["enum"],
            Json({"auto", "require", "off", true, false}));
  EXPECT_EQ(interface["properties"]["offload"]["enum"], Json::array({false}));
  EXPECT_EQ(interface["properties"]["rings"]["properties"]["rx"]["default"], 16384);
  EXPECT_EQ(schema["properties"]["memory"]["properties"]["frame_size"]["anyOf"][0]["enum"],
            Json({2048, 4096}));
}

TEST(Schema, ReferencePageIsUpToDate) {
  std::ifstream file("docs/configuration.md");
  ASSERT_TRUE(file) << "run in the top folder of the sources";
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::string begin = "<!-- reference: written by config_reference markdown -->\n";
  const std::string end = "<!-- end of reference -->";
  const size_t from = page.find(begin);
  const size_t to = page.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(page.substr(from + begin.size(), to - from - begin.size()), config_reference_markdown())
      << "write the part between the marks anew with "
         "build/release/starocean/control/config_reference "
         "markdown";
}

// What the page shows as a whole file has to be one.
TEST(Schema, PageExamplesAreRight) {
  std::ifstream file("docs/configuration.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  size_t seen = 0;
  const std::string fence = "```yaml\n";
  for (size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at + 1)) {
    const size_t from = at + fence.size();
    const std::string example = page.substr(from, page.find("```", from) - from);
    EXPECT_EQ(message_of(example), "") << example;
    ++seen;
  }
  EXPECT_GE(seen, 1u);
}

}  // namespace
}  // namespace starocean::control
