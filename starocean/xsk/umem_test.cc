#include "starocean/xsk/umem.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include <gtest/gtest.h>

namespace starocean::xsk {
namespace {

TEST(Umem, FramesAndArraysShareOneMapping) {
  auto umem = Umem::create({.frames = 256, .hugepages = HugePages::kNone, .array_bytes = 1 << 16});
  ASSERT_TRUE(umem) << umem.error().message();
  auto array = (*umem)->allocate<uint32_t>(100);
  ASSERT_TRUE(array);
  const auto* first = reinterpret_cast<std::byte*>(array->data());
  EXPECT_GE(first, (*umem)->base() + (*umem)->frame_area_bytes());
  EXPECT_LE(first + array->size_bytes(), (*umem)->base() + (*umem)->mapped_bytes());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kNoSharing, 0u);
  for (const uint32_t value : *array) EXPECT_EQ(value, 0u);
}

// Of frames received under an unaligned registration: xsk_buff_pool.h, xp_get_handle.
TEST(Umem, TakesTheOffsetFromTheUpperBitsToo) {
  for (const uint32_t size : {2048u, 4096u}) {
    auto umem =
        Umem::create({.frames = 64, .frame_size_bytes = size, .hugepages = HugePages::kNone});
    ASSERT_TRUE(umem);
    for (FrameIndex frame = 0; frame < 64; ++frame) {
      const uint64_t address = (*umem)->address(frame, 0) | uint64_t{256} << 48;
      EXPECT_EQ((*umem)->frame_of(address), frame);
      EXPECT_EQ((*umem)->offset_of(address), 256);
    }
  }
}

TEST(Umem, AddressesAndFramesAreInverse) {
  for (const uint32_t size : {2048u, 4096u}) {
    auto umem = Umem::create({.frames = 64,
                              .frame_size_bytes = size,
                              .headroom_bytes = 64,
                              .hugepages = HugePages::kNone});
    ASSERT_TRUE(umem);
    EXPECT_EQ((*umem)->packet_offset(), 320u);
    EXPECT_EQ((*umem)->packet_room(), size - 320);
    for (FrameIndex frame = 0; frame < 64; ++frame) {
      const uint64_t address = (*umem)->address(frame, 300);
      EXPECT_EQ((*umem)->frame_of(address), frame);
      EXPECT_EQ((*umem)->offset_of(address), 300);
      EXPECT_EQ((*umem)->frame_data(frame) + 300, (*umem)->base() + address);
    }
  }
}

// For the thread sanitizer: a worker passes its frames on while a socket closes, which looks at all tags.
TEST(Umem, TagsAreReadWhileOthersAreWritten) {
  auto umem = Umem::create({.frames = 64, .hugepages = HugePages::kNone});
  ASSERT_TRUE(umem);
  const OwnerTag worker = *(*umem)->take_tag(), closing = *(*umem)->take_tag();
  (*umem)->transfer(63, kUserOwned, closing);
  std::thread other([&] {
    for (int round = 0; round < 1000; ++round) {
      for (FrameIndex frame = 0; frame < 63; ++frame) {
        (*umem)->transfer(frame, kUserOwned, worker);
        (*umem)->transfer(frame, worker, kUserOwned);
      }
    }
  });
  for (int round = 0; round < 1000; ++round) {
    uint32_t found = 0;
    for (FrameIndex frame = 0; frame < 64; ++frame) found += (*umem)->owner(frame) == closing;
    ASSERT_EQ(found, 1u);
  }
  other.join();
}

TEST(Umem, StaysBehindWhenAProcessForks) {
  auto umem = Umem::create({.frames = 64});  // huge pages, where there are any
  ASSERT_TRUE(umem) << umem.error().message();
  unsigned char resident = 0;
  ASSERT_EQ(mincore((*umem)->base(), 1, &resident), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    _exit(mincore((*umem)->base(), 1, &resident) == -1 && errno == ENOMEM ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child has it too";
}

TEST(Umem, FallsBackAndSaysSo) {
  auto umem = Umem::create({.frames = 1u << 17, .frame_size_bytes = 2048});
  ASSERT_TRUE(umem) << umem.error().message();
  if ((*umem)->page_size_bytes() > 4096) {
    EXPECT_TRUE((*umem)->note().empty());
  } else {
    EXPECT_NE((*umem)->note().find("nr_hugepages"), std::string::npos) << (*umem)->note();
  }
}

TEST(Umem, BadOptionsAreRefusedWithARemedy) {
  const auto message = [](const UmemOptions& options) {
    auto umem = Umem::create(options);
    return umem ? std::string("accepted") : umem.error().message();
  };
  EXPECT_NE(message({.frame_size_bytes = 1500}).find("2048 or 4096"), std::string::npos);
  EXPECT_NE(message({.frames = 3}).find("64 to 16777216"), std::string::npos);
  EXPECT_NE(message({.headroom_bytes = 1000}).find("headroom"), std::string::npos);
}

TEST(Umem, ArraysBeyondTheMappingAreRefused) {
  auto umem = Umem::create({.frames = 64, .hugepages = HugePages::kNone, .array_bytes = 4096});
  ASSERT_TRUE(umem);
  EXPECT_FALSE((*umem)->allocate<std::byte>(1 << 20));
}

TEST(Umem, TagsAreReused) {
  auto umem = Umem::create({.frames = 64, .hugepages = HugePages::kNone});
  ASSERT_TRUE(umem);
  auto first = (*umem)->take_tag();
  auto second = (*umem)->take_tag();
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_NE(*first, kUserOwned);
  (*umem)->return_tag(*first);
  EXPECT_EQ(*(*umem)->take_tag(), *first);
}

}  // namespace
}  // namespace starocean::xsk
