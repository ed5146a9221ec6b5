#include <algorithm>
#include <array>
#include <cctype>

#include "starocean/control/config.h"
#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out(1, '"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

bool is_boolean_of_yaml_1_1(std::string_view text) {
  constexpr std::array<std::string_view, 6> kWords = {"y", "yes", "on", "n", "no", "off"};
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
}

// Without quotes where YAML 1.1 and 1.2 both take it for a text.
std::string scalar(std::string_view text) {
  const bool is_word = is_label(text) && text.front() > '9' && text != "null" && text != "Null" &&
                       text != "NULL" && !is_number_or_boolean(text) &&
                       !is_boolean_of_yaml_1_1(text);
  return is_word ? std::string(text) : in_quotes(text);
}

void line(std::string& out, size_t indent, std::string_view key, std::string_view value) {
  out.append(indent, ' ').append(key).append(value.empty() ? ":" : ": ").append(value) += '\n';
}

void number(std::string& out, size_t indent, std::string_view key, uint64_t value) {
  line(out, indent, key, std::to_string(value));
}

void egress(std::string& out, const EgressConfig& item) {
  line(out, 4, "egress", "");
  if (item.rate_bps != 0) line(out, 6, "rate", format_rate(item.rate_bps));
  number(out, 6, "overhead", item.overhead);
  line(out, 6, "queue", to_string(item.queue));
  number(out, 6, "limit", item.limit);
  line(out, 6, "target", format_duration(item.target));
  line(out, 6, "interval", format_duration(item.interval));
  line(out, 6, "ecn", item.ecn ? "true" : "false");
  line(out, 6, "classes", item.classes.empty() ? "{}" : "");
  for (const EgressClassConfig& one : item.classes) {
    line(out, 8, scalar(one.name), "");
    std::string dscps;
    for (const int dscp : one.dscps) {
      dscps.append(dscps.empty() ? "" : ", ").append(std::to_string(dscp));
    }
    line(out, 10, "dscp", "[" + dscps + "]");
    line(out, 10, "service", to_string(one.service));
    number(out, 10, "weight", one.weight);
  }
}

void interface(std::string& out, const InterfaceConfig& item) {
  line(out, 2, scalar(item.name), "");
  line(out, 4, "device", scalar(item.device));
  line(out, 4, "queues", item.queues ? std::to_string(*item.queues) : "all");
  line(out, 4, "attach", to_string(item.attach));
  line(out, 4, "zerocopy", scalar(to_string(item.zerocopy)));
  line(out, 4, "io", to_string(item.io));
  line(out, 4, "offload", item.offload ? "true" : "false");
  line(out, 4, "checksums", scalar(to_string(item.checksums)));
  line(out, 4, "rings", "");
  number(out, 6, "rx", item.rings.rx);
  number(out, 6, "tx", item.rings.tx);
  number(out, 6, "fill", item.rings.fill);
  number(out, 6, "completion", item.rings.completion);
  if (item.egress) egress(out, *item.egress);
}

void member_keys(std::string& out, const BridgeMember& item) {
  if (item.vlan != 0) number(out, 8, "vlan", item.vlan);
  if (item.trunk) {
    const bool all = *item.trunk == all_vlans();
    std::string vlans(1, '[');
    vlans.append(format_vlans(*item.trunk)).append("]");
    line(out, 8, "trunk", all ? "all" : vlans);
  }
  if (item.native != 0) number(out, 8, "native", item.native);
  if (item.vlan != 0) line(out, 8, "qinq", item.qinq ? "true" : "false");
  if (item.trunk) line(out, 8, "tag_type", scalar(to_string(item.tag_type)));
  line(out, 8, "sticky", item.sticky ? "true" : "false");
  if (item.mac_limit) number(out, 8, "mac_limit", *item.mac_limit);
  if (!(item.storm_control == StormLimits{})) {
    line(out, 8, "storm_control", "");
    const StormLimits& storm = item.storm_control;
    if (storm.broadcast) number(out, 10, "broadcast", *storm.broadcast);
    if (storm.multicast) number(out, 10, "multicast", *storm.multicast);
    if (storm.unknown_unicast) number(out, 10, "unknown_unicast", *storm.unknown_unicast);
  }
  if (item.mirror_to.empty()) return;
  line(out, 8, "mirror_to", scalar(item.mirror_to));
  line(out, 8, "mirror", to_string(item.mirror));
}

