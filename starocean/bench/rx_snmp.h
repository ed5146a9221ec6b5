// Linux's own counts of IP, ICMP and UDP in a network namespace (/proc/net/snmp; RFC 4293 and 4113, and
// Documentation/networking/snmp_counter.rst). Control thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "starocean/base/result.h"

namespace starocean::bench {

// The number under `name` in the two lines that begin with "`group`:", the first of which has the names.
// Pure. An error if there is no such thing.
Result<uint64_t> find_snmp_count(std::string_view text, std::string_view group,
                                 std::string_view name);

class SnmpFile {
 public:
  // Of the calling thread's network namespace, and so it stays.
  static Result<SnmpFile> open();
  SnmpFile(SnmpFile&& other) noexcept;
  SnmpFile& operator=(SnmpFile&& other) noexcept;
  ~SnmpFile();

  Result<std::string> read() const;  // for find_snmp_count

 private:
  explicit SnmpFile(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace starocean::bench
