// What happens to packets before XDP sees them: by the device's hardware, and on a veth by the Linux at the
// other end, which counts on hardware that never comes.

#include <algorithm>
#include <initializer_list>

#include "starocean/control/doctor_judge_parts.h"

namespace starocean::control::doctor {
namespace {

struct Setting {
  bool on = false;
  bool fixed = true;  // none of those that are on can be changed
};

Setting any_of(const xsk::Offloads& offloads, std::initializer_list<const char*> names) {
  Setting setting;
  for (const char* name : names) {
    const auto found = offloads.find(name);
    if (found == offloads.end() || !found->second.on) continue;
    setting.on = true;
    setting.fixed = setting.fixed && found->second.fixed;
  }
  return setting;
}

// The Linux that sends into a veth whose other end XDP reads: usually the peer, but this device itself if
// it is a host's and the program is, or will be, at the other end.
struct Sender {
  const xsk::Offloads& offloads;
  std::string whose;    // "this end", "the other end ('eth0' in namespace h1)"
  std::string ethtool;  // "ip netns exec h1 ethtool -K eth0"
  bool has_vlan_devices;
  bool safe;
};

bool is_host_end(const InterfaceFacts& facts, const Plan& plan) {
  if (facts.program || plan.names(facts.name)) return false;
  return facts.has_address || (facts.peer && facts.peer->has_program);
}

void judge_checksums(const Case& c, const Sender& sender, Judge& judge) {
  const Setting setting =
      any_of(sender.offloads, {"tx-checksum-ip-generic", "tx-checksum-ipv4", "tx-checksum-ipv6"});
  if (!setting.on) {
    return judge.ok("tx-checksum", fmt::format("{} finishes its checksums", sender.whose));
  }
  const std::string remedy = setting.fixed ? "" : sender.ethtool + " tx off";
  const std::string text = fmt::format("{} leaves TCP and UDP checksums unfinished", sender.whose);
  if (!c.plan.names(c.facts.name)) {
    return judge.say("tx-checksum", Verdict::kWarning,
                     text +
                         ": starocean finishes them at some cost, other AF_XDP programs send them "
                         "on broken",
                     remedy, sender.safe);
  }
  if (c.config.checksums == Checksums::kOff) {
    return judge.say(
        "tx-checksum", Verdict::kFault,
        text + ", and with `checksums: off` so does starocean: ping works, TCP does not", remedy,
        sender.safe);
  }
  judge.note("tx-checksum", text + "; starocean finishes them (`checksums`), at some cost", remedy);
}

// Attached natively, veth switches segmentation off at the other end by itself (drivers/net/veth.c,
// veth_xdp_set). Generic XDP gets the uncut packet, up to 64 KiB long.
void judge_segmentation(const Case& c, const Sender& sender, Judge& judge) {
  const Setting setting =
      any_of(sender.offloads, {"tx-tcp-segmentation", "tx-tcp6-segmentation",
                               "tx-tcp-ecn-segmentation", "tx-udp-segmentation"});
  if (!setting.on) {
    return judge.ok("tx-segmentation", fmt::format("{} cuts its packets to the MTU", sender.whose));
  }
  const std::string text = fmt::format("{} leaves packets of up to 64 KiB uncut", sender.whose);
  const std::string remedy =
      setting.fixed ? "" : sender.ethtool + " tso off tx-udp-segmentation off";
  if (c.generic_mode()) {
    return judge.say("tx-segmentation", Verdict::kWarning,
                     text + ", which in generic mode do not fit a frame and are lost", remedy,
                     sender.safe);
  }
  judge.note("tx-segmentation",
             text + "; Linux stops that itself while a native program is attached", remedy);
}

void judge_vlan_insertion(const Sender& sender, Judge& judge) {
  const Setting setting = any_of(sender.offloads, {"tx-vlan-hw-insert", "tx-vlan-stag-hw-insert"});
  if (!setting.on) {
    return judge.ok("tx-vlan", fmt::format("{} writes VLAN tags into the packet", sender.whose));
  }
  const std::string text = fmt::format(
      "{} keeps VLAN tags beside the packet, where XDP does not see them", sender.whose);
  const std::string remedy =
      setting.fixed ? "" : sender.ethtool + " txvlan off tx-vlan-stag-hw-insert off";
  if (sender.has_vlan_devices) {
    return judge.say("tx-vlan", Verdict::kWarning,
                     text + ", and it has VLAN devices: their packets arrive untagged", remedy,
                     sender.safe);
  }
  judge.note("tx-vlan", text + "; it matters as soon as it sends tagged ones", remedy);
}

void judge_sender(const Case& c, const Sender& sender, Judge& judge) {
  judge_checksums(c, sender, judge);
  judge_segmentation(c, sender, judge);
  judge_vlan_insertion(sender, judge);
}

void judge_veth(const Case& c, Judge& judge) {
  const InterfaceFacts& facts = c.facts;
  if (is_host_end(facts, c.plan)) {
    return judge_sender(c,
                        {facts.offloads, "Linux at this end",
                         fmt::format("ethtool -K {}", c.quoted), facts.has_vlan_devices, true},
                        judge);
  }
  if (!facts.peer) return;
  const PeerFacts& peer = *facts.peer;
  judge_sender(c,
               {peer.offloads,
                fmt::format("Linux at the other end ('{}'{}{})", peer.name,
                            peer.place.empty() ? "" : " in ", peer.place),
                fmt::format("{}ethtool -K {}", peer.command_prefix, shell_quoted(peer.name)),
                peer.has_vlan_devices, peer.place.empty()},
               judge);
}

// Merging before XDP. Most drivers refuse a program while LRO is on.
void judge_lro(const Case& c, Judge& judge) {
  const Setting lro = any_of(c.facts.offloads, {"rx-lro"});
  if (!lro.on) return judge.ok("lro", "the hardware does not merge packets (LRO)");
  judge.say(
      "lro", Verdict::kWarning,
      "the hardware merges packets (LRO): the driver refuses XDP programs, or they see packets "
      "that do not fit a frame",
      lro.fixed ? "" : fmt::format("ethtool -K {} lro off", c.quoted), !c.facts.has_default_route);
}

// virtio_net switches it off for a program if the hypervisor lets it, and else refuses the program
// (drivers/net/virtio_net.c, virtnet_xdp_set).
void judge_gro_hw(const Case& c, Judge& judge) {
  const Setting merging = any_of(c.facts.offloads, {"rx-gro-hw"});
  if (!merging.on) return judge.ok("gro-hw", "the hardware does not merge packets (rx-gro-hw)");
  if (c.facts.trial.native.granted()) {
    return judge.ok("gro-hw",
                    "the hardware merges packets (rx-gro-hw), and stops while a program is "
                    "attached");
  }
  const std::string text =
      "the hardware merges packets (rx-gro-hw), with which drivers refuse XDP "
      "programs";
  if (merging.fixed) {
    return judge.say("gro-hw", Verdict::kWarning,
                     text +
                         "; it cannot be switched off from here: if this is a virtual machine, "
                         "switch off guest TSO and checksums in the hypervisor");
  }
  judge.say("gro-hw", Verdict::kWarning, text, fmt::format("ethtool -K {} rx-gro-hw off", c.quoted),
            !c.facts.has_default_route);
}

// Software GRO comes after native XDP and before generic.
void judge_gro(const Case& c, Judge& judge) {
  const Setting gro = any_of(c.facts.offloads, {"rx-gro", "rx-gro-list"});
  if (!gro.on) return judge.ok("gro", "Linux does not merge packets (GRO)");
  if (!c.generic_mode()) {
    return judge.ok("gro", "Linux merges packets (GRO) only behind a native program");
  }
  judge.say(
      "gro", Verdict::kWarning,
      "Linux merges packets (GRO) before a generic program sees them: they do not fit a frame "
      "and are lost",
      gro.fixed ? "" : fmt::format("ethtool -K {} gro off rx-gro-list off", c.quoted), true);
}

// On a veth the setting says nothing: whether the tag is in the packet is up to the sender.
void judge_vlan_strip(const Case& c, Judge& judge) {
  const Setting strip = any_of(c.facts.offloads, {"rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"});
  if (!strip.on || c.facts.is_veth()) {
    return judge.ok("vlan-strip", "the hardware leaves VLAN tags in the packet");
  }
  judge.say("vlan-strip", Verdict::kWarning,
            "the hardware takes VLAN tags off before XDP sees the packet: tagged packets arrive "
            "untagged",
            strip.fixed
                ? ""
                : fmt::format("ethtool -K {} rxvlan off rx-vlan-stag-hw-parse off", c.quoted),
            !c.facts.has_default_route);
}

}  // namespace

void judge_offloads(const Case& c, Judge& judge) {
  if (c.facts.is_veth()) judge_veth(c, judge);
  judge_lro(c, judge);
  judge_gro_hw(c, judge);
  judge_gro(c, judge);
  judge_vlan_strip(c, judge);
}

}  // namespace starocean::control::doctor
