#include "starocean/control/config.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "starocean/control/config_value.h"

namespace starocean::control {
namespace {

Config parsed(std::string_view text) {
  auto config = parse_config(text, "site.yaml");
  EXPECT_TRUE(config) << (config ? "" : config.error().message());
  return config ? *config : Config{};
}

// Every key of this version, none at its default.
constexpr std::string_view kEverything = R"(version: 1
node: edge-a
workers: {cpus: [2, 1], poll: busy}
memory: {frames: 65536, frame_size: 4K, hugepages: 2M, headroom: 256}
on_exit: pass
interfaces:
  lan1: {}
  lan2:
  wan1:
    device: enp3s0
    queues: 4
    attach: native
    zerocopy: require
    io: af_xdp
    offload: false
    rings: {rx: 64, tx: 128, fill: 256, completion: 512}
    checksums: on
bridges:
  plain: {interfaces: [lan1, wan1]}
  office:
    interfaces: {lan2: {}}
    mac_aging: 5m
    mac_limit: 100
    static: {"02:00:00:00:00:01": lan2}
api: {listen: "[::1]:30088"}
icmp_rate: 250
)";

TEST(Config, DefaultsAreThoseOfTheStructs) {
  EXPECT_EQ(parsed("version: 1\n"), Config{});
  EXPECT_EQ(parsed("version: 1\nworkers:\nmemory: {}\ninterfaces:\nbridges: {}\n"), Config{});
}

TEST(Config, EveryKeyArrivesWhereItBelongs) {
  const Config config = parsed(kEverything);
  EXPECT_EQ(config.node, "edge-a");
  EXPECT_EQ(config.icmp_rate_per_s, 250u);
  EXPECT_EQ(config.workers.cpus, (std::vector<int>{2, 1}));
  EXPECT_EQ(config.workers.count(), 2u);
  EXPECT_EQ(config.workers.poll, Poll::kBusy);
  EXPECT_EQ(config.memory.frames, 65536u);
  EXPECT_EQ(config.memory.frame_size, 4096u);
  EXPECT_EQ(config.memory.hugepages, HugePages::k2M);
  EXPECT_EQ(config.memory.headroom, 256u);
  ASSERT_EQ(config.interfaces.size(), 3u);
  EXPECT_EQ(config.interfaces[0].device, "lan1");
  EXPECT_EQ(config.interfaces[0].queues, std::nullopt);
  const InterfaceConfig& wan = config.interfaces[2];
  EXPECT_EQ(wan.name, "wan1");
  EXPECT_EQ(wan.device, "enp3s0");
  EXPECT_EQ(wan.queues, 4u);
  EXPECT_EQ(wan.attach, Attach::kNative);
  EXPECT_EQ(wan.zerocopy, ZeroCopy::kRequire);
  EXPECT_EQ(wan.io, Io::kAfXdp);
  EXPECT_FALSE(wan.offload);
  EXPECT_EQ(wan.rings.rx, 64u);
  EXPECT_EQ(wan.rings.tx, 128u);
  EXPECT_EQ(wan.rings.fill, 256u);
  EXPECT_EQ(wan.rings.completion, 512u);
  EXPECT_EQ(wan.checksums, Checksums::kOn);
  ASSERT_EQ(config.bridges.size(), 2u);
  ASSERT_EQ(config.bridges[0].interfaces.size(), 2u);
  EXPECT_EQ(config.bridges[0].interfaces[1].interface, "wan1");
  const BridgeConfig& office = config.bridges[1];
  EXPECT_EQ(office.mac_aging, std::chrono::minutes(5));
  EXPECT_EQ(office.mac_limit, 100u);
  ASSERT_EQ(office.static_macs.size(), 1u);
  EXPECT_EQ(format_mac(office.static_macs[0].mac), "02:00:00:00:00:01");
  EXPECT_EQ(office.static_macs[0].interface, "lan2");
  ASSERT_TRUE(config.api);
  EXPECT_EQ(config.api->host, "::1");
  EXPECT_EQ(config.api->port, 30088);
}

TEST(Config, MarksTellWhereThingsWereWritten) {
  const Config config = parsed(kEverything);
  EXPECT_EQ(config.place(config.interfaces[0].mark), "site.yaml:7:3");
  EXPECT_EQ(config.place(config.interfaces[2].mark), "site.yaml:9:3");
  EXPECT_EQ(config.place(config.interfaces[2].mark_of("queues")), "site.yaml:11:13");
  // Not written: the name is the best place there is.
  EXPECT_EQ(config.place(config.interfaces[0].mark_of("queues")), "site.yaml:7:3");
  EXPECT_EQ(config.place(config.memory.mark_of("frames")), "site.yaml:4:18");
  EXPECT_EQ(config.place(config.bridges[0].interfaces[1].mark), "site.yaml:19:30");
  EXPECT_EQ(config.place(config.bridges[1].static_macs[0].mark), "site.yaml:24:14");
  EXPECT_EQ(config.place(config.api->mark_of("listen")), "site.yaml:25:15");
  EXPECT_EQ(config.place(Mark{}), "site.yaml");
}

TEST(Config, OtherSpellingsMeanTheSame) {
  const Config config = parsed(
      "version: 1\ninterfaces:\n  a: {zerocopy: true, checksums: True}\n"
      "  b: {zerocopy: false, checksums: off}\n  c: {zerocopy: auto, queues: all}\n");
  EXPECT_EQ(config.interfaces[0].zerocopy, ZeroCopy::kRequire);
  EXPECT_EQ(config.interfaces[0].checksums, Checksums::kOn);
  EXPECT_EQ(config.interfaces[1].zerocopy, ZeroCopy::kOff);
  EXPECT_EQ(config.interfaces[1].checksums, Checksums::kOff);
  EXPECT_EQ(config.interfaces[2].zerocopy, ZeroCopy::kAuto);
  EXPECT_EQ(config.interfaces[2].queues, std::nullopt);
}

TEST(Config, ListAndMapOfMembersAreTheSame) {
  EXPECT_EQ(
      parsed("version: 1\ninterfaces: {a: , b: }\nbridges: {x: {interfaces: [a, b]}}\n"),
      parsed("version: 1\ninterfaces: {a: , b: }\nbridges: {x: {interfaces: {a: {}, b: }}}\n"));
}

TEST(Config, AnchorsAreOfUse) {
  const Config config = parsed(
      "version: 1\ninterfaces:\n  a: &small {rings: &r {rx: 64, fill: 64}}\n  b: *small\n"
      "  c: {rings: *r, queues: 2}\n");
  EXPECT_EQ(config.interfaces[0].rings, config.interfaces[1].rings);
  EXPECT_EQ(config.interfaces[2].rings.rx, 64u);
  EXPECT_EQ(config.interfaces[1].device, "b");
}

TEST(Config, OrderIsThatOfTheFile) {
  const Config config = parsed("version: 1\ninterfaces: {z: , a: , m: }\n");
  ASSERT_EQ(config.interfaces.size(), 3u);
  EXPECT_EQ(config.interfaces[0].name, "z");
  EXPECT_EQ(config.interfaces[1].name, "a");
  EXPECT_EQ(config.interfaces[2].name, "m");
}

TEST(Config, EqualityLooksAtWhatIsSaid) {
  const Config config = parsed(kEverything);
  const auto moved = parse_config("\n\n" + std::string(kEverything), "other.yaml");
  ASSERT_TRUE(moved);
  EXPECT_EQ(config, *moved);
  EXPECT_EQ(parsed("version: 1\ninterfaces: {a: }\n"),
            parsed("version: 1\ninterfaces: {a: {device: a, queues: all, rings: {rx: 16384}}}\n"));
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"edge-a", "edge-b"},
      {"[2, 1]", "[2, 3]"},
      {"busy", "adaptive"},
      {"65536", "65537"},
      {"4K", "2K"},
      {"2M", "1G"},
      {"headroom: 256", "headroom: 128"},
      {"lan2:\n", "lan2: {queues: 1}\n"},
      {"enp3s0", "enp4s0"},
      {"queues: 4", "queues: 3"},
      {"native", "generic"},
      {"require", "off"},
      {"io: af_xdp", "io: auto"},
      {"rx: 64", "rx: 128"},
      {"tx: 128", "tx: 64"},
      {"fill: 256", "fill: 128"},
      {"completion: 512", "completion: 64"},
      {"checksums: on", "checksums: auto"},
      {"[lan1, wan1]", "[lan1]"},
      {"5m", "6m"},
      {"mac_limit: 100", "mac_limit: 101"},
      {"00:01\"", "00:02\""},
      {"30088", "30089"},
      {"::1", "::2"},
      {"office", "home"}};
  for (const auto& [from, to] : changes) {
    std::string text(kEverything);
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    if (from == "4K") text.replace(text.find("headroom: 256"), 13, "headroom: 25");
    EXPECT_FALSE(config == parsed(text)) << from;
  }
}

