#include "starocean/control/rule_parse.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "starocean/control/netlink_values.h"
#include "starocean/xsk/netlink_attributes.h"

namespace starocean::control {
namespace {

void refuse(Rule& rule, std::string_view selector) {
  if (!rule.refused.empty()) rule.refused += ", ";
  rule.refused += selector;
}

std::string name_of(const nlattr* attribute) {
  const auto* const text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

// The selectors that we do not follow; their names as in ip-rule(8).
std::string_view foreign_selector(uint16_t type) {
  switch (type) {
    case FRA_DST:
      return "to";
    case FRA_FWMARK:
    case FRA_FWMASK:
      return "fwmark";
    case FRA_OIFNAME:
      return "oif";
    case FRA_TUN_ID:
      return "tun_id";
    case FRA_UID_RANGE:
      return "uidrange";
    case FRA_IP_PROTO:
      return "ipproto";
    case FRA_SPORT_RANGE:
      return "sport";
    case FRA_DPORT_RANGE:
      return "dport";
    default:
      return "a selector newer than this program";
  }
}

// False if the attribute is malformed.
bool parse_attribute(uint16_t type, const nlattr* attribute, uint8_t family, Rule& rule) {
  switch (type) {
    case FRA_PRIORITY:
      rule.priority = u32_of(attribute).value_or(0);
      return true;
    case FRA_TABLE:
      rule.table = u32_of(attribute).value_or(0);
      return true;
    case FRA_IIFNAME:
      rule.in = name_of(attribute);
      return true;
    case FRA_SRC: {
      const auto address = address_of(attribute, family);
      if (address) rule.source.address = *address;
      return address.has_value();
    }
    case FRA_SUPPRESS_PREFIXLEN:
    case FRA_SUPPRESS_IFGROUP:  // always there; all ones: off
      if (u32_of(attribute) != 0xffffffffu) {
        refuse(rule, type == FRA_SUPPRESS_PREFIXLEN ? "suppress_prefixlength" : "suppress_ifgroup");
      }
      return true;
    case FRA_L3MDEV:
      if (mnl_attr_get_payload_len(attribute) > 0 && mnl_attr_get_u8(attribute) != 0) {
        refuse(rule, "l3mdev");
      }
      return true;
    case FRA_FLOW:  // realms: for classification, not for the choice of a route
    case FRA_PROTOCOL:
    case FRA_PAD:
    case FRA_GOTO:  // by its action
      return true;
    default: {
      const std::string_view selector = foreign_selector(type);
      if (rule.refused.find(selector) == std::string::npos) refuse(rule, selector);
      return true;
    }
  }
}

bool parse_action(uint8_t action, Rule& rule) {
  switch (action) {
    case FR_ACT_TO_TBL:
      rule.action = RuleAction::kTable;
      return true;
    case FR_ACT_BLACKHOLE:
      rule.action = RuleAction::kBlackhole;
      return true;
    case FR_ACT_UNREACHABLE:
      rule.action = RuleAction::kUnreachable;
      return true;
    case FR_ACT_PROHIBIT:
      rule.action = RuleAction::kProhibit;
      return true;
    case FR_ACT_NOP:
      rule.action = RuleAction::kNothing;
      return true;
    case FR_ACT_GOTO:
      rule.action = RuleAction::kNothing;
      refuse(rule, "goto");
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string Rule::to_string() const {
  std::string text = fmt::format("{}: from {}", priority,
                                 source.length == 0 ? std::string("all") : source.to_string());
  if (!in.empty()) text += " iif " + in;
  switch (action) {
    case RuleAction::kTable:
      return text + fmt::format(" lookup {}", table);
    case RuleAction::kBlackhole:
      return text + " blackhole";
    case RuleAction::kUnreachable:
      return text + " unreachable";
    case RuleAction::kProhibit:
      return text + " prohibit";
    case RuleAction::kNothing:
      break;
  }
  return text + " nop";
}

std::optional<RuleMessage> parse_rule(std::span<const std::byte> message) {
  const nlmsghdr* const header = checked_header(message, sizeof(fib_rule_hdr));
  if (header == nullptr) return std::nullopt;
  if (header->nlmsg_type != RTM_NEWRULE && header->nlmsg_type != RTM_DELRULE) return std::nullopt;
  const auto* const info = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(header));
  const bool ipv4 = info->family == AF_INET;
  if (!ipv4 && info->family != AF_INET6) return std::nullopt;
  if (info->src_len > (ipv4 ? 32 : 128)) return std::nullopt;
  RuleMessage result;
  result.removed = header->nlmsg_type == RTM_DELRULE;
  Rule& rule = result.rule;
  rule.family = ipv4 ? net::IpFamily::kIpv4 : net::IpFamily::kIpv6;
  rule.source = ipv4 ? net::IpPrefix::v4(net::Ipv4Address(), info->src_len)
                     : net::IpPrefix::v6(net::Ipv6Address(), info->src_len);
  rule.table = info->table;
  bool good = parse_action(info->action, rule);
  if ((info->flags & FIB_RULE_INVERT) != 0) refuse(rule, "not");
  if (info->tos != 0) refuse(rule, "tos");
  xsk::each_attribute_of(header, sizeof(fib_rule_hdr), [&](uint16_t type, const nlattr* value) {
    good = parse_attribute(type, value, info->family, rule) && good;
  });
  if (!good || !has_no_host_bits(rule.source)) return std::nullopt;
  return result;
}

}  // namespace starocean::control
