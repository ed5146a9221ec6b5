#include "starocean/bench/capture.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "starocean/bench/frame_sources.h"

namespace starocean::bench {
namespace {

struct Recorded {
  uint64_t time_ns;
  std::string bytes;
  uint32_t wire_bytes = 0;  // 0: as many as there are
};

constexpr uint64_t kEpoch_ns = 1'700'000'000'123'456'789;

class CaptureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("capture-" + std::to_string(getpid()));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  // A pcap file as libpcap writes it.
  void write(const std::vector<Recorded>& frames, int link_type = DLT_EN10MB,
             u_int precision = PCAP_TSTAMP_PRECISION_NANO) const {
    pcap_t* const pcap = pcap_open_dead_with_tstamp_precision(link_type, 262'144, precision);
    pcap_dumper_t* const file = pcap_dump_open(pcap, path_.c_str());
    ASSERT_NE(file, nullptr);
    for (const Recorded& frame : frames) {
      pcap_pkthdr header{};
      header.ts.tv_sec = static_cast<time_t>(frame.time_ns / kNsPerSecond);
      header.ts.tv_usec = static_cast<suseconds_t>(
          frame.time_ns % kNsPerSecond / (precision == PCAP_TSTAMP_PRECISION_NANO ? 1 : kNsPerUs));
      header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
      header.len = frame.wire_bytes != 0 ? frame.wire_bytes : header.caplen;
      pcap_dump(reinterpret_cast<u_char*>(file), &header,
                reinterpret_cast<const u_char*>(frame.bytes.data()));
    }
    pcap_dump_close(file);
    pcap_close(pcap);
  }
  void write_raw(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  Capture read(uint32_t longest_bytes = 1514) const {
    auto capture = Capture::read(path_, longest_bytes);
    EXPECT_TRUE(capture) << capture.error().message();
    return std::move(*capture);
  }
  std::string refusal(uint32_t longest_bytes = 1514) const {
    const auto capture = Capture::read(path_, longest_bytes);
    EXPECT_FALSE(capture);
    return capture ? std::string() : capture.error().message();
  }

  std::filesystem::path path_;
};

std::string contents(const Capture& capture, size_t number) {
  const auto frame = capture.frame(number);
  return {reinterpret_cast<const char*>(frame.data()), frame.size()};
}

const std::string kShort(14, 'a');
const std::string kLong(1514, 'b');

TEST_F(CaptureTest, HoldsFramesAndNanoseconds) {
  write(
      {{kEpoch_ns, kShort}, {kEpoch_ns + 1, kLong}, {kEpoch_ns + 3 * kNsPerSecond, "c" + kShort}});
  const Capture capture = read();
  ASSERT_EQ(capture.frames(), 3u);
  EXPECT_EQ(contents(capture, 0), kShort);
  EXPECT_EQ(contents(capture, 1), kLong);
  EXPECT_EQ(contents(capture, 2), "c" + kShort);
  EXPECT_EQ(capture.offset_ns(1), 1u);
  EXPECT_EQ(capture.offset_ns(2), 3 * kNsPerSecond);
  EXPECT_EQ(capture.period_ns(), 4 * kNsPerSecond + kNsPerSecond / 2);
  EXPECT_EQ(capture.longest_bytes(), 1514u);
  EXPECT_DOUBLE_EQ(capture.mean_bytes(), (14 + 1514 + 15) / 3.0);
  EXPECT_EQ(capture.ends_early(), "");
}

TEST_F(CaptureTest, MicrosecondsAreReadAsSuch) {
  write({{kEpoch_ns, kShort}, {kEpoch_ns + 5 * kNsPerUs, kShort}}, DLT_EN10MB,
        PCAP_TSTAMP_PRECISION_MICRO);
  EXPECT_EQ(read().offset_ns(1), 5 * kNsPerUs);
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::string block(uint32_t type, const std::string& body) {
  const auto length = static_cast<uint32_t>(body.size() + 12);
  return raw(type) + raw(length) + body + raw(length);
}

// draft-ietf-opsawg-pcapng: section header, interface description with if_tsresol, enhanced packets.
std::string pcapng(uint16_t link_type, const std::string& frame) {
  const std::string resolution = raw(uint16_t{9}) + raw(uint16_t{1}) + std::string("\x09\0\0\0", 4);
  std::string file =
      block(0x0a0d0d0a, raw(0x1a2b3c4du) + raw(uint16_t{1}) + raw(uint16_t{0}) + raw(UINT64_MAX)) +
      block(1, raw(link_type) + raw(uint16_t{0}) + raw(0u) + resolution + raw(0u));
  const auto length = static_cast<uint32_t>(frame.size());
  const std::string padding((4 - frame.size() % 4) % 4, '\0');
  for (uint64_t i = 0; i < 2; ++i) {
    const uint64_t time = kEpoch_ns + 7 * i;
    std::string packet = raw(0u);
    packet += raw(static_cast<uint32_t>(time >> 32));
    packet += raw(static_cast<uint32_t>(time));
    packet += raw(length);
    packet += raw(length);
    packet += frame;
    packet += padding;
    file += block(6, packet);
  }
  return file;
}

TEST_F(CaptureTest, ReadsPcapngToTheNanosecond) {
  write_raw(pcapng(DLT_EN10MB, kShort + "x"));
  const Capture capture = read();
  ASSERT_EQ(capture.frames(), 2u);
  EXPECT_EQ(contents(capture, 1), kShort + "x");
  EXPECT_EQ(capture.offset_ns(1), 7u);
}

TEST_F(CaptureTest, WhatCannotBeSentIsLeftOutAndCounted) {
  write({{kEpoch_ns, "tiny"},
         {kEpoch_ns, kShort},
         {kEpoch_ns, kShort, 1000},
         {kEpoch_ns, kLong + "x"},
         {kEpoch_ns, kShort, 65'000},
         {kEpoch_ns + 10, kShort},
         {kEpoch_ns + 5, kShort}});
  const Capture capture = read();
  EXPECT_EQ(capture.frames(), 3u);
  EXPECT_EQ(capture.too_short(), 1u);
  EXPECT_EQ(capture.cut_off(), 1u);
  EXPECT_EQ(capture.too_long(), 2u);
  EXPECT_EQ(capture.backwards(), 1u);
  EXPECT_EQ(capture.offset_ns(2), 10u);
}

TEST_F(CaptureTest, AFileThatEndsEarlyIsReadUpToThere) {
  write({{kEpoch_ns, kShort}, {kEpoch_ns, kLong}});
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  const Capture capture = read();
  EXPECT_EQ(capture.frames(), 1u);
  EXPECT_NE(capture.ends_early().find("truncated"), std::string::npos) << capture.ends_early();
}

TEST_F(CaptureTest, RefusalsSayWhyAndWhatToDo) {
  EXPECT_NE(refusal().find("No such file"), std::string::npos);
  write_raw("");
  EXPECT_NE(refusal().find("it is empty"), std::string::npos);
  write_raw("this is no capture, but long enough to be one");
  EXPECT_NE(refusal().find("unknown file format"), std::string::npos);
  write({});
  EXPECT_NE(refusal().find("no frames"), std::string::npos);
  write({{kEpoch_ns, kShort}}, DLT_LINUX_SLL);
  EXPECT_NE(refusal().find("not Ethernet but Linux cooked"), std::string::npos) << refusal();
  write_raw(pcapng(DLT_IEEE802_11, kShort));
  EXPECT_NE(refusal().find("not Ethernet but 802.11"), std::string::npos) << refusal();
  write({{kEpoch_ns, kShort, 1000}});
  EXPECT_NE(refusal().find("tcpdump -s 0"), std::string::npos);
  write({{kEpoch_ns, kLong}});
  EXPECT_NE(refusal(1000).find("raise the MTU"), std::string::npos);
  EXPECT_FALSE(Capture::read("/", 1514));
}

TEST_F(CaptureTest, IsReplayedWithRecordedTimesAndInLoops) {
  write({{kEpoch_ns, kShort}, {kEpoch_ns + 1000, kLong}});
  const Capture capture = read();
  CaptureSource source(capture, {.loops = 2, .recorded = true, .speed = 0.5}, {}, 50);
  std::vector<std::byte> frame(1514);
  for (const uint64_t due_ns : {50, 2050, 4050, 6050}) {
    ASSERT_FALSE(source.schedule().over(UINT64_MAX));
    EXPECT_EQ(source.schedule().due_ns(), due_ns);
    const bool first = due_ns % 4000 == 50;
    ASSERT_EQ(source.bytes(), first ? 14u : 1514u);
    EXPECT_EQ(source.write(9999, std::span(frame).first(source.bytes())), due_ns);
    EXPECT_EQ(frame[0], std::byte{static_cast<unsigned char>(first ? 'a' : 'b')});
  }
  EXPECT_TRUE(source.schedule().over(0));
}

TEST_F(CaptureTest, IsReplayedByARateUntilTheFirstLimit) {
  write({{kEpoch_ns, kShort}, {kEpoch_ns + 1000, kShort}});
  const Capture capture = read();
  const auto count = [&](const Replay& replay, const Load& load) {
    CaptureSource source(capture, replay, load, 0);
    std::vector<std::byte> frame(14);
    uint64_t sent = 0;
    for (; sent < 1000 && !source.schedule().over(0); ++sent) source.write(0, frame);
    return sent;
  };
  EXPECT_EQ(count({}, {.frames_per_second = 1000}), 2u);
  EXPECT_EQ(count({.loops = 3}, {}), 6u);
  EXPECT_EQ(count({.loops = 3}, {.count = 5}), 5u);
  EXPECT_EQ(count({.loops = 0}, {.frames_per_second = 1000}), 1000u) << "no end";
  EXPECT_EQ(count({.loops = 0}, {.frames_per_second = 1000, .duration_ns = kNsPerSecond / 2}),
            500u);
  EXPECT_EQ(count({.loops = UINT64_MAX}, {}), 1000u);
}

}  // namespace
}  // namespace starocean::bench