TEST(Config, DescriptionParsesToTheSame) {
  const std::string texts[] = {
      "version: 1\n", std::string(kEverything),
      // Names that YAML would take for something else.
      "version: 1\nnode: \"12\"\ninterfaces: {\"null\": {device: \"true\"}, '1': {device: '~'}, "
      "\"a'b\": {device: 'x\"y\\'}, \"yes\": }\nbridges: {'1.5': {interfaces: ['null', '1', "
      "\"a'b\"]}}\n"};
  for (const std::string& text : texts) {
    const Config config = parsed(text);
    const auto again = parse_config(describe(config), "again.yaml");
    ASSERT_TRUE(again) << again.error().message() << describe(config);
    EXPECT_EQ(*again, config) << describe(config);
  }
}

TEST(Config, FramesMustFillTheRings) {
  const Config config = parsed(
      "version: 1\nmemory:\n  frames: 14000\nworkers: {cpus: [0, 1]}\n"
      "interfaces: {a: {rings: {fill: 1024, tx: 512}}, b: }\n");
  const std::vector<uint32_t> few = {1, 2};
  EXPECT_EQ(frames_needed(config, few), 1u * (1024 + 512) + 2u * (4096 + 2048) + 2u * 256);
  EXPECT_FALSE(check_frames(config, few));
  EXPECT_EQ(check_frames(config, few).error().message(),
            "site.yaml:3:11: cannot do with 14000 frames: the fill and tx rings of 3 queues and 2 "
            "workers need 14336; raise memory.frames, or write smaller rings or fewer queues");
  EXPECT_TRUE(check_frames(config, std::vector<uint32_t>{1, 1}));
}

