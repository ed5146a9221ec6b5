// Internal to doctor_judge*.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "starocean/control/doctor_judge.h"
#include "starocean/control/doctor_quote.h"

namespace starocean::control::doctor {

// Where findings about one subject are collected.
class Judge {
 public:
  explicit Judge(std::string subject = {}) : subject_(std::move(subject)) {}

  void ok(std::string_view id, std::string text) { say(id, Verdict::kOk, std::move(text)); }
  void note(std::string_view id, std::string text, std::string remedy = {}) {
    say(id, Verdict::kNote, std::move(text), std::move(remedy));
  }
  void say(std::string_view id, Verdict verdict, std::string text, std::string remedy = {},
           bool safe = false) {
    findings_.push_back(
        {std::string(id), subject_, verdict, std::move(text), std::move(remedy), safe});
  }
  std::vector<Finding> take() { return std::move(findings_); }

 private:
  std::string subject_;
  std::vector<Finding> findings_;
};

// One interface in its surroundings.
struct Case {
  const HostFacts& host;
  const InterfaceFacts& facts;
  const Plan& plan;
  InterfaceConfig config;
  std::string quoted;  // the device's name for a shell

  // Fault where the configuration demands what is missing, warning where it is only worse without.
  static Verdict worse(bool demanded) { return demanded ? Verdict::kFault : Verdict::kWarning; }
  // Whether the program will run in the network stack, as far as can be known.
  bool generic_mode() const;
  // What a frame holds of a packet.
  uint32_t frame_room() const;
  // The largest MTU whose packets fit one frame, two VLAN tags included; in native mode they have to fit a
  // page, too (AttachedPort::fits_one_buffer).
  uint32_t one_frame_mtu() const;
  bool needs_several_frames() const { return facts.mtu > one_frame_mtu(); }
};

// Ethernet header and two VLAN tags, which the MTU does not count (dataplane/attached_port.cc).
inline constexpr uint32_t kEthernetHeaderBytes = 14;
inline constexpr uint32_t kLinkHeaderBytes = kEthernetHeaderBytes + 2 * 4;
// XDP_PACKET_HEADROOM, which the kernel leaves before each packet.
inline constexpr uint32_t kKernelHeadroomBytes = 256;

// Global settings are visible only in the first network namespace.
inline constexpr const char* kInFirstNamespace = "nsenter --net=/proc/1/ns/net ";

void judge_limits(const Survey& survey,
                  Judge& judge);                 // memory, limits, privileges, neighbour tables
void judge_device(const Case& c, Judge& judge);  // device, link, master, queues, xdp-program
void judge_xdp(const Case& c, Judge& judge);     // what XDP and AF_XDP can do on it
void judge_mtu(const Case& c, Judge& judge);     // mtu, peer, peer-mtu
void judge_offloads(const Case& c,
                    Judge& judge);               // offloads of the device and of a veth's other end
void judge_tuning(const Case& c, Judge& judge);  // rings, coalescing, irqs, packet-steering

// A command that writes `value` in place of what the configuration has under `key` of `item`; empty if the
// key is not written there, or not as a plain value on one line.
std::string edit_command(const Plan& plan, const Origin& item, std::string_view key,
                         std::string_view value);

// `ethtool -L` for so many queues in each direction; empty if the driver does not allow it.
std::string queue_command(const InterfaceFacts& facts, uint32_t queues);

// "1 rx queue", "2 rx queues"
std::string counted(uint64_t count, std::string_view singular);

}  // namespace starocean::control::doctor
