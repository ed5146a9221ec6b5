#include "starocean/net/mss_clamp.h"

#include <algorithm>
#include <cstring>

#include "starocean/net/checksum.h"
#include "starocean/net/transport.h"

namespace starocean::net {
namespace {

constexpr uint8_t kOptionEnd = 0, kOptionNothing = 1, kOptionMss = 2;  // RFC 9293, 3.2
constexpr uint8_t kOptionMssBytes = 4;

}  // namespace

bool clamp_mss(MutableBytes frame, const ParsedPacket& parsed, uint16_t mss) {
  if (mss == 0 || !parsed.is_tcp() || (parsed.tcp_flags & kTcpSyn) == 0) return false;
  auto* tcp = mutable_view<TcpHeader>(frame, parsed.l4_offset);
  if (tcp == nullptr) return false;
  size_t at = parsed.l4_offset + sizeof(TcpHeader);
  const size_t end = std::min<size_t>(parsed.payload_offset, frame.size());
  while (at + 1 < end) {
    const auto kind = static_cast<uint8_t>(frame[at]);
    if (kind == kOptionEnd) return false;
    if (kind == kOptionNothing) {
      ++at;
      continue;
    }
    const auto length = static_cast<uint8_t>(frame[at + 1]);
    if (length < 2 || at + length > end) return false;
    if (kind == kOptionMss && length == kOptionMssBytes) {
      be16 before;
      std::memcpy(&before, &frame[at + 2], sizeof before);
      if (before.host() <= mss) return false;
      const be16 after(mss);
      // The option may stand at an odd place: then its bytes count the other way round (RFC 1071, 2 B).
      const bool odd = ((at - parsed.l4_offset) & 1) != 0;
      const auto swapped = [](be16 value) {
        return be16(static_cast<uint16_t>(value.host() << 8 | value.host() >> 8));
      };
      tcp->checksum = odd ? update_checksum(tcp->checksum, swapped(before), swapped(after))
                          : update_checksum(tcp->checksum, before, after);
      std::memcpy(&frame[at + 2], &after, sizeof after);
      return true;
    }
    at += length;
  }
  return false;
}

}  // namespace starocean::net
