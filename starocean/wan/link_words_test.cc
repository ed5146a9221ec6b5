#include "starocean/wan/link_words.h"

#include <gtest/gtest.h>

#include "starocean/base/clock.h"
#include "starocean/wan/notation.h"

namespace starocean::wan {
namespace {

LinkOptions set_all(std::initializer_list<std::pair<const char*, const char*>> words) {
  LinkOptions options;
  for (const auto& [name, text] : words) {
    const Status set = set_word(options, name, text);
    EXPECT_TRUE(set) << name << ": " << set.error().message();
  }
  return options;
}

std::string refusal(const char* name, const char* text) {
  LinkOptions options;
  const Status set = set_word(options, name, text);
  EXPECT_FALSE(set) << name << " took " << text;
  EXPECT_EQ(options, LinkOptions()) << name << " " << text;
  return set ? "" : set.error().message();
}

TEST(Notation, Times) {
  EXPECT_EQ(*parse_time_ns("50ms"), 50 * kNsPerMs);
  EXPECT_EQ(*parse_time_ns("0.1ms"), 100 * kNsPerUs);
  EXPECT_EQ(*parse_time_ns("1.5s"), 1'500'000'000U);
  EXPECT_EQ(*parse_time_ns("250us"), 250'000U);
  EXPECT_EQ(*parse_time_ns("0"), 0U);
  EXPECT_EQ(*parse_time_ns("3600s"), 3600 * kNsPerSecond);
  for (const char* wrong :
       {"", "50", "ms", "-1ms", "1 ms", "1e3ms", "1.2.3ms", "50m", "3601s", "0x10ms", "50ms "}) {
    EXPECT_FALSE(parse_time_ns(wrong)) << wrong;
  }
}

TEST(Notation, SharesRatesQueuesBursts) {
  EXPECT_EQ(*parse_share("1%"), 0.01);
  EXPECT_EQ(*parse_share("0.05%"), 0.0005);
  EXPECT_EQ(*parse_share("100%"), 1);
  EXPECT_EQ(*parse_share("0"), 0);
  for (const char* wrong : {"1", "0.01", "101%", "-1%", "%", "1%%", "nan%", "inf%"}) {
    EXPECT_FALSE(parse_share(wrong)) << wrong;
  }
  EXPECT_EQ(*parse_rate_bps("100M"), 100'000'000U);
  EXPECT_EQ(*parse_rate_bps("1.5Gbit"), 1'500'000'000U);
  EXPECT_EQ(*parse_rate_bps("512kbps"), 512'000U);
  EXPECT_EQ(*parse_rate_bps("64000"), 64'000U);
  EXPECT_EQ(*parse_rate_bps("none"), 0U);
  for (const char* wrong : {"", "0", "999", "100m", "100K", "2000G", "100MB", "bit", "-1M"}) {
    EXPECT_FALSE(parse_rate_bps(wrong)) << wrong;
  }
  using Unit = QueueLimit::Unit;
  EXPECT_EQ(*parse_queue("1000"), (QueueLimit{Unit::kPackets, 1000}));
  EXPECT_EQ(*parse_queue("64kB"), (QueueLimit{Unit::kBytes, 64'000}));
  EXPECT_EQ(*parse_queue("1MiB"), (QueueLimit{Unit::kBytes, 1 << 20}));
  EXPECT_EQ(*parse_queue("50ms"), (QueueLimit{Unit::kTime, 50 * kNsPerMs}));
  for (const char* wrong : {"", "0", "1.5", "0ms", "10k", "-5", "ten"}) {
    EXPECT_FALSE(parse_queue(wrong)) << wrong;
  }
  EXPECT_EQ(*parse_burst("2.5"), 2.5);
  EXPECT_EQ(*parse_burst("none"), 0);
  for (const char* wrong : {"0", "0.5", "-1", "5%", "2000000", "nan"}) {
    EXPECT_FALSE(parse_burst(wrong)) << wrong;
  }
}

TEST(LinkWords, WhatIsShownCanBeSet) {
  const LinkOptions options = set_all({{"delay", "50ms"},
                                       {"jitter", "1.25ms"},
                                       {"jitter_shape", "normal"},
                                       {"jitter_order", "free"},
                                       {"loss", "1.5%"},
                                       {"loss_burst", "12.5"},
                                       {"burst_loss", "70%"},
                                       {"gap_loss", "0.01%"},
                                       {"reorder", "7%"},
                                       {"reorder_by", "123us"},
                                       {"duplicate", "0.3%"},
                                       {"corrupt", "0.0001%"},
                                       {"rate", "1.5M"},
                                       {"queue", "1500kB"},
                                       {"overhead", "24"}});
  ASSERT_TRUE(check(options));
  LinkOptions again;
  for (const LinkWord& word : link_words()) {
    const std::string text = word.get(options);
    EXPECT_NE(text, word.get(LinkOptions())) << word.name << " was not changed by this test";
    ASSERT_TRUE(word.set(again, text)) << word.name << " " << text;
  }
  EXPECT_EQ(again, options);
  for (const LinkWord& word : link_words()) {
    LinkOptions defaults;
    ASSERT_TRUE(word.set(defaults, word.get(defaults))) << word.name;
    EXPECT_EQ(defaults, LinkOptions()) << word.name;
  }
}

TEST(LinkWords, RefusalsSayWhatToWrite) {
  EXPECT_EQ(refusal("delay", "50"),
            "delay: '50': it is not a time; write a number and a unit: 50ms, 200us, 1.5s");
  EXPECT_EQ(refusal("loss", "1"),
            "loss: '1': it is not a share of packets; write it in percent: 1% or 0.05%");
  EXPECT_NE(refusal("dealy", "50ms").find("did you mean delay?"), std::string::npos);
  EXPECT_NE(refusal("", "x").find("it is nothing that a link has"), std::string::npos);
  refusal("jitter_shape", "pareto");
  refusal("jitter_order", "");
  refusal("reorder_by", "0");
  refusal("reorder_by", "behind");
  refusal("overhead", "1001");
  refusal("overhead", "-1");
  refusal("rate", "fast");
}

TEST(LinkWords, BothWaysOrOne) {
  LinkPair links;
  ASSERT_TRUE(set_word(links, "delay", "50ms"));
  EXPECT_EQ(links[0].delay_ns, 50 * kNsPerMs);
  EXPECT_EQ(links[1].delay_ns, 50 * kNsPerMs);
  ASSERT_TRUE(set_word(links, "rate", "100M/20M"));
  EXPECT_EQ(links[0].rate_bps, 100'000'000U);
  EXPECT_EQ(links[1].rate_bps, 20'000'000U);
  ASSERT_TRUE(set_word(links, "delay", "10ms/"));
  EXPECT_EQ(links[0].delay_ns, 10 * kNsPerMs);
  EXPECT_EQ(links[1].delay_ns, 50 * kNsPerMs);
  ASSERT_TRUE(set_word(links, "delay", "/20ms"));
  EXPECT_EQ(links[0].delay_ns, 10 * kNsPerMs);
  EXPECT_EQ(links[1].delay_ns, 20 * kNsPerMs);
  for (const char* wrong : {"/", "1ms/2ms/3ms", "1ms/x", "x/1ms"}) {
    LinkPair changed = links;
    EXPECT_FALSE(set_word(changed, "delay", wrong)) << wrong;
  }
}

TEST(LinkOptions, WhatDoesNotGoTogetherIsRefused) {
  const auto refused = [](const LinkOptions& options) {
    const Status good = check(options);
    EXPECT_FALSE(good);
    return good ? "" : good.error().message();
  };
  EXPECT_NE(refused(set_all({{"delay", "5ms"}, {"jitter", "6ms"}})).find("jitter of 6ms"),
            std::string::npos);
  EXPECT_NE(refused(set_all({{"reorder", "5%"}, {"reorder_by", "ahead"}})).find("without a delay"),
            std::string::npos);
  EXPECT_TRUE(check(set_all({{"reorder", "5%"}})));
  EXPECT_TRUE(check(set_all({{"reorder", "5%"}, {"reorder_by", "ahead"}, {"delay", "1ms"}})));
  refused(set_all({{"loss", "1%"}, {"burst_loss", "50%"}}));
  refused(set_all({{"loss", "60%"}, {"loss_burst", "5"}, {"burst_loss", "50%"}}));
  refused(set_all({{"loss", "1%"}, {"loss_burst", "5"}, {"gap_loss", "2%"}}));
  refused(set_all({{"loss", "60%"}, {"loss_burst", "1"}}));
  EXPECT_TRUE(check(set_all({{"loss", "50%"}, {"loss_burst", "1"}})));
  EXPECT_TRUE(check(set_all({{"loss", "100%"}, {"loss_burst", "1"}})));
  // "none" forgets what was said of bursts.
  EXPECT_TRUE(check(set_all(
      {{"loss", "1%"}, {"loss_burst", "5"}, {"burst_loss", "50%"}, {"loss_burst", "none"}})));
}

}  // namespace
}  // namespace starocean::wan
