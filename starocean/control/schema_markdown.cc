// The table as the reference part of docs/configuration.md.

#include <algorithm>

#include "starocean/control/schema.h"

namespace starocean::control {
namespace {

using enum ValueKind;

struct Section {
  std::string path;
  const SchemaObject* object;
};

std::string code(std::string_view text) {
  return std::string(1, '`').append(text) += '`';
}

std::string path_of(const Section& section, std::string_view key) {
  return section.path.empty() ? std::string(key) : section.path + "." + std::string(key);
}

std::string value_column(const SchemaKey& key) {
  if (key.kind == kObject) return "a map, below";
  if (key.kind == kNamed) return "a map from names to maps, below";
  if (key.kind != kChoice) return expected_value(key);
  std::string out;
  for (const SchemaChoice& choice : key.choices) {
    if (!choice.supported || !choice.alias_of.empty()) continue;
    out.append(out.empty() ? "" : ", ").append(code(choice.name));
  }
  return out;
}

void choice_list(std::string& out, const SchemaKey& key) {
  out.append("\n").append(code(key.key)).append(":\n\n");
  for (const SchemaChoice& choice : key.choices) {
    if (!choice.supported) continue;
    const std::string meaning =
        choice.alias_of.empty() ? std::string(choice.help) : "the same as " + code(choice.alias_of);
    out.append("- ").append(code(choice.name)).append(": ").append(meaning).append("\n");
  }
}

void section(std::string& out, const Section& here) {
  const std::string heading = here.path.empty() ? "The whole file" : code(here.path);
  out.append("### ").append(heading).append("\n\n");
  out.append("| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
  for (const SchemaKey& key : here.object->keys) {
    if (!key.supported) continue;
    const std::string fallback = key.required           ? std::string("required")
                                 : key.fallback.empty() ? std::string()
                                                        : code(key.fallback);
    out.append("| ").append(code(key.key)).append(" | ").append(value_column(key));
    out.append(" | ").append(fallback).append(" | ").append(key.help).append(" |\n");
  }
  for (const SchemaKey& key : here.object->keys) {
    if (key.supported && key.kind == kChoice) choice_list(out, key);
  }
  out.append("\n");
}

bool has_supported_keys(const SchemaObject& object) {
  return std::any_of(object.keys.begin(), object.keys.end(),
                     [](const SchemaKey& key) { return key.supported; });
}

// The section of `here`, then those of the objects below it; what is not supported goes to `later`.
void sections(std::string& out, std::string& later, const Section& here) {
  if (has_supported_keys(*here.object)) section(out, here);
  for (const SchemaKey& key : here.object->keys) {
    const std::string path = path_of(here, key.key);
    if (!key.supported) later.append("- ").append(code(path)).append("\n");
    for (const SchemaChoice& choice : key.choices) {
      if (choice.supported) continue;
      later.append("- ").append(code(path + ": " + std::string(choice.name))).append("\n");
    }
    if (key.object == nullptr) continue;
    sections(out, later, {key.kind == kObject ? path : path + ".NAME", key.object});
  }
}

}  // namespace

std::string config_reference_markdown() {
  std::string out;
  std::string later;
  sections(out, later, {"", &config_schema()});
  out.append("### Of later versions\n\nRefused as \"not supported by this version\":\n\n");
  return out.append(later);
}

}  // namespace starocean::control
