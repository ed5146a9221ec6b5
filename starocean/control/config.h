// The configuration: one YAML file, read, checked as a whole, and turned into plain structs.
//
// The keys, their types, ranges, defaults and help are declared once, in schema.cc. The parser, the
// JSON Schema (`starocean config schema`) and docs/configuration.md all come from there.
//
// parse_config needs neither root nor the devices: whatever can be known from the text alone is
// checked here, and whatever depends on the machine (does the device exist, has it that many
// queues, does its MTU fit the frames) when an interface is attached. For the errors of that moment
// each item keeps the place where it was written: config.place(interface.mark_of("queues")) is
// "site.yaml:9:18".
//
// A configuration is refused whole. The error then has one line per mistake, in the order of the
// file, each line a sentence of its own:
//
//   site.yaml:4:3: cannot use the key 'qeues' in interfaces.lan1: there is no such key; did you
//   mean 'queues'?                                                                      (on one
//   line)
//
// Mistakes of syntax end the reading: then that line is the only one. At most kMaxReportedProblems
// lines are written. Keys of later versions are refused as "not supported by this version", which
// tells them from misspelt ones. No exception leaves these functions, whatever the input.
//
// Thread rules: a Config is a value; once parsed nobody changes it, and any thread may read it.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "starocean/base/result.h"
#include "starocean/control/yaml.h"

namespace starocean::control {

// The enumerators stand in the order of the choices in schema.cc.
enum class Poll : uint8_t { kAdaptive, kBusy, kInterrupt };
enum class HugePages : uint8_t { kAuto, k1G, k2M, kNone };
enum class OnExit : uint8_t { kPass, kBlock };
enum class Attach : uint8_t { kAuto, kNative, kGeneric };
enum class ZeroCopy : uint8_t { kAuto, kRequire, kOff };
enum class Io : uint8_t { kAuto, kAfXdp };
enum class Checksums : uint8_t { kAuto, kOn, kOff };
enum class ReversePathCheck : uint8_t { kNone, kLoose, kStrict };
enum class MssClamp : uint8_t { kOff, kAuto };
enum class QueueKind : uint8_t { kFqCodel, kFifo };
enum class Service : uint8_t { kWeighted, kStrict };
enum class TagType : uint8_t { kDot1q, kDot1ad };
enum class MirrorDirection : uint8_t { kBoth, kIn, kOut };

// As written in the file: "adaptive", "1G", "require" …
std::string_view to_string(Poll value);
std::string_view to_string(HugePages value);
std::string_view to_string(OnExit value);
std::string_view to_string(Attach value);
std::string_view to_string(ZeroCopy value);
std::string_view to_string(Io value);
std::string_view to_string(Checksums value);
std::string_view to_string(ReversePathCheck value);
std::string_view to_string(MssClamp value);
std::string_view to_string(QueueKind value);
std::string_view to_string(Service value);
std::string_view to_string(TagType value);
std::string_view to_string(MirrorDirection value);

using MacBytes = std::array<uint8_t, 6>;  // in the order of the wire

// Where an item stands in the file, for errors found later than parsing. It takes no part in
// comparisons: two items are equal that say the same.
struct Origin {
  Mark mark{};                                               // of the item's key
  std::vector<std::pair<std::string, Mark>> key_marks = {};  // of the values written under it

  // Where the value of `key` ("queues", "zerocopy" …) was written, or `mark` when it was not.
  Mark mark_of(std::string_view key) const;
  bool operator==(const Origin&) const { return true; }
};

struct WorkersConfig : Origin {
  std::vector<int> cpus;  // one pinned worker each; empty: one worker, not pinned
  Poll poll = Poll::kAdaptive;

  size_t count() const { return cpus.empty() ? 1 : cpus.size(); }
  bool operator==(const WorkersConfig&) const = default;
};

struct MemoryConfig : Origin {
  uint32_t frames = 65536;
  uint32_t frame_size = 2048;  // bytes: 2048 or 4096
  HugePages hugepages = HugePages::kAuto;
  // Bytes left free in front of each received packet, besides the 256 that the kernel itself leaves
  // (XDP_PACKET_HEADROOM, linux/bpf.h).
  uint32_t headroom = 0;

