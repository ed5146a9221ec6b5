#include "starocean/bench/generator.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "bpf/probe.h"
#include "starocean/base/check.h"
#include "starocean/base/endian.h"
#include "starocean/bench/probe.h"
#include "starocean/xsk/live_frames.h"
#include "starocean/xsk/testing/bpf_run.h"
#include "starocean/xsk/testing/netns.h"
#include "starocean/xsk/testing/raw_socket.h"

namespace starocean::bench {
namespace {

using xsk::testing::Bytes;

// A veth pair gen0 – sink0; sink0 takes redirected frames, and gives them to Linux.
class GeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = xsk::testing::why_no_namespaces(); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
    netns_.emplace();
    veth_ = xsk::testing::make_veth("gen0", "sink0", {.mtu = 3500});
  }
  void TearDown() override {
    if (link_fd_ >= 0) close(link_fd_);
  }

  void pass_all_at_sink() {
    const int program = xsk::testing::load_stranger("pass_all");
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = XDP_FLAGS_DRV_MODE);
    link_fd_ = bpf_link_create(program, static_cast<int>(veth_.far.ifindex), BPF_XDP, &options);
    close(program);
    ASSERT_GE(link_fd_, 0);
  }

  static Generator make(const TrafficSpec& traffic, int cpu = -1) {
    auto generator = Generator::create({.device = "gen0", .traffic = traffic, .cpu = cpu});
    if (!generator) ADD_FAILURE() << generator.error().message();
    SO_CHECK(generator.has_value(), "the generator cannot be made");
    return std::move(*generator);
  }
  static SendReport send(Generator& generator, const Load& load) {
    const Status started = generator.start(load);
    EXPECT_TRUE(started) << started.error().message();
    EXPECT_TRUE(generator.wait(20'000));
    generator.stop();
    EXPECT_TRUE(generator.outcome()) << generator.outcome().error().message();
    return generator.read();
  }

  std::optional<xsk::testing::Netns> netns_;
  xsk::testing::Veth veth_;
  int link_fd_ = -1;
};

uint64_t word_at(const Bytes& frame, size_t offset) {
  be64 word;
  std::memcpy(&word, frame.data() + offset, sizeof(word));
  return word.host();
}

// The frame as user space builds it from what its probe says.
Bytes rebuilt(const TrafficSpec& spec, const Bytes& frame, uint32_t& flow, uint32_t& sequence) {
  const uint64_t first = word_at(frame, spec.header_bytes());
  const uint64_t second = word_at(frame, spec.header_bytes() + sizeof(first));
  flow = probe_flow(first);
  sequence = probe_sequence(second);
  Bytes again(frame.size(), 0xee);
  EXPECT_LT(flow, spec.flows);
  EXPECT_TRUE(build_frame(spec, headers_of(spec, flow),
                          {.stream = probe_stream(first),
                           .flow = flow,
                           .sequence = sequence,
                           .scheduled_ns = probe_scheduled(first, second),
                           .late_ns = probe_late_ns(second & 0xffff)},
                          std::as_writable_bytes(std::span(again))));
  return again;
}

// Sends a few hundred frames and compares each with what user space builds.
void expect_same_frames(Generator& generator, xsk::testing::PacketSocket& sink, uint32_t stream) {
  const TrafficSpec& spec = generator.traffic();
  constexpr uint32_t kCount = 200;
  ASSERT_TRUE(generator.start({.frames_per_second = 20'000, .count = kCount, .stream = stream}));
  std::map<uint32_t, uint32_t> next;
  for (uint32_t i = 0; i < kCount; ++i) {
    const auto captured = sink.receive();
    ASSERT_TRUE(captured) << "frame " << i;
    Bytes frame = captured->frame;
    if (captured->vlan) {  // Linux keeps the outer tag beside the frame
      frame.insert(12, xsk::testing::be16_bytes(*captured->vlan_protocol) +
                           xsk::testing::be16_bytes(*captured->vlan));
    }
    EXPECT_EQ(frame.size() + kFcsBytes, spec.frame_bytes[i % spec.frame_bytes.size()]);
    uint32_t flow = 0;
    uint32_t sequence = 0;
    const Bytes expected = rebuilt(spec, frame, flow, sequence);
    ASSERT_EQ(frame, expected) << "frame " << i;
    EXPECT_EQ(sequence, next[flow]++);
    if (!spec.random_order) {
      EXPECT_EQ(flow, i % spec.flows);
    }
  }
  EXPECT_TRUE(generator.wait(5000));
  generator.stop();
  EXPECT_EQ(generator.read().sent, kCount);
  EXPECT_EQ(generator.read().generated, kCount);
}

TEST_F(GeneratorTest, FramesAreTheOnesThatUserSpaceBuilds) {
  pass_all_at_sink();
  xsk::testing::PacketSocket sink(veth_.far.ifindex);
  TrafficSpec ipv4{.flows = 7};
  TrafficSpec ipv6{.frame_bytes = {84}, .flows = 1000, .random_order = true};
  ipv6.set_default_ipv6();
  ipv6.source.count = 100;
  TrafficSpec tagged{.frame_bytes = {68, 69, 84, 100, 1518, 3300}, .flows = 5};
  tagged.vlan = Range<uint16_t>{10, 3};
  TrafficSpec tagged6 = ipv6;
  tagged6.vlan = Range<uint16_t>{10, 3};
  tagged6.frame_bytes = {1522};
  tagged6.destination_mac.count = 50;
  TrafficSpec imix{.frame_bytes = simple_imix(), .flows = 3};
  for (const TrafficSpec& spec : {ipv4, ipv6, tagged, tagged6, imix}) {
    Generator generator = make(spec);
    expect_same_frames(generator, sink, 0);
    expect_same_frames(generator, sink, 15);
    if (HasFatalFailure()) return;
  }
}

TEST_F(GeneratorTest, ADeviceThatTakesNothingShows) {
  Generator generator = make({});
  const SendReport report = send(generator, {.count = 10'000});
  EXPECT_EQ(report.generated, 10'000u);
  EXPECT_EQ(report.sent, 0u);
  EXPECT_EQ(report.dropped, 10'000u);
}

TEST_F(GeneratorTest, EndsByCountByDurationAndWhenTold) {
  pass_all_at_sink();
  Generator generator = make({.flows = 3}, 0);
  EXPECT_EQ(send(generator, {.count = 1}).generated, 1u);
  EXPECT_EQ(send(generator, {.count = 100'001}).generated, 100'001u) << "flood";
  EXPECT_EQ(send(generator, {.frames_per_second = 100'000, .count = 5001}).generated, 5001u);
  const SendReport timed =
      send(generator, {.frames_per_second = 10'000, .duration_ns = 300'000'000});
  EXPECT_EQ(timed.generated, 3000u);
  ASSERT_TRUE(generator.start({.frames_per_second = 1}));
  EXPECT_FALSE(generator.start({})) << "a run is going on";
  EXPECT_FALSE(generator.wait(50));
  EXPECT_TRUE(generator.running());
  generator.stop();
  EXPECT_FALSE(generator.running());
  EXPECT_LE(generator.read().generated, 2u);
  generator.stop();
}

// The kernel's task number of the generating thread; 0 while there is none.
int generating_thread() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name == "generate") return std::stoi(task.path().filename());
  }
  return 0;
}

TEST_F(GeneratorTest, GoesOnInANewCallWhenTheKernelReturns) {
  pass_all_at_sink();
  Generator generator = make({.flows = 10});
  constexpr uint64_t kCount = 3000;
  ASSERT_TRUE(generator.start({.frames_per_second = 10'000, .count = kCount}));
  while (generator.running() && generator.read().generated < 100) usleep(1000);
  // What happens after 2^32 rounds as well: the call ends, and the run does not.
  ASSERT_EQ(syscall(SYS_tgkill, getpid(), generating_thread(), xsk::stop_signal()), 0);
  EXPECT_TRUE(generator.wait(20'000));
  generator.stop();
  const SendReport report = generator.read();
  EXPECT_EQ(report.generated, kCount);
  EXPECT_EQ(report.sent, kCount);
  EXPECT_EQ(report.pauses, 1u);
  EXPECT_GT(report.paused_ns, 0u);
  EXPECT_LT(report.paused_ns, report.last_ns - report.first_ns);
}

// Under SCHED_FIFO the threads of a run inherit a priority at which none of them displaces the other.
TEST_F(GeneratorTest, ARunInRealTimeEndsOnOneCpu) {
  pass_all_at_sink();
  Generator generator = make({}, 0);
  // Instead of a machine that hangs: death of a real-time thread that has not slept for so long.
  constexpr rlim_t kLongest_us = 10'000'000;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_RTTIME, &before), 0);
  const rlimit bounded{.rlim_cur = kLongest_us, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_RTTIME, &bounded), 0);
  std::thread caller([&generator] {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    pthread_setaffinity_np(pthread_self(), sizeof(first), &first);
    const sched_param lowest{.sched_priority = 1};
    ASSERT_EQ(pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest), 0);
    EXPECT_EQ(send(generator, {.count = 20'000}).generated, 20'000u);
    EXPECT_EQ(send(generator, {.frames_per_second = 50'000, .duration_ns = 50'000'000}).generated,
              2500u);
  });
  caller.join();
  setrlimit(RLIMIT_RTTIME, &before);
}

TEST_F(GeneratorTest, WhatCannotBeSentIsRefused) {
  const auto refusal = [](const Generator::Options& options) {
    auto generator = Generator::create(options);
    EXPECT_FALSE(generator);
    return generator ? std::string() : generator.error().message();
  };
  EXPECT_NE(refusal({.device = "none"}).find("no such device"), std::string::npos);
  EXPECT_NE(refusal({.device = "gen0", .traffic = {.frame_bytes = {3301}}}).find("3300"),
            std::string::npos);
  EXPECT_NE(refusal({.device = "gen0", .traffic = {.frame_bytes = {63}}}).find("64 to"),
            std::string::npos);
  xsk::testing::set_link(veth_.near.ifindex, {.mtu = 1500});
  EXPECT_NE(refusal({.device = "gen0", .traffic = {.frame_bytes = {1523}}}).find("mtu 1501"),
            std::string::npos);
  xsk::testing::set_link(veth_.near.ifindex, {.up = false});
  EXPECT_NE(refusal({.device = "gen0"}).find("is down"), std::string::npos);
  xsk::testing::set_link(veth_.near.ifindex, {.up = true});
  Generator generator = make({}, 4095);
  ASSERT_TRUE(generator.start({}));
  EXPECT_TRUE(generator.wait(5000));
  EXPECT_FALSE(generator.outcome()) << "there is no such CPU";
}

TEST_F(GeneratorTest, WorksInTheNamespaceItWasCreatedIn) {
  pass_all_at_sink();
  Generator generator = make({});
  {
    xsk::testing::Netns elsewhere;
    EXPECT_EQ(send(generator, {.frames_per_second = 100'000, .count = 1000}).sent, 1000u);
  }
}

}  // namespace
}  // namespace starocean::bench
