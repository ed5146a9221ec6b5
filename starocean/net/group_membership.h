// IGMP and MLD: which groups hosts want to receive, as a snooping switch reads it.
// Sources: RFC 1112, appendix I (IGMPv1); RFC 2236 (v2); RFC 3376 (v3); RFC 2710 (MLDv1); RFC 3810 (MLDv2);
// RFC 4541 on what a switch does with it; RFC 7761, 4.9.2 (PIM hello, which tells a router).
//
// Never reads outside the frame. What is wrong (checksum, lengths, a query or report from an address that must
// not send one) is kMalformed as a whole: nothing is learned from it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "starocean/net/ethernet.h"
#include "starocean/net/ip_prefix.h"
#include "starocean/net/parse.h"
#include "starocean/net/view.h"

namespace starocean::net {

struct GroupMessage {
  enum Kind : uint8_t {
    kNone,       // not IGMP, MLD or a PIM hello
    kMalformed,  // is one, and is wrong, or of a kind that the RFCs above do not have
    kQuery,
    kReport,  // joins and leaves, see GroupRecords
    kRouter,  // a PIM hello
  };
  Kind kind = kNone;
  IpFamily family = IpFamily::kIpv4;
  // Of a query. Without a source it comes from a switch that asks for want of a router (RFC 4541, 2.1.1, 1c).
  bool has_source = false;
  uint8_t type = 0;
  ConstBytes body;  // of a report: the group of versions 1 and 2, the records of version 3
};

// `packet` is what parse() says of `frame`, the first piece of a frame: a message that does not lie wholly in
// it is malformed.
GroupMessage parse_group_message(ConstBytes frame, const ParsedPacket& packet);

// The groups of a report, one at a time. Records that are cut off end it.
class GroupRecords {
 public:
  explicit GroupRecords(const GroupMessage& report);

  // False at the end. Afterwards the values are those of the next record that says something: of a group
  // that is not for one link only, hence worth snooping.
  bool next();
  // The multicast MAC address that the group's packets go to (RFC 1112, 6.4; RFC 2464, section 7).
  MacAddress mac() const { return mac_; }
  // True: wanted, from whatever sources. False: wanted no more.
  bool joins() const { return joins_; }

 private:
  bool take(ConstBytes group, bool joins);
  bool next_record();

  IpFamily family_;
  uint8_t type_;
  bool in_records_;
  uint16_t left_ = 0;
  ConstBytes rest_;
  MacAddress mac_;
  bool joins_ = false;
};

// Whether packets to the address stay on the link, and are flooded whoever asks for them: 224.0.0.0/24 (RFC
// 4541, 2.1.2, 2), and IPv6 scopes up to link-local (RFC 4291, 2.7; with them the groups that Neighbour
// Discovery needs). `address` has 4 or 16 bytes.
bool stays_on_link(ConstBytes address);

}  // namespace starocean::net
