#include "starocean/wan/packet_store.h"

#include <cstring>

namespace starocean::wan {

using xsk::FrameIndex;
using xsk::kNoFrame;

FrameIndex PacketStore::keep(xsk::Buffer& buffer) {
  const FrameIndex frame = buffer.frame.release();
  pieces_[frame] = {buffer.offset_bytes, buffer.len_bytes, kNoFrame};
  return frame;
}

FrameIndex PacketStore::put(dataplane::Packet& packet) {
  const FrameIndex name = keep(packet.head);
  FrameIndex last = name;
  for (xsk::Buffer& buffer : packet.rest) {
    const FrameIndex frame = keep(buffer);
    pieces_[last].next = frame;
    last = frame;
  }
  return name;
}

std::optional<FrameIndex> PacketStore::copy(FrameIndex name) {
  const uint32_t wanted = buffers(name);
  if (pool_.reserve(wanted) < wanted) return std::nullopt;
  FrameIndex first = kNoFrame;
  FrameIndex last = kNoFrame;
  for (FrameIndex from = name; from != kNoFrame; from = pieces_[from].next) {
    const FrameIndex to = pool_.take().release();
    pieces_[to] = {pieces_[from].offset_bytes, pieces_[from].len_bytes, kNoFrame};
    std::memcpy(data(to), data(from), pieces_[from].len_bytes);
    if (last == kNoFrame) {
      first = to;
    } else {
      pieces_[last].next = to;
    }
    last = to;
  }
  return first;
}

void PacketStore::flip_bit(FrameIndex name, uint64_t bit) {
  uint64_t byte = bit / 8;
  for (FrameIndex frame = name; frame != kNoFrame; frame = pieces_[frame].next) {
    if (byte < pieces_[frame].len_bytes) {
      data(frame)[byte] ^= std::byte{1} << (bit % 8);
      return;
    }
    byte -= pieces_[frame].len_bytes;
  }
}

uint32_t PacketStore::buffers(FrameIndex name) const {
  uint32_t count = 0;
  for (; name != kNoFrame; name = pieces_[name].next) ++count;
  return count;
}

uint32_t PacketStore::len_bytes(FrameIndex name) const {
  uint32_t length = 0;
  for (; name != kNoFrame; name = pieces_[name].next) length += pieces_[name].len_bytes;
  return length;
}

}  // namespace starocean::wan
