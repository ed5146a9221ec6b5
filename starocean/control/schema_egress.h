// The keys of `egress` of an interface; part of schema.cc.
#pragma once

#include <array>

#include "starocean/control/schema.h"

namespace starocean::control {

inline constexpr auto kServices = std::to_array<SchemaChoice>({
    {"weighted", "its share, by weight, of what strict classes leave"},
    {"strict", "before all that come after it, whatever they have to send"},
});
inline constexpr auto kEgressClassKeys = std::to_array<SchemaKey>({
    {.key = "dscp",
     .kind = ValueKind::kIntegerList,
     .help = "What belongs to it, by DSCP (RFC 2474): 46 is EF, voice. The last class also takes "
             "all that no "
             "other names.",
     .fallback = "[]",
     .min = 0,
     .max = 63},
    {.key = "service",
     .kind = ValueKind::kChoice,
     .help = "When its packets are sent.",
     .fallback = "weighted",
     .choices = kServices},
    {.key = "weight",
     .kind = ValueKind::kInteger,
     .help = "Its share among the weighted classes.",
     .fallback = "1",
     .min = 1,
     .max = 1000},
});
inline constexpr SchemaObject kEgressClass{"a class of an egress", kEgressClassKeys};

inline constexpr auto kQueueKinds = std::to_array<SchemaChoice>({
    {"fq_codel", "flows take turns, each kept short by CoDel (RFC 8290)"},
    {"fifo", "first in, first out; what comes when it is full is dropped"},
});
inline constexpr auto kSwitchChoices = std::to_array<SchemaChoice>({
    {"true", "yes"},
    {"false", "no"},
});
inline constexpr auto kEgressKeys = std::to_array<SchemaKey>({
    {.key = "rate",
     .kind = ValueKind::kRate,
     .help = "What the link carries, a little less than it really does, so that the queue is here. "
             "Without it "
             "packets are sent as fast as the device takes them.",
     .min = 8'000,
     .max = 1'000'000'000'000},
    {.key = "overhead",
     .kind = ValueKind::kInteger,
     .help = "Bytes that the link adds to each frame and the rate counts: 24 on Ethernet.",
     .fallback = "0",
     .min = 0,
     .max = 256},
    {.key = "queue",
     .kind = ValueKind::kChoice,
     .help = "What waits how, in each class.",
     .fallback = "fq_codel",
     .choices = kQueueKinds},
    {.key = "limit",
     .kind = ValueKind::kInteger,
     .help = "Packets that wait in a class, at most.",
     .fallback = "1024",
     .min = 16,
     .max = 65536},
    {.key = "target",
     .kind = ValueKind::kDuration,
     .help = "The delay that CoDel lets a queue have (RFC 8289, 4.4).",
     .fallback = "5ms",
     .min = 1,
     .max = 1000},
    {.key = "interval",
     .kind = ValueKind::kDuration,
     .help = "For how long, before it drops: the longest usual round trip (RFC 8289, 4.4).",
     .fallback = "100ms",
     .min = 10,
     .max = 10000},
    {.key = "ecn",
     .kind = ValueKind::kChoice,
     .help = "Whether packets whose ends understand it (RFC 3168) are marked instead of dropped.",
     .fallback = "true",
     .choices = kSwitchChoices},
    {.key = "classes",
     .kind = ValueKind::kNamed,
     .help = "By name, in order; the last takes the rest. Without them there is one.",
     .fallback = "{}",
     .max = 8,
     .format = TextFormat::kLabel,
     .object = &kEgressClass},
});
inline constexpr SchemaObject kEgress{"the egress of an interface", kEgressKeys};

}  // namespace starocean::control
