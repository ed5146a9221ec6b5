// Internal to `starocean gen`: what its commands share.
#pragma once

#include <string>

#include "starocean/cli/command_line.h"

namespace starocean::cli {

// Without its own words in the help.
inline CLI::Validator quietly(CLI::Validator check) {
  return check.description("");
}

// An option whose text `parse` turns into `value`; what it refuses is wrong usage.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& command, const char* name, T& value, Parse parse,
                        const char* help, const char* type) {
  const auto check = [parse](const std::string& text) {
    const auto parsed = parse(text);
    return parsed ? std::string() : parsed.error().message();
  };
  const auto store = [parse, &value](const std::string& text) {
    if (auto parsed = parse(text)) value = *parsed;
  };
  return command.add_option_function<std::string>(name, store, help)
      ->type_name(type)
      ->check(check, "");
}

inline void add_device(CLI::App& command, std::string& device, const char* help) {
  command.add_option("--interface", device, help)->type_name("DEVICE")->required();
}

void add_gen_send(CLI::App& gen, Context& context);

}  // namespace starocean::cli
