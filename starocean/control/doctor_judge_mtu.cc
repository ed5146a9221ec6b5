#include <algorithm>

#include "starocean/control/doctor_judge_parts.h"
#include "starocean/dataplane/packet.h"

namespace starocean::control::doctor {
namespace {

// Sets the MTU here and, of a veth, at the other end, whose packets would else be too long.
std::string mtu_command(const Case& c, uint32_t mtu) {
  std::string command = fmt::format("ip link set dev {} mtu {}", c.quoted, mtu);
  if (c.facts.peer && c.facts.peer->mtu > mtu) {
    command += fmt::format(" && {}ip link set dev {} mtu {}", c.facts.peer->command_prefix,
                           shell_quoted(c.facts.peer->name), mtu);
  }
  return command;
}

bool driver_takes_fragments(const Case& c) {
  if (c.facts.trial.multi_buffer.granted()) return true;
  if (c.facts.trial.multi_buffer.refused() || c.facts.trial.fragments.refused()) return false;
  return !c.facts.report || c.facts.report->has(xsk::kXdpActReceiveFragments);
}

void judge_long_packets(const Case& c, Judge& judge) {
  const uint32_t most = c.one_frame_mtu();
  const uint32_t frame_size = c.plan.config.memory.frame_size;
  const std::string need = fmt::format(
      "an MTU of {} needs packets of several frames (above {} with "
      "frames of {} bytes)",
      c.facts.mtu, most, frame_size);
  std::string reason;
  if (c.generic_mode()) {
    reason = "generic mode has none";
  } else if (c.host.kernel.multi_buffer == false) {
    reason = "this kernel has none (Linux 6.6)";
  } else if (!driver_takes_fragments(c)) {
    reason = fmt::format("the driver {} has none", c.facts.driver);
  }
  if (!reason.empty()) {
    return judge.say("mtu", Verdict::kFault, fmt::format("{}, and {}", need, reason),
                     mtu_command(c, most));
  }
  const uint32_t room = c.frame_room();
  const uint32_t frames = (c.facts.mtu + kLinkHeaderBytes + room - 1) / room;
  if (frames > dataplane::kMaxTransmitBuffers) {
    const uint32_t largest = dataplane::kMaxTransmitBuffers * room - kLinkHeaderBytes;
    return judge.say("mtu", Verdict::kFault,
                     fmt::format("{}: {} for the longest, of which the kernel sends at most {}",
                                 need, counted(frames, "frame"), dataplane::kMaxTransmitBuffers),
                     mtu_command(c, largest));
  }
  const uint32_t zero_copy = c.facts.report ? c.facts.report->zero_copy_segments : 0;
  const bool has_zero_copy = c.facts.report && c.facts.report->has(xsk::kXdpActZeroCopy);
  if (has_zero_copy && zero_copy < frames && c.config.zerocopy != ZeroCopy::kOff) {
    return judge.say("mtu", Case::worse(c.config.zerocopy == ZeroCopy::kRequire),
                     fmt::format("{}: {} for the longest, of which zero-copy carries {}, so that "
                                 "packets are copied",
                                 need, counted(frames, "frame"), zero_copy),
                     mtu_command(c, most));
  }
  judge.ok("mtu", fmt::format("{}, {} for the longest; the driver has them", need,
                              counted(frames, "frame")));
}

void judge_own_mtu(const Case& c, Judge& judge) {
  if (c.needs_several_frames()) return judge_long_packets(c, judge);
  judge.ok("mtu", fmt::format("packets of an MTU of {} fit one frame of {} bytes (up to {} would)",
                              c.facts.mtu, c.plan.config.memory.frame_size, c.one_frame_mtu()));
}

// veth judges a program by the other end's MTU (drivers/net/veth.c, veth_xdp_set): without multi-buffer, a
// frame has to fit a page. The daemon then attaches with multi-buffer (AttachedPort).
void judge_peer_mtu(const Case& c, const PeerFacts& peer, Judge& judge) {
  const std::string other = fmt::format("{}ip link set dev {} mtu {}", peer.command_prefix,
                                        shell_quoted(peer.name), c.facts.mtu);
  const std::string here = fmt::format("{} here and {} at the other end", c.facts.mtu, peer.mtu);
  if (peer.mtu > c.host.single_page_mtu && !c.needs_several_frames() && !c.generic_mode()) {
    return judge.say(
        "peer-mtu", Verdict::kWarning,
        fmt::format("the MTU is {}: since the other end may send more than {} bytes, the "
                    "driver takes only a program for packets of several frames, which "
                    "is slower",
                    here, c.host.single_page_mtu),
        other);
  }
  if (peer.mtu > c.facts.mtu) {
    return judge.say("peer-mtu", Verdict::kWarning,
                     fmt::format("the MTU is {}: longer packets from there are lost", here), other);
  }
  if (peer.mtu < c.facts.mtu) {
    return judge.say("peer-mtu", Verdict::kWarning,
                     fmt::format("the MTU is {}: longer packets from here are lost", here), other);
  }
  judge.ok("peer-mtu", fmt::format("both ends have an MTU of {}", c.facts.mtu));
}

}  // namespace

void judge_mtu(const Case& c, Judge& judge) {
  judge_own_mtu(c, judge);
  if (!c.facts.is_veth()) return;
  if (!c.facts.peer) {
    return judge.note("peer",
                      "the other end is in a network namespace that cannot be seen from here; "
                      "run doctor there too");
  }
  const PeerFacts& peer = *c.facts.peer;
  judge.ok("peer", fmt::format("the other end is '{}'{}{}", peer.name,
                               peer.place.empty() ? "" : " in ", peer.place));
  judge_peer_mtu(c, peer, judge);
}

}  // namespace starocean::control::doctor
