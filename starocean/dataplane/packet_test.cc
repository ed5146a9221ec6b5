#include "starocean/dataplane/packet.h"

#include <array>

#include <gtest/gtest.h>

#include "starocean/dataplane/handoff.h"

namespace starocean::dataplane {
namespace {

xsk::RxBuffer received(xsk::FrameIndex frame, uint16_t len_bytes, bool more) {
  return {{xsk::Frame::adopt(frame), 256, len_bytes}, more};
}

void release(Batch& batch) {
  for (Packet& packet : batch.all()) {
    (void)packet.head.frame.release();
    for (xsk::Buffer& buffer : packet.rest) (void)buffer.frame.release();
  }
}

TEST(Batch, BuffersOfAPacketStayTogetherAndInOrder) {
  std::array<xsk::RxBuffer, 6> buffers = {received(1, 60, false),  received(2, 1792, true),
                                          received(3, 1792, true), received(4, 100, false),
                                          received(5, 1792, true), received(6, 1, false)};
  Batch batch;
  fill_batch(batch, PortId(7), buffers);
  ASSERT_EQ(batch.count, 3u);
  EXPECT_EQ(batch.in_port, PortId(7));
  EXPECT_EQ(batch.packets[0].len_bytes, 60u);
  EXPECT_TRUE(batch.packets[0].rest.empty());
  EXPECT_EQ(batch.packets[1].len_bytes, 1792u + 1792 + 100);
  ASSERT_EQ(batch.packets[1].rest.size(), 2u);
  EXPECT_EQ(batch.packets[1].head.frame.index(), 2u);
  EXPECT_EQ(batch.packets[1].rest[0].frame.index(), 3u);
  EXPECT_EQ(batch.packets[1].rest[1].frame.index(), 4u);
  EXPECT_EQ(batch.packets[2].len_bytes, 1793u);
  ASSERT_EQ(batch.packets[2].rest.size(), 1u);
  EXPECT_EQ(batch.packets[2].rest[0].frame.index(), 6u);
  release(batch);
}

TEST(Batch, IsReusable) {
  Batch batch;
  for (int round = 0; round < 3; ++round) {
    std::array<xsk::RxBuffer, 2> buffers = {received(1, 1000, true), received(2, 10, false)};
    fill_batch(batch, PortId(0), buffers);
    ASSERT_EQ(batch.count, 1u);
    EXPECT_EQ(batch.packets[0].buffers(), 2u);
    release(batch);
  }
}

TEST(Handoff, CarriesABufferThereAndBack) {
  xsk::Buffer buffer{xsk::Frame::adopt(42), 300, 1500};
  const HandoffItem item = to_item(buffer, PortId(3), Stage::kTransmit, true, 9000);
  EXPECT_FALSE(buffer.frame) << "ownership has moved into the item";
  EXPECT_EQ(item.port, PortId(3));
  EXPECT_TRUE(item.more);
  EXPECT_EQ(item.packet_bytes, 9000u);
  xsk::Buffer back = to_buffer(item);
  EXPECT_EQ(back.frame.index(), 42u);
  EXPECT_EQ(back.offset_bytes, 300);
  EXPECT_EQ(back.len_bytes, 1500);
  (void)back.frame.release();
}

}  // namespace
}  // namespace starocean::dataplane
