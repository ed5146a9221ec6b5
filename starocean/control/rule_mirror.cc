#include "starocean/control/rule_mirror.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace starocean::control {

void RuleMirror::begin_list(net::IpFamily) {
  listing_.clear();
}

void RuleMirror::listed(const Rule& rule) {
  listing_.push_back(rule);
}

void RuleMirror::end_list(net::IpFamily family, bool supported) {
  if (!supported) {
    const net::IpPrefix any = family == net::IpFamily::kIpv4
                                  ? net::IpPrefix::v4(net::Ipv4Address(), 0)
                                  : net::IpPrefix::v6(net::Ipv6Address(), 0);
    constexpr uint32_t kMainPriority = 0x7ffe;
    listing_ = {
        {.family = family, .priority = 0, .source = any, .table = RT_TABLE_LOCAL},
        {.family = family, .priority = kMainPriority, .source = any, .table = RT_TABLE_MAIN}};
  }
  std::ranges::stable_sort(listing_, {}, &Rule::priority);
  auto& rules = rules_[family == net::IpFamily::kIpv6];
  if (rules == listing_) return;
  rules = std::exchange(listing_, {});
  ++generation_;
}

std::vector<std::string> RuleMirror::problems() const {
  std::vector<std::string> sentences;
  for (const auto& rules : rules_) {
    for (const Rule& rule : rules) {
      if (rule.refused.empty()) continue;
      sentences.push_back(fmt::format(
          "the rule '{}' ({}) asks for {}: the data plane chooses by incoming interface and source "
          "only, and "
          "leaves it out; remove it with `ip {}rule del priority {}`, or do not route its VRF here",
          rule.to_string(), rule.family == net::IpFamily::kIpv4 ? "IPv4" : "IPv6", rule.refused,
          rule.family == net::IpFamily::kIpv4 ? "" : "-6 ", rule.priority));
    }
  }
  return sentences;
}

}  // namespace starocean::control