// As a list, when nothing is special about any of them.
void members(std::string& out, const BridgeConfig& item) {
  line(out, 4, "interfaces", item.interfaces.empty() ? "[]" : "");
  const bool is_plain = std::all_of(item.interfaces.begin(), item.interfaces.end(),
                                    [](const BridgeMember& member) { return member.is_plain(); });
  for (const BridgeMember& member : item.interfaces) {
    if (is_plain) {
      out.append("      - ").append(scalar(member.interface)) += '\n';
      continue;
    }
    line(out, 6, scalar(member.interface), "");
    member_keys(out, member);
  }
}

void bridge(std::string& out, const BridgeConfig& item) {
  line(out, 2, scalar(item.name), "");
  members(out, item);
  line(out, 4, "mac_aging", format_duration(item.mac_aging));
  number(out, 4, "mac_limit", item.mac_limit);
  line(out, 4, "static", item.static_macs.empty() ? "{}" : "");
  for (const auto& entry : item.static_macs) {
    const bool is_next = item.static_macs.data() != &entry && (&entry - 1)->mac == entry.mac;
    if (entry.vlan == 0) {
      line(out, 6, in_quotes(format_mac(entry.mac)), scalar(entry.interface));
    } else {
      if (!is_next) line(out, 6, in_quotes(format_mac(entry.mac)), "");
      line(out, 8, std::to_string(entry.vlan), scalar(entry.interface));
    }
  }
  line(out, 4, "multicast_snooping", item.multicast_snooping ? "true" : "false");
  line(out, 4, "vlan_interfaces", item.vlan_interfaces.empty() ? "{}" : "");
  for (const auto& interface : item.vlan_interfaces) {
    line(out, 6, scalar(interface.name), "");
    number(out, 8, "vlan", interface.vlan);
  }
}

void vrf(std::string& out, const VrfConfig& item) {
  line(out, 2, scalar(item.name), "");
  line(out, 4, "interfaces", item.interfaces.empty() ? "{}" : "");
  for (const RoutedConfig& member : item.interfaces) {
    line(out, 6, scalar(member.name), "");
    line(out, 8, "reverse_path", to_string(member.reverse_path));
    line(out, 8, "mss_clamp", scalar(to_string(member.mss_clamp)));
  }
  line(out, 4, "table", item.table ? std::to_string(*item.table) : "main");
}

}  // namespace

std::string describe(const Config& config) {
  std::string out;
  number(out, 0, "version", static_cast<uint64_t>(config.version));
  if (!config.node.empty()) line(out, 0, "node", scalar(config.node));
  line(out, 0, "workers", "");
  std::string cpus;
  for (const int cpu : config.workers.cpus) {
    cpus.append(cpus.empty() ? "" : ", ").append(std::to_string(cpu));
  }
  line(out, 2, "cpus", "[" + cpus + "]");
  line(out, 2, "poll", to_string(config.workers.poll));
  line(out, 0, "memory", "");
  number(out, 2, "frames", config.memory.frames);
  number(out, 2, "frame_size", config.memory.frame_size);
  line(out, 2, "hugepages", to_string(config.memory.hugepages));
  number(out, 2, "headroom", config.memory.headroom);
  line(out, 0, "on_exit", to_string(config.on_exit));
  line(out, 0, "interfaces", config.interfaces.empty() ? "{}" : "");
  for (const auto& item : config.interfaces) interface(out, item);
  line(out, 0, "bridges", config.bridges.empty() ? "{}" : "");
  for (const auto& item : config.bridges) bridge(out, item);
  line(out, 0, "vlans", config.vlans.empty() ? "{}" : "");
  for (const VlanConfig& item : config.vlans) {
    line(out, 2, scalar(item.name), "");
    line(out, 4, "link", scalar(item.link));
    number(out, 4, "id", item.id);
  }
  line(out, 0, "vrfs", config.vrfs.empty() ? "{}" : "");
  for (const VrfConfig& item : config.vrfs) vrf(out, item);
  number(out, 0, "icmp_rate", config.icmp_rate_per_s);
  if (config.api) {
    line(out, 0, "api", "");
    line(out, 2, "listen", in_quotes(format_host_port(config.api->host, config.api->port)));
  }
  return out;
}

}  // namespace starocean::control
