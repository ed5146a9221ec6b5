// Any bytes at all as a frame with an IGMP or MLD message, and as the body of a report. Besides crashes and
// wild reads, it looks for reports without end, and groups that are no groups or stay on their link.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "starocean/base/check.h"
#include "starocean/net/group_membership.h"

namespace starocean::net {
namespace {

void walk(const GroupMessage& message) {
  GroupRecords records(message);
  size_t count = 0;
  while (records.next()) {
    ++count;
    SO_CHECK(records.mac().is_multicast(), "a group has a group address");
  }
  // A record of version 3 has 8 bytes at least.
  SO_CHECK(count <= 1 + message.body.size() / 8, "there are no more records than fit");
  SO_CHECK(count == 0 || message.kind == GroupMessage::kReport, "only reports name groups");
}

void check(ConstBytes bytes) {
  const std::vector<std::byte> frame(bytes.begin(), bytes.end());
  const GroupMessage message = parse_group_message(frame, parse(frame));
  SO_CHECK(message.body.size() <= frame.size(), "the body is part of the frame");
  walk(message);
  // The checksum keeps most inputs from the records: here they are as they come.
  for (const uint8_t type : std::to_array<uint8_t>({0x12, 0x16, 0x17, 0x22, 131, 132, 143})) {
    GroupMessage report;
    report.kind = GroupMessage::kReport;
    report.family = type >= 130 ? IpFamily::kIpv6 : IpFamily::kIpv4;
    report.type = type;
    report.body = frame;
    walk(report);
  }
}

}  // namespace
}  // namespace starocean::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  starocean::net::check(std::as_bytes(std::span<const uint8_t>(data, size)));
  return 0;
}
