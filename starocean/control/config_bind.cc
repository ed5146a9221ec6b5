// From the checked YAML tree to Config: which key goes where.

#include "starocean/control/config_bind.h"

#include <algorithm>

#include "starocean/control/config_reader.h"
#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

void bind_workers(ObjectReader reader, WorkersConfig& workers) {
  reader.origin(workers);
  reader.integers("cpus", workers.cpus);
  reader.choice("poll", workers.poll);
}

void bind_memory(ObjectReader reader, MemoryConfig& memory) {
  reader.origin(memory);
  reader.integer("frames", memory.frames);
  reader.size("frame_size", memory.frame_size);
  reader.choice("hugepages", memory.hugepages);
  reader.size("headroom", memory.headroom);
}

void bind_rings(ObjectReader reader, RingSizes& rings) {
  reader.integer("rx", rings.rx);
  reader.integer("tx", rings.tx);
  reader.integer("fill", rings.fill);
  reader.integer("completion", rings.completion);
}

EgressConfig bind_egress(ObjectReader reader) {
  EgressConfig egress;
  reader.origin(egress);
  reader.rate("rate", egress.rate_bps);
  reader.integer("overhead", egress.overhead);
  reader.choice("queue", egress.queue);
  reader.integer("limit", egress.limit);
  reader.duration("target", egress.target);
  reader.duration("interval", egress.interval);
  bool no_ecn = false;  // the choices are true and false, in this order
  reader.choice("ecn", no_ecn);
  egress.ecn = !no_ecn;
  for (const auto& item : reader.named("classes")) {
    ObjectReader keys = reader.item("classes", item);
    EgressClassConfig& one = egress.classes.emplace_back();
    keys.origin(one);
    one.name = item.name;
    keys.integers("dscp", one.dscps);
    keys.choice("service", one.service);
    keys.integer("weight", one.weight);
  }
  return egress;
}

InterfaceConfig bind_interface(const std::string& name, ObjectReader reader) {
  InterfaceConfig interface;
  interface.name = name;
  interface.device = name;
  reader.origin(interface);
  reader.text("device", interface.device);
  reader.integer_or_choice("queues", interface.queues);
  reader.choice("attach", interface.attach);
  reader.choice("zerocopy", interface.zerocopy);
  reader.choice("io", interface.io);
  reader.choice("offload", interface.offload);
  reader.choice("checksums", interface.checksums);
  if (auto rings = reader.object("rings")) bind_rings(*rings, interface.rings);
  if (auto egress = reader.object("egress")) interface.egress = bind_egress(*egress);
  return interface;
}

BridgeMember bind_member(const std::string& name, Mark mark, ObjectReader reader) {
  BridgeMember member;
  reader.origin(member);
  member.mark = mark;
  member.interface = name;
  reader.integer("vlan", member.vlan);
  reader.vlans("trunk", member.trunk);
  reader.integer("native", member.native);
  reader.choice("qinq", member.qinq);
  reader.choice("tag_type", member.tag_type);
  reader.choice("sticky", member.sticky);
  reader.optional_integer("mac_limit", member.mac_limit);
  if (auto storm = reader.object("storm_control")) {
    storm->optional_integer("broadcast", member.storm_control.broadcast);
    storm->optional_integer("multicast", member.storm_control.multicast);
    storm->optional_integer("unknown_unicast", member.storm_control.unknown_unicast);
  }
  reader.text("mirror_to", member.mirror_to);
  reader.choice("mirror", member.mirror);
  return member;
}

BridgeConfig bind_bridge(const std::string& name, ObjectReader reader) {
  BridgeConfig bridge;
  bridge.name = name;
  reader.origin(bridge);
  for (const auto& member : reader.members("interfaces")) {
    bridge.interfaces.push_back(
        bind_member(member.name, member.mark, reader.item("interfaces", member)));
  }
  reader.duration("mac_aging", bridge.mac_aging);
  reader.integer("mac_limit", bridge.mac_limit);
  bridge.static_macs = reader.mac_table("static");
  // One address in two spellings may have a VLAN under each.
  std::stable_sort(bridge.static_macs.begin(), bridge.static_macs.end(),
                   [](const auto& a, const auto& b) { return a.mac < b.mac; });
  reader.choice("multicast_snooping", bridge.multicast_snooping);
  for (const auto& item : reader.named("vlan_interfaces")) {
    ObjectReader keys = reader.item("vlan_interfaces", item);
    VlanInterfaceConfig& interface = bridge.vlan_interfaces.emplace_back();
    keys.origin(interface);
    interface.mark = item.mark;
    interface.name = item.name;
    keys.integer("vlan", interface.vlan);
  }
  return bridge;
}

VlanConfig bind_vlan(const std::string& name, ObjectReader reader) {
  VlanConfig vlan;
  vlan.name = name;
  reader.origin(vlan);
  reader.text("link", vlan.link);
  reader.integer("id", vlan.id);
  return vlan;
}

VrfConfig bind_vrf(const std::string& name, ObjectReader reader) {
  VrfConfig vrf;
  vrf.name = name;
  reader.origin(vrf);
  for (const auto& member : reader.members("interfaces")) {
    ObjectReader keys = reader.item("interfaces", member);
    RoutedConfig& routed = vrf.interfaces.emplace_back();
    routed.name = member.name;
    keys.origin(routed);
    routed.mark = member.mark;
    keys.choice("reverse_path", routed.reverse_path);
    keys.choice("mss_clamp", routed.mss_clamp);
  }
  reader.integer_or_choice("table", vrf.table);
  return vrf;
}

ApiConfig bind_api(ObjectReader reader) {
  ApiConfig api;
  reader.origin(api);
  std::string listen;
  reader.text("listen", listen);
  if (const auto address = parse_host_port(listen)) {
    api.host = address->host;
    api.port = address->port;
  }
  return api;
}

}  // namespace

void bind_config(const YamlNode& root, Config& config, Problems& problems) {
  ObjectReader reader(config_schema(), root, "", root.mark, problems);
  reader.integer("version", config.version);
  reader.text("node", config.node);
  reader.choice("on_exit", config.on_exit);
  reader.integer("icmp_rate", config.icmp_rate_per_s);
  if (auto workers = reader.object("workers")) bind_workers(*workers, config.workers);
  if (auto memory = reader.object("memory")) bind_memory(*memory, config.memory);
  for (const auto& item : reader.named("interfaces")) {
    config.interfaces.push_back(bind_interface(item.name, reader.item("interfaces", item)));
  }
  for (const auto& item : reader.named("bridges")) {
    config.bridges.push_back(bind_bridge(item.name, reader.item("bridges", item)));
  }
  for (const auto& item : reader.named("vlans")) {
    config.vlans.push_back(bind_vlan(item.name, reader.item("vlans", item)));
  }
  for (const auto& item : reader.named("vrfs")) {
    config.vrfs.push_back(bind_vrf(item.name, reader.item("vrfs", item)));
  }
  if (auto api = reader.object("api")) config.api = bind_api(*api);
}

}  // namespace starocean::control
