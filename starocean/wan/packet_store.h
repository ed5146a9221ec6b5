// Packets that are kept for a while: the frames of each in a chain, named by its first frame. One entry per
// frame of the UMEM, made at construction; afterwards nothing allocates. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "starocean/dataplane/packet.h"
#include "starocean/xsk/frame_pool.h"
#include "starocean/xsk/umem.h"

namespace starocean::wan {

class PacketStore {
 public:
  explicit PacketStore(xsk::FramePool& pool)
      : pool_(pool), umem_(pool.umem()), pieces_(umem_.frames()) {}

  // Takes the packet's frames; its name.
  xsk::FrameIndex put(dataplane::Packet& packet);
  // A copy with frames of its own, if the pool has as many.
  std::optional<xsk::FrameIndex> copy(xsk::FrameIndex name);
  // Gives the packet's buffers, in order, to each(Buffer, more); they are the callee's.
  template <class Each>
  void take(xsk::FrameIndex name, Each each) {
    while (name != xsk::kNoFrame) {
      const Piece piece = pieces_[name];
      each(xsk::Buffer{xsk::Frame::adopt(name), piece.offset_bytes, piece.len_bytes},
           piece.next != xsk::kNoFrame);
      name = piece.next;
    }
  }
  // Its frames are free again.
  void release(xsk::FrameIndex name) {
    take(name, [this](xsk::Buffer buffer, bool) { pool_.put(std::move(buffer.frame)); });
  }
  // Flips a bit, counted from the packet's first; one beyond its end changes nothing.
  void flip_bit(xsk::FrameIndex name, uint64_t bit);

  uint32_t buffers(xsk::FrameIndex name) const;
  uint32_t len_bytes(xsk::FrameIndex name) const;

 private:
  struct Piece {
    uint16_t offset_bytes = 0;
    uint16_t len_bytes = 0;
    xsk::FrameIndex next = xsk::kNoFrame;
  };

  xsk::FrameIndex keep(xsk::Buffer& buffer);
  std::byte* data(xsk::FrameIndex frame) const {
    return umem_.frame_data(frame) + pieces_[frame].offset_bytes;
  }

  xsk::FramePool& pool_;
  xsk::Umem& umem_;
  std::vector<Piece> pieces_;
};

}  // namespace starocean::wan
