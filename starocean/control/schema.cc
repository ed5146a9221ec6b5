// The table of keys. Innermost objects first; the whole file is kRoot, at the end.

#include "starocean/control/schema.h"

#include <algorithm>
#include <array>

#include "starocean/control/config.h"
#include "starocean/control/schema_bridge.h"
#include "starocean/control/schema_egress.h"

namespace starocean::control {
namespace {

using enum ValueKind;

constexpr std::string_view kLater = "Of a later version.";

constexpr auto kPolls = std::to_array<SchemaChoice>({
    {"adaptive",
     "look for packets while there are some, sleep when there were none for 50 to 200 µs"},
    {"busy",
     "never sleep, and have the kernel poll the device (SO_PREFER_BUSY_POLL): one CPU per worker "
     "at 100 %"},
    {"interrupt", "always sleep when there is nothing to do"},
});
constexpr auto kHugePages = std::to_array<SchemaChoice>({
    {"auto", "the largest pages that are free: 1G, else 2M, else ordinary ones"},
    {"1G", "1 GiB pages, or refuse to start"},
    {"2M", "2 MiB pages, or refuse to start"},
    {"none", "ordinary pages"},
});
constexpr auto kOnExits = std::to_array<SchemaChoice>({
    {"pass", "Linux goes on alone"},
    {"block",
     "nothing passes until starocean runs again: what it would take is dropped, also if it is "
     "killed"},
});
constexpr auto kAttaches = std::to_array<SchemaChoice>({
    {"auto", "native, and generic where the driver has no XDP"},
    {"native", "in the driver, or refuse the interface"},
    {"generic", "in the network stack: any device, slowly"},
});
constexpr auto kZeroCopies = std::to_array<SchemaChoice>({
    {"auto", "zero-copy where the driver grants it, else copy"},
    {"require", "zero-copy, or refuse the interface"},
    {"off", "copy"},
    {.name = "true", .help = "", .alias_of = "require"},
    {.name = "false", .help = "", .alias_of = "off"},
});
constexpr auto kIos = std::to_array<SchemaChoice>({
    {"auto",
     "AF_XDP sockets; in copy mode and under load, packets are sent by XDP_REDIRECT where the "
     "device takes them (a veth does whose other end has an XDP program or GRO)"},
    {"af_xdp", "AF_XDP sockets, always"},
});
constexpr auto kOffloads = std::to_array<SchemaChoice>({
    {"false", "every packet goes through user space"},
    {.name = "true", .help = "flows are pushed down into the XDP program", .supported = false},
});
constexpr auto kChecksumChoices = std::to_array<SchemaChoice>({
    {"auto", "on for devices whose peer is this machine (veth), off for others"},
    {"on", "finish them on every packet from this interface"},
    {"off", "never touch them"},
    {.name = "true", .help = "", .alias_of = "on"},
    {.name = "false", .help = "", .alias_of = "off"},
});
constexpr auto kAllQueues = std::to_array<SchemaChoice>({
    {"all", "every queue that the device has"},
});

constexpr SchemaKey ring(std::string_view key, std::string_view help, std::string_view fallback) {
  return {.key = key,
          .kind = kInteger,
          .help = help,
          .fallback = fallback,
          .min = 64,
          .max = 32768,
          .power_of_two = true};
}

constexpr auto kRingKeys = std::to_array<SchemaKey>({
    ring("rx", "Descriptors in each receive ring.", "16384"),
    ring("tx", "Descriptors in each transmit ring.", "2048"),
    ring(
        "fill",
        "Descriptors in each fill ring: frames waiting to be received into. 4096 are used, and all "
        "of them once that was too few.",
        "16384"),
    ring("completion", "Descriptors in each completion ring: frames that were sent.", "2048"),
});
constexpr SchemaObject kRings{"the rings of an interface", kRingKeys};

constexpr auto kWorkerKeys = std::to_array<SchemaKey>({
    {.key = "cpus",
     .kind = kIntegerList,
     .help = "CPUs, one worker pinned to each; the daemon's other threads keep off them, if there "
             "is another CPU. Without it there is one worker, not pinned.",
     .fallback = "[]",
     .min = 0,
     .max = 1023},
    {.key = "poll",
     .kind = kChoice,
     .help = "How workers wait for packets.",
     .fallback = "adaptive",
     .choices = kPolls},
});
constexpr SchemaObject kWorkers{"the workers", kWorkerKeys};

constexpr auto kMemoryKeys = std::to_array<SchemaKey>({
    {.key = "frames",
     .kind = kInteger,
     .help =
         "Packet buffers, shared by all interfaces. Each queue needs its tx ring full of them and "
         "4096 to receive into, each worker 256.",
     .fallback = "65536",
     .min = 512,
     .max = 4194304},
    {.key = "frame_size",
     .kind = kSize,
     .help = "Bytes of one packet buffer: 2048 or 4096. 2048 carry an MTU of up to 1770 without "
             "multi-buffer.",
     .fallback = "2048",
     .min = 2048,
     .max = 4096,
     .power_of_two = true},
    {.key = "hugepages",
     .kind = kChoice,
     .help = "The pages that hold the packet buffers.",
     .fallback = "auto",
     .choices = kHugePages},
    {.key = "headroom",
     .kind = kSize,
     .help =
         "Bytes left free before each received packet, besides the 256 that the kernel leaves. A "
         "packet of 1522 bytes must still fit.",
     .fallback = "0",
     .min = 0,
     .max = 4096 - 256 - 1522},
});
constexpr SchemaObject kMemory{"the memory", kMemoryKeys};

constexpr auto kInterfaceKeys = std::to_array<SchemaKey>({
    {.key = "device",
     .kind = kText,
     .help = "The Linux device. Default: the key of this interface.",
     .format = TextFormat::kDevice},
    {.key = "queues",
     .kind = kInteger,
     .help = "How many receive/transmit queue pairs to use, from queue 0 on.",
     .fallback = "all",
     .min = 1,
     .max = 1024,
     .choices = kAllQueues},
    {.key = "attach",
     .kind = kChoice,
     .help = "Where the XDP program runs.",
     .fallback = "auto",
     .choices = kAttaches},
    {.key = "zerocopy",
     .kind = kChoice,
     .help = "Whether the device reads and writes packet buffers itself.",
     .fallback = "auto",
     .choices = kZeroCopies},
    {.key = "io",
     .kind = kChoice,
     .help = "How packets come and go.",
     .fallback = "auto",
     .choices = kIos},
    {.key = "offload",
     .kind = kChoice,
     .help = "Whether decided flows stay in the kernel.",
     .fallback = "false",
     .choices = kOffloads},
    {.key = "rings",
     .kind = kObject,
     .help = "Sizes of the rings of each queue.",
     .object = &kRings},
    {.key = "checksums",
     .kind = kChoice,
     .help =
         "Whether to finish the transport checksums that Linux left unfinished because it thought "
         "the device would.",
     .fallback = "auto",
     .choices = kChecksumChoices},
    {.key = "egress",
     .help = "A rate, queues and classes for what is sent. Without it packets go out as they come.",
     .object = &kEgress},
});
constexpr SchemaObject kInterface{"an interface", kInterfaceKeys};

constexpr auto kVlanKeys = std::to_array<SchemaKey>({
    {.key = "link",
     .kind = kText,
     .help = "The interface that carries it, which is in no bridge.",
     .format = TextFormat::kDevice,
     .required = true},
    {.key = "id",
     .kind = kInteger,
     .help = "The VLAN's number (IEEE 802.1Q-2018, 9.6).",
     .min = 1,
     .max = 4094,
     .required = true},
});
constexpr SchemaObject kVlan{"a VLAN of an interface", kVlanKeys};

constexpr auto kReversePaths = std::to_array<SchemaChoice>({
    {"none", "any source address"},
    {"loose", "there must be a route back, over whatever interface (RFC 3704, 2.4)"},
    {"strict", "the route back must lead over the interface that it came from (RFC 3704, 2.2)"},
    {.name = "false", .help = "", .alias_of = "none"},
});
constexpr auto kMssClamps = std::to_array<SchemaChoice>({
    {"off", "left as it is"},
    {"auto", "lowered to what fits this interface's MTU"},
    {.name = "false", .help = "", .alias_of = "off"},
    {.name = "true", .help = "", .alias_of = "auto"},
});
constexpr auto kRoutedKeys = std::to_array<SchemaKey>({
    {.key = "reverse_path",
     .kind = kChoice,
     .help = "Which source addresses are let in on it.",
     .fallback = "none",
     .choices = kReversePaths},
    {.key = "mss_clamp",
     .kind = kChoice,
     .help = "The maximum segment size in TCP's SYN packets, in and out: for tunnels and uplinks "
             "behind which "
             "ICMP gets lost.",
     .fallback = "off",
     .choices = kMssClamps},
});
constexpr SchemaObject kRouted{"an interface that routes", kRoutedKeys};

constexpr auto kMainTable = std::to_array<SchemaChoice>({
    {"main", "Linux's table 254"},
});
constexpr auto kVrfKeys = std::to_array<SchemaKey>({
    {.key = "interfaces",
     .kind = kMembers,
     .help = "What routes in it, each in one VRF only: interfaces in no bridge, names under "
             "`vlans`, and "
             "`vlan_interfaces` of bridges. A list of names, or a map from names to what is "
             "special about them.",
     .max = 1024,
     .format = TextFormat::kDevice,
     .object = &kRouted,
     .required = true},
    {.key = "table",
     .kind = kInteger,
     .help = "The routing table of Linux that is followed, by number. With `main`, `ip rule` is "
             "followed too.",
     .fallback = "main",
     .min = 1,
     .max = 4294967295,
     .choices = kMainTable},
});
constexpr SchemaObject kVrf{"a VRF", kVrfKeys};

constexpr auto kApiKeys = std::to_array<SchemaKey>({
    {.key = "listen",
     .kind = kText,
     .help = "Address and port: 127.0.0.1:30088, [::1]:30088 or localhost:30088.",
     .format = TextFormat::kHostPort,
     .required = true},
});
constexpr SchemaObject kApi{"the API", kApiKeys};

constexpr auto kRootKeys = std::to_array<SchemaKey>({
    {.key = "version",
     .kind = kInteger,
     .help = "Of this format.",
     .min = 1,
     .max = 1,
     .required = true},
    {.key = "node",
     .kind = kText,
     .help = "What this machine is called in logs and metrics. Default: its host name.",
     .format = TextFormat::kLabel},
    {.key = "workers", .help = "The threads that forward packets.", .object = &kWorkers},
    {.key = "memory", .help = "The packet buffers.", .object = &kMemory},
    {.key = "on_exit",
     .kind = kChoice,
     .help = "What happens to the interfaces' traffic when starocean ends.",
     .fallback = "pass",
     .choices = kOnExits},
    {.key = "interfaces",
     .kind = kNamed,
     .help = "The Linux devices that are taken, by name.",
     .fallback = "{}",
     .max = 1024,
     .format = TextFormat::kDevice,
     .object = &kInterface},
    {.key = "bridges",
     .kind = kNamed,
     .help = "Switches, by name: each learns and forwards on its own.",
     .fallback = "{}",
     .max = 1024,
     .format = TextFormat::kLabel,
     .object = &kBridge},
    {.key = "vlans",
     .kind = kNamed,
     .help = "VLANs of interfaces that are in no bridge, by the name of the Linux device that "
             "stands for them. A "
             "device of that name that Linux has on the link is used; else one is made (a TAP).",
     .fallback = "{}",
     .max = 1024,
     .format = TextFormat::kDevice,
     .object = &kVlan},
    {.key = "vrfs",
     .kind = kNamed,
     .help = "What routes, by name: Linux's routes, rules, neighbours and addresses are followed.",
     .fallback = "{}",
     .max = 64,
     .format = TextFormat::kLabel,
     .object = &kVrf},
    {.key = "icmp_rate",
     .kind = kInteger,
     .help =
         "ICMP and ICMPv6 errors a second that each worker makes for what it routes, of which one "
         "source "
         "network (/24, /64) gets at most 100. 0: no limit, neither altogether nor for a network.",
     .fallback = "1000",
     .min = 0,
     .max = 1000000},
    {.key = "api",
     .help = "HTTP besides the control socket: read-only. Without it there is none.",
     .object = &kApi},
    {.key = "acls", .help = kLater, .supported = false},
    {.key = "uplinks", .help = kLater, .supported = false},
    {.key = "tunnels", .help = kLater, .supported = false},
    {.key = "slas", .help = kLater, .supported = false},
    {.key = "policies", .help = kLater, .supported = false},
    {.key = "nat", .help = kLater, .supported = false},
    {.key = "services", .help = kLater, .supported = false},
});
constexpr SchemaObject kRoot{"the configuration", kRootKeys};

}  // namespace

const SchemaKey* SchemaObject::find(std::string_view key) const {
  const auto found = std::find_if(
      keys.begin(), keys.end(), [key](const SchemaKey& candidate) { return candidate.key == key; });
  return found == keys.end() ? nullptr : &*found;
}

const SchemaObject& config_schema() {
  return kRoot;
}

std::string_view to_string(Poll value) {
  return kPolls[static_cast<size_t>(value)].name;
}
std::string_view to_string(HugePages value) {
  return kHugePages[static_cast<size_t>(value)].name;
}
std::string_view to_string(OnExit value) {
  return kOnExits[static_cast<size_t>(value)].name;
}
std::string_view to_string(Attach value) {
  return kAttaches[static_cast<size_t>(value)].name;
}
std::string_view to_string(ZeroCopy value) {
  return kZeroCopies[static_cast<size_t>(value)].name;
}
std::string_view to_string(Io value) {
  return kIos[static_cast<size_t>(value)].name;
}
std::string_view to_string(ReversePathCheck value) {
  return kReversePaths[static_cast<size_t>(value)].name;
}
std::string_view to_string(MssClamp value) {
  return kMssClamps[static_cast<size_t>(value)].name;
}
std::string_view to_string(TagType value) {
  return kTagTypes[static_cast<size_t>(value)].name;
}
std::string_view to_string(MirrorDirection value) {
  return kMirrorDirections[static_cast<size_t>(value)].name;
}
std::string_view to_string(QueueKind value) {
  return kQueueKinds[static_cast<size_t>(value)].name;
}
std::string_view to_string(Service value) {
  return kServices[static_cast<size_t>(value)].name;
}
std::string_view to_string(Checksums value) {
  return kChecksumChoices[static_cast<size_t>(value)].name;
}

}  // namespace starocean::control
