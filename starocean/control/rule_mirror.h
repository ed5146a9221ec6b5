// The `ip rule`s of Linux. Few: after each change all of them are listed anew. Control thread; asks nothing itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "starocean/control/rule_parse.h"

namespace starocean::control {

class RuleMirror {
 public:
  void begin_list(net::IpFamily family);
  void listed(const Rule& rule);
  // The rules are those listed; if the kernel has no rules at all (no CONFIG_IP_MULTIPLE_TABLES), `supported` is
  // false, and they are what it does then: local, main.
  void end_list(net::IpFamily family, bool supported);

  // In order: by priority, and among equals as Linux has them.
  const std::vector<Rule>& rules(net::IpFamily family) const {
    return rules_[family == net::IpFamily::kIpv6];
  }
  uint64_t generation() const { return generation_; }
  std::vector<std::string> problems() const;

 private:
  std::vector<Rule> rules_[2];
  std::vector<Rule> listing_;
  uint64_t generation_ = 1;
};

}  // namespace starocean::control
