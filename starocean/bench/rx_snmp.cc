#include "starocean/bench/rx_snmp.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <sstream>
#include <utility>

#include <fmt/format.h>

namespace starocean::bench {

Result<uint64_t> find_snmp_count(std::string_view text, std::string_view group,
                                 std::string_view name) {
  const std::string label = fmt::format("{}:", group);
  std::istringstream lines{std::string(text)};
  for (std::string names, values; std::getline(lines, names);) {
    if (!names.starts_with(label) || !std::getline(lines, values)) continue;
    std::istringstream name_words(names), value_words(values);
    std::string one, value;
    while (name_words >> one && value_words >> value) {
      if (one != name) continue;
      std::istringstream digits(value);
      uint64_t count = 0;
      if (digits >> count) return count;
    }
  }
  return fail(fmt::format("cannot read {} {} of /proc/net/snmp", group, name),
              "this kernel does not count it");
}

Result<SnmpFile> SnmpFile::open() {
  // Not /proc/net, which is that of the process's first thread.
  const int fd = ::open("/proc/thread-self/net/snmp", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_system("cannot open /proc/thread-self/net/snmp", errno);
  return SnmpFile(fd);
}

SnmpFile::SnmpFile(SnmpFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SnmpFile& SnmpFile::operator=(SnmpFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

SnmpFile::~SnmpFile() {
  if (fd_ >= 0) close(fd_);
}

Result<std::string> SnmpFile::read() const {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t length = pread(fd_, part.data(), part.size(), static_cast<off_t>(text.size()));
    if (length < 0) return fail_system("cannot read /proc/net/snmp", errno);
    if (length == 0) return text;
    text.append(part.data(), static_cast<size_t>(length));
  }
}

}  // namespace starocean::bench