  bool operator==(const MemoryConfig&) const = default;
};

// Descriptors in the four rings of each queue: powers of two, as the kernel demands
// (Documentation/networking/af_xdp.rst, "Rings").
struct RingSizes {
  uint32_t rx = 16384;
  uint32_t tx = 2048;
  uint32_t fill = 16384;
  uint32_t completion = 2048;

  bool operator==(const RingSizes&) const = default;
};

struct EgressClassConfig : Origin {
  std::string name;
  std::vector<int> dscps;
  Service service = Service::kWeighted;
  uint32_t weight = 1;

  bool operator==(const EgressClassConfig&) const = default;
};

struct EgressConfig : Origin {
  uint64_t rate_bps = 0;  // 0: as fast as the device takes it
  uint32_t overhead = 0;
  QueueKind queue = QueueKind::kFqCodel;
  uint32_t limit = 1024;
  std::chrono::milliseconds target{5};
  std::chrono::milliseconds interval{100};
  bool ecn = true;
  std::vector<EgressClassConfig> classes;  // in the order of the file; empty: one

  bool operator==(const EgressConfig&) const = default;
};

struct InterfaceConfig : Origin {
  std::string name;                // the key; what bridges and the command line call it
  std::string device;              // the Linux device; the name where the file gives none
  std::optional<uint32_t> queues;  // the first so many; nullopt: all that the device has
  Attach attach = Attach::kAuto;
  ZeroCopy zerocopy = ZeroCopy::kAuto;
  Io io = Io::kAuto;
  bool offload = false;
  RingSizes rings;
  Checksums checksums =
      Checksums::kAuto;  // finish the unfinished transport checksums of local peers
  std::optional<EgressConfig> egress = std::nullopt;

  bool operator==(const InterfaceConfig&) const = default;
};

// VLANs by number, 1 to 4094.
using VlanNumbers = std::bitset<4096>;

// Packets per second; nullopt: any number.
struct StormLimits {
  std::optional<uint32_t> broadcast, multicast, unknown_unicast;

  bool operator==(const StormLimits&) const = default;
};

struct BridgeMember : Origin {
  std::string interface;  // the name of a declared interface, in no other bridge
  // In a VLAN-aware bridge either `vlan` or `trunk` is given.
  uint16_t vlan = 0;
  std::optional<VlanNumbers> trunk;
  uint16_t native = 0;  // one of the trunk's; 0: frames without a tag are dropped
  bool qinq = false;    // with `vlan`: all tags are payload
  TagType tag_type = TagType::kDot1q;
  bool sticky = false;
  std::optional<uint32_t> mac_limit;
  StormLimits storm_control;
  std::string mirror_to;  // an interface in no bridge; empty: no mirror
  MirrorDirection mirror = MirrorDirection::kBoth;

  // The VLAN of frames without a tag; 0: none.
  uint16_t untagged_vlan() const { return trunk ? native : vlan; }
  bool carries(uint16_t number) const {
    return trunk ? (*trunk)[number] : number != 0 && number == vlan;
  }
  bool has_vlans() const { return vlan != 0 || trunk || native != 0; }
  // Whether anything is special about it.
  bool is_plain() const {
    BridgeMember plain;
    plain.interface = interface;
    return *this == plain;
  }
  bool operator==(const BridgeMember&) const = default;
};

// A VLAN of a bridge that Linux has a device for.
struct VlanInterfaceConfig : Origin {
  std::string name;   // of the device
  uint16_t vlan = 0;  // once in the bridge

  bool operator==(const VlanInterfaceConfig&) const = default;
};

struct StaticMac : Origin {
  MacBytes mac{};         // a unicast address, once in this bridge
  std::string interface;  // a member of this bridge
  uint16_t vlan = 0;      // 0: the one of the interface's frames without a tag

