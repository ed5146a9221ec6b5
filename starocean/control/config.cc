#include "starocean/control/config.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <tuple>

#include "starocean/control/config_bind.h"
#include "starocean/control/config_problems.h"

namespace starocean::control {
namespace {

Result<Config> parse_tree(std::string_view yaml_text, std::string_view file_name) {
  Problems problems;
  Config config;
  config.file = file_name;
  auto document = parse_yaml(yaml_text);
  if (!document) {
    problems.add(document.error());
    return fail(problems.to_error(file_name));
  }
  for (const Problem& problem : document->problems) problems.add(problem);
  bind_config(*document->root, config, problems);
  check_references(config, problems);
  if (!problems.empty()) return fail(problems.to_error(file_name));
  return config;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Mark Origin::mark_of(std::string_view key) const {
  const auto found = std::find_if(key_marks.begin(), key_marks.end(),
                                  [key](const auto& entry) { return entry.first == key; });
  return found == key_marks.end() ? mark : found->second;
}

std::string Config::place(Mark mark) const {
  return format_place(file, mark);
}

bool Config::operator==(const Config& other) const {
  const auto values = [](const Config& config) {
    return std::tie(config.version, config.node, config.workers, config.memory, config.on_exit,
                    config.interfaces, config.bridges, config.vlans, config.vrfs,
                    config.icmp_rate_per_s, config.api);
  };
  return values(*this) == values(other);
}

bool BridgeConfig::is_vlan_aware() const {
  return !vlan_interfaces.empty() ||
         std::any_of(interfaces.begin(), interfaces.end(),
                     [](const BridgeMember& member) { return member.has_vlans(); });
}

const BridgeMember* BridgeConfig::member(std::string_view interface) const {
  const auto found =
      std::find_if(interfaces.begin(), interfaces.end(),
                   [interface](const auto& member) { return member.interface == interface; });
  return found == interfaces.end() ? nullptr : &*found;
}

Result<Config> parse_config(std::string_view yaml_text, std::string_view file_name) {
  try {
    return parse_tree(yaml_text, file_name);
  } catch (const std::exception& exception) {
    // Memory that ran out; parse_yaml keeps everything of yaml-cpp to itself.
    return fail(std::string("cannot read ").append(file_name), exception.what(),
                "free some memory, or shorten the file");
  }
}

Result<Config> load_config(const std::string& path) {
  const std::string what = "cannot read the configuration " + path;
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) {
    return fail_system(what, errno, "check the path and who may read it");
  }
  // One byte more than allowed, so that parse_config sees what is too long.
  std::string text(kMaxYamlBytes + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return fail_system(what, errno, "write the path of a file");
  return parse_config(text, path);
}

}  // namespace starocean::control
