// The part of the table of keys (schema.cc) that is about bridges. Innermost objects first.
#pragma once

#include <array>

#include "starocean/control/schema.h"

namespace starocean::control {

inline constexpr auto kOffOn = std::to_array<SchemaChoice>({
    {"false", "no"},
    {"true", "yes"},
});
inline constexpr auto kAllVlans = std::to_array<SchemaChoice>({
    {"all", "every VLAN"},
});
inline constexpr auto kTagTypes = std::to_array<SchemaChoice>({
    {"802.1Q", "type 0x8100, the usual one (C-tag)"},
    {"802.1ad", "type 0x88a8, of providers (S-tag)"},
});
inline constexpr auto kMirrorDirections = std::to_array<SchemaChoice>({
    {"both", "what it receives and what it sends"},
    {"in", "what it receives"},
    {"out", "what it sends"},
});

constexpr SchemaKey vlan_key(std::string_view key, std::string_view help, bool required = false) {
  return {.key = key,
          .kind = ValueKind::kInteger,
          .help = help,
          .min = 1,
          .max = 4094,
          .required = required};
}
constexpr SchemaKey storm_limit(std::string_view key, std::string_view help) {
  return {.key = key, .kind = ValueKind::kInteger, .help = help, .min = 0, .max = 1'000'000'000};
}

inline constexpr auto kStormKeys = std::to_array<SchemaKey>({
    storm_limit("broadcast", "Broadcast packets per second. Without it: any number."),
    storm_limit("multicast", "Multicast packets per second. Without it: any number."),
    storm_limit("unknown_unicast",
                "Packets per second to addresses that are not known. Without it: any number."),
});
inline constexpr SchemaObject kStorm{"the storm control of a member", kStormKeys};

inline constexpr auto kMemberKeys = std::to_array<SchemaKey>({
    vlan_key("vlan",
             "Access: its frames without a tag belong to this VLAN, whose frames leave without "
             "one. Other VLANs are dropped."),
    {.key = "trunk",
     .kind = ValueKind::kVlanSet,
     .help = "Trunk: it carries these VLANs, with their tags.",
     .choices = kAllVlans},
    vlan_key("native",
             "The VLAN of the trunk whose frames bear no tag. Without it frames without a tag are "
             "dropped."),
    {.key = "qinq",
     .kind = ValueKind::kChoice,
     .help = "With `vlan`: every frame belongs to it, and the tags that it bears are payload "
             "(IEEE 802.1ad, a customer's port).",
     .fallback = "false",
     .choices = kOffOn},
    {.key = "tag_type",
     .kind = ValueKind::kChoice,
     .help = "The tag of a trunk's VLANs. A tag of another type is payload.",
     .fallback = "802.1Q",
     .choices = kTagTypes},
    {.key = "sticky",
     .kind = ValueKind::kChoice,
     .help = "Whether addresses learned here stay: frames from them elsewhere are dropped, until "
             "they have aged.",
     .fallback = "false",
     .choices = kOffOn},
    {.key = "mac_limit",
     .kind = ValueKind::kInteger,
     .help = "How many addresses are learned here, static and aged ones counted until they are "
             "swept. Beyond, frames are forwarded and their sources not learned. Without it: as "
             "many as the bridge's.",
     .min = 1,
     .max = 1048576},
    {.key = "storm_control",
     .help = "Limits on what comes from it to be flooded, with bursts of a tenth of a second.",
     .object = &kStorm},
    {.key = "mirror_to",
     .kind = ValueKind::kText,
     .help = "An interface that is in no bridge and does not route: it gets copies.",
     .format = TextFormat::kDevice},
    {.key = "mirror",
     .kind = ValueKind::kChoice,
     .help = "Which of its frames `mirror_to` gets.",
     .fallback = "both",
     .choices = kMirrorDirections},
});
inline constexpr SchemaObject kMember{"a member of a bridge", kMemberKeys};

inline constexpr auto kVlanInterfaceKeys = std::to_array<SchemaKey>({
    vlan_key("vlan", "The VLAN of the bridge.", true),
});
inline constexpr SchemaObject kVlanInterface{"a VLAN interface of a bridge", kVlanInterfaceKeys};

inline constexpr auto kBridgeKeys = std::to_array<SchemaKey>({
    {.key = "interfaces",
     .kind = ValueKind::kMembers,
     .help =
         "The interfaces that it joins, each in one bridge only: a list of names, or a map from "
         "names to what is special about them. Once one has `vlan` or `trunk`, or there are "
         "`vlan_interfaces`, the bridge is VLAN-aware, and all of them need it.",
     .max = 1024,
     .format = TextFormat::kDevice,
     .object = &kMember,
     .required = true},
    {.key = "mac_aging",
     .kind = ValueKind::kDuration,
     .help =
         "How long a learned address is kept after it was last seen (IEEE 802.1Q-2018, table 8-6, "
         "allows 10 s and more).",
     .fallback = "300s",
     .min = 100,
     .max = 1'000'000'000},
    {.key = "mac_limit",
     .kind = ValueKind::kInteger,
     .help = "How many addresses it learns, static ones counted. Frames to others are flooded.",
     .fallback = "16384",
     .min = 1,
     .max = 1048576},
    {.key = "static",
     .kind = ValueKind::kMacTable,
     .help = "Unicast addresses that are never learned, moved or aged, each with its interface, or "
             "with one for each VLAN: `{10: lan1}`. Without a VLAN it is that of the interface's "
             "frames without a tag.",
     .fallback = "{}",
     .max = 65536,
     .format = TextFormat::kDevice},
    {.key = "multicast_snooping",
     .kind = ValueKind::kChoice,
     .help = "Whether IP multicast goes only to those who have asked for it by IGMP or MLD, and to "
             "routers. Without a querier it is flooded.",
     .fallback = "false",
     .choices = kOffOn},
    {.key = "vlan_interfaces",
     .kind = ValueKind::kNamed,
     .help = "VLANs of the bridge that Linux has a device in, by the device's name.",
     .fallback = "{}",
     .max = 1024,
     .format = TextFormat::kDevice,
     .object = &kVlanInterface},
});
inline constexpr SchemaObject kBridge{"a bridge", kBridgeKeys};

}  // namespace starocean::control
