#include "starocean/wan/packet_store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace starocean::wan {
namespace {

class PacketStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto umem = xsk::Umem::create({.frames = 256, .hugepages = xsk::HugePages::kNone});
    ASSERT_TRUE(umem) << umem.error().message();
    umem_ = std::move(*umem);
    depot_ = std::move(*xsk::FrameDepot::create(*umem_));
    pool_ = std::move(*xsk::FramePool::create(*depot_));
    store_ = std::make_unique<PacketStore>(*pool_);
  }

  // A packet of these pieces.
  xsk::FrameIndex put(const std::vector<std::string>& pieces) {
    std::vector<xsk::Buffer> buffers(pieces.size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      buffers[i].frame = pool_->take();
      buffers[i].offset_bytes = static_cast<uint16_t>(256 + i);
      buffers[i].len_bytes = static_cast<uint16_t>(pieces[i].size());
      std::memcpy(umem_->data(buffers[i]), pieces[i].data(), pieces[i].size());
    }
    dataplane::Packet packet;
    packet.head = std::move(buffers.front());
    packet.rest = std::span(buffers).subspan(1);
    return store_->put(packet);
  }
  std::vector<std::string> take(xsk::FrameIndex name) {
    std::vector<std::string> pieces;
    bool open = true;
    store_->take(name, [&](xsk::Buffer buffer, bool more) {
      EXPECT_TRUE(open) << "a piece after the last one";
      open = more;
      pieces.emplace_back(reinterpret_cast<const char*>(umem_->data(buffer)), buffer.len_bytes);
      pool_->put(std::move(buffer.frame));
    });
    EXPECT_FALSE(open);
    return pieces;
  }
  uint64_t free_frames() const { return depot_->frames() + pool_->frames(); }

  std::unique_ptr<xsk::Umem> umem_;
  std::unique_ptr<xsk::FrameDepot> depot_;
  std::unique_ptr<xsk::FramePool> pool_;
  std::unique_ptr<PacketStore> store_;
};

using Pieces = std::vector<std::string>;

TEST_F(PacketStoreTest, KeepsPiecesInOrderAndGivesFramesBack) {
  const auto one = put({"alone"});
  const auto three = put({"first", "second", "third"});
  EXPECT_EQ(free_frames(), 252U);
  EXPECT_EQ(store_->buffers(one), 1U);
  EXPECT_EQ(store_->buffers(three), 3U);
  EXPECT_EQ(store_->len_bytes(three), 16U);
  EXPECT_EQ(take(three), (Pieces{"first", "second", "third"}));
  store_->release(one);
  EXPECT_EQ(free_frames(), 256U);
}

TEST_F(PacketStoreTest, ACopyIsAPacketOfItsOwn) {
  const auto original = put({"ab", "cd"});
  const auto copy = store_->copy(original);
  ASSERT_TRUE(copy);
  store_->flip_bit(original, 0);  // 'a' becomes '`'
  EXPECT_EQ(take(*copy), (Pieces{"ab", "cd"}));
  EXPECT_EQ(take(original), (Pieces{"`b", "cd"}));
  EXPECT_EQ(free_frames(), 256U);
}

TEST_F(PacketStoreTest, NoCopyWithoutFrames) {
  Pieces pieces(200, "x");
  const auto large = put(pieces);
  EXPECT_FALSE(store_->copy(large));
  EXPECT_EQ(take(large), pieces);
  EXPECT_EQ(free_frames(), 256U);
}

TEST_F(PacketStoreTest, EachBitIsFoundInItsPiece) {
  const std::string text = "abcdefgh";
  for (uint64_t bit = 0; bit < text.size() * 8; ++bit) {
    const auto name = put({"abc", "d", "efgh"});
    store_->flip_bit(name, bit);
    const Pieces pieces = take(name);
    const std::string joined = pieces[0] + pieces[1] + pieces[2];
    for (size_t i = 0; i < text.size(); ++i) {
      EXPECT_EQ((joined[i] ^ text[i]) & 0xff, i == bit / 8 ? 1 << bit % 8 : 0) << bit << " " << i;
    }
  }
  const auto name = put({"abc"});
  store_->flip_bit(name, 24);
  EXPECT_EQ(take(name), Pieces{"abc"});
}

}  // namespace
}  // namespace starocean::wan
