// config_reference schema      prints the JSON Schema of the configuration
// config_reference markdown    prints the reference part of docs/configuration.md
// config_reference check FILE  exit status 0 when FILE is a configuration, 1 and its errors when
// not
//
// For docs/configuration.md and the tests; people use `starocean config`.

#include <cstdio>
#include <string_view>

#include "starocean/control/config.h"
#include "starocean/control/schema.h"

int main(int argc, char** argv) {
  using namespace starocean::control;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "schema" && argc == 2) {
    std::fputs(config_schema_json().c_str(), stdout);
    return 0;
  }
  if (command == "markdown" && argc == 2) {
    std::fputs(config_reference_markdown().c_str(), stdout);
    return 0;
  }
  if (command == "check" && argc == 3) {
    const auto config = load_config(argv[2]);
    if (config) return 0;
    std::fprintf(stderr, "%s\n", config.error().message().c_str());
    return 1;
  }
  std::fputs("usage: config_reference schema | markdown | check FILE\n", stderr);
  return 2;
}
