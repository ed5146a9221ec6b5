// One `ip rule` as Linux tells of it (ip-rule(8); RTM_NEWRULE; include/uapi/linux/fib_rules.h). Pure; any thread.
//
// The data plane chooses by incoming interface and source address. A rule that asks for anything else is refused:
// it is parsed, `refused` says what it asks for, and whoever uses the rules decides what that means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "starocean/net/ip_prefix.h"
#include "starocean/table/fib.h"

namespace starocean::control {

enum class RuleAction : uint8_t {
  kTable,      // look into `table`
  kBlackhole,  // FR_ACT_BLACKHOLE …: the fate of what matches
  kUnreachable,
  kProhibit,
  kNothing,  // FR_ACT_NOP: the next rule
};

struct Rule {
  net::IpFamily family = net::IpFamily::kIpv4;
  uint32_t priority = 0;
  std::string in =
      {};  // name of the incoming interface; empty: any. "lo" is what Linux itself sends
  net::IpPrefix source = {};  // length 0: any
  RuleAction action = RuleAction::kTable;
  uint32_t table = 0;
  std::string refused = {};  // "fwmark, ipproto"; empty: the rule is one that we follow
  // As `ip rule` would write it, as far as it is understood.
  std::string to_string() const;
  bool operator==(const Rule&) const = default;
};

struct RuleMessage {
  bool removed = false;
  Rule rule;
};
std::optional<RuleMessage> parse_rule(std::span<const std::byte> message);

}  // namespace starocean::control
