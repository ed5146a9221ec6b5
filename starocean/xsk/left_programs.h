// Which XDP programs of ours may have been left on devices by a process that has ended, so that nothing
// passes there meanwhile (XdpProgram::Options::outlives_process), and may therefore be replaced by the
// next one. A file remembers them, a line each: network namespace, device, program. Linux numbers
// programs anew after a start; the file belongs on a file system that is empty then, such as /run.
//
// One process has the file at a time; the owner sees to that. Control thread only. The network namespace
// is that of the calling thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "starocean/base/result.h"

namespace starocean::xsk {

class LeftPrograms {
 public:
  // A file that is not there holds none; lines that nobody of us can have written are skipped, with a
  // warning. An error if the file cannot be read.
  static Result<std::unique_ptr<LeftPrograms>> open(const std::string& path);

  bool has(uint32_t ifindex, uint32_t program_id) const;
  // Written through. Without any the file is removed.
  Status add(uint32_t ifindex, uint32_t program_id);
  Status remove(uint32_t ifindex, uint32_t program_id);

  // Takes the remembered programs of this namespace off one device, or off all but those of `kept`, and
  // forgets them. Returns how many were still attached.
  Result<uint32_t> take_off(uint32_t ifindex);
  Result<uint32_t> take_off_others(std::span<const uint32_t> kept);

 private:
  struct Entry {
    uint64_t netns = 0;  // inode of the namespace
    uint32_t ifindex = 0;
    uint32_t program_id = 0;
    auto operator<=>(const Entry&) const = default;
  };

  explicit LeftPrograms(std::string path) : path_(std::move(path)) {}
  Result<uint32_t> take_off_if(const std::function<bool(uint32_t ifindex)>& chosen);
  Status read();
  Status write() const;

  std::string path_;
  std::set<Entry> entries_;
};

}  // namespace starocean::xsk