  bool operator==(const StaticMac&) const = default;
};

struct BridgeConfig : Origin {
  std::string name;
  std::vector<BridgeMember> interfaces;  // in the order of the file
  // Default: IEEE 802.1Q-2018, table 8-6.
  std::chrono::milliseconds mac_aging{300'000};
  uint32_t mac_limit = 16384;  // entries, static ones counted
  std::vector<StaticMac> static_macs;
  bool multicast_snooping = false;
  std::vector<VlanInterfaceConfig> vlan_interfaces;  // in the order of the file

  // Whether it tells VLANs apart.
  bool is_vlan_aware() const;
  const BridgeMember* member(std::string_view interface) const;
  bool operator==(const BridgeConfig&) const = default;
};

// A VLAN of an interface that is in no bridge.
struct VlanConfig : Origin {
  std::string name;  // of the Linux device that stands for it
  std::string link;  // a declared interface
  uint16_t id = 0;   // 1 to 4094, once on each link

  bool operator==(const VlanConfig&) const = default;
};

struct RoutedConfig : Origin {
  std::string name;  // of an interface, a VLAN, or a VLAN interface of a bridge; in no other VRF
  ReversePathCheck reverse_path = ReversePathCheck::kNone;
  MssClamp mss_clamp = MssClamp::kOff;

  bool operator==(const RoutedConfig&) const = default;
};

struct VrfConfig : Origin {
  std::string name;
  std::vector<RoutedConfig> interfaces;  // in the order of the file
  std::optional<uint32_t> table;         // of Linux; nullopt: main, and `ip rule`

  bool operator==(const VrfConfig&) const = default;
};

struct ApiConfig : Origin {
  std::string host;  // an IPv4 address, an IPv6 address without brackets, or a host name
  uint16_t port = 0;

  bool operator==(const ApiConfig&) const = default;
};

struct Config {
  std::string file;  // the name given to parse_config, for place()
  int version = 1;
  std::string node;  // empty: the machine's host name
  WorkersConfig workers;
  MemoryConfig memory;
  OnExit on_exit = OnExit::kPass;
  uint32_t icmp_rate_per_s = 1000;          // errors of each worker; 0: no limit
  std::vector<InterfaceConfig> interfaces;  // in the order of the file
  std::vector<BridgeConfig> bridges;        // in the order of the file
  std::vector<VlanConfig> vlans;            // in the order of the file
  std::vector<VrfConfig> vrfs;              // in the order of the file
  std::optional<ApiConfig> api;             // nullopt: no HTTP

  // "file:line:column", or "file" for a mark that is not from a file.
  std::string place(Mark mark) const;
  // Whether both say the same: the file's name does not count, nor do marks and defaults written
  // out.
  bool operator==(const Config& other) const;
};

inline constexpr size_t kMaxReportedProblems = 20;

// `file_name` only names the text in errors.
Result<Config> parse_config(std::string_view yaml_text, std::string_view file_name);
// Reads `path` (at most kMaxYamlBytes of it) and parses it.
Result<Config> load_config(const std::string& path);

// What a worker keeps of its queue's fill ring full in any case, and what it has in hand besides rings: those of
// dataplane/fill_depth.h, which says why (this layer does not know that one; engine_options.cc sees that they agree).
inline constexpr uint32_t kFillFramesInAnyCase = 4096;
inline constexpr uint32_t kFramesInHandPerWorker = 256;

// How many frames the rings and workers need so that none starves: per queue a full tx ring and of the fill ring at most
// kFillFramesInAnyCase, per worker kFramesInHandPerWorker. `queues` has one number per entry of config.interfaces: the
// queues that it will really use.
uint64_t frames_needed(const Config& config, std::span<const uint32_t> queues);
// Refuses a memory.frames below frames_needed. For the moment when the devices are known;
// check_summary asks it with the numbers in the file, an "all" counted as one queue.
Status check_frames(const Config& config, std::span<const uint32_t> queues);

// What `starocean config check` prints of a configuration that is right: a line per item, then a
// line starting with "note: " for each thing that is allowed but rarely meant (an interface in no
// bridge, a bridge with fewer than two interfaces). Fails as check_frames does.
Result<std::string> check_summary(const Config& config);

// The configuration as YAML with every default written out; parse_config of it gives an equal
// Config.
std::string describe(const Config& config);

}  // namespace starocean::control