TEST(Config, SummaryNamesEverythingAndNotesWhatIsOdd) {
  const auto summary = check_summary(parsed(kEverything));
  ASSERT_TRUE(summary);
  EXPECT_EQ(*summary,
            "node: edge-a\n"
            "workers: 2 on CPUs 2, 1; busy polling\n"
            "memory: 65536 frames of 4096 bytes (256 MiB), huge pages 2M\n"
            "interface lan1: device lan1, all queues, in bridge plain\n"
            "interface lan2: device lan2, all queues, in bridge office\n"
            "interface wan1: device enp3s0, 4 queues, native, zero-copy required, in bridge plain\n"
            "bridge plain: 2 interfaces (lan1, wan1), 16384 addresses, aging 5m\n"
            "bridge office: 1 interface (lan2), 100 addresses, aging 5m, 1 static\n"
            "api: HTTP on [::1]:30088\n"
            "note: bridge office joins fewer than two interfaces\n");
  const auto bare = check_summary(parsed("version: 1\ninterfaces: {a: {queues: 1}}\n"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(*bare,
            "workers: 1 not pinned; adaptive polling\n"
            "memory: 65536 frames of 2048 bytes (128 MiB), huge pages auto\n"
            "interface a: device a, 1 queue, in no bridge\n"
            "note: interface a is in no bridge, so nothing is forwarded\n");
  const auto short_of_frames =
      check_summary(parsed("version: 1\nmemory: {frames: 4096}\ninterfaces: {a: }\n"));
  ASSERT_FALSE(short_of_frames);
  EXPECT_EQ(
      short_of_frames.error().message(),
      "site.yaml:2:18: cannot do with 4096 frames: the fill and tx rings of 1 queue and 1 worker "
      "need 6400; raise memory.frames, or write smaller rings or fewer queues");
}

TEST(Config, ExamplesAreRight) {
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator("docs/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto config = load_config(entry.path().string());
    ASSERT_TRUE(config) << config.error().message();
    const auto summary = check_summary(*config);
    ASSERT_TRUE(summary) << summary.error().message();
    EXPECT_EQ(summary->find("note:"), std::string::npos) << *summary;
    ++seen;
  }
  EXPECT_GE(seen, 2u);
}

// Every prefix, and every text with one character changed or removed: a configuration or sentences,
// and never an exception or a crash.
TEST(Config, NothingEscapes) {
  const auto try_text = [](const std::string& text) {
    const auto config = parse_config(text, "cut.yaml");
    if (!config) {
      EXPECT_TRUE(config.error().message().starts_with("cut.yaml")) << text;
      return;
    }
    const auto again = parse_config(describe(*config), "again.yaml");
    ASSERT_TRUE(again) << text;
    EXPECT_EQ(*again, *config) << text;
  };
  const std::string whole(kEverything);
  for (size_t i = 0; i < whole.size(); ++i) {
    try_text(whole.substr(0, i));
    std::string changed = whole;
    changed.erase(i, 1);
    try_text(changed);
    for (const char c : {'\0', '\t', '\n', ' ', '"', '{', ']', ':', '&', '*', '!', '-', '\xff'}) {
      changed = whole;
      changed[i] = c;
      try_text(changed);
    }
  }
}

}  // namespace
}  // namespace starocean::control
