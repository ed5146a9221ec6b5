// A directory for the files of one run, which is removed with everything in it when this process ends, in
// whatever way: a child process waits for that and does it.
#pragma once

#include <string>

#include "starocean/base/result.h"

namespace starocean::bench {

// Control thread. Make it while the process has one thread.
class ScratchDirectory {
 public:
  // In $TMPDIR, or in /tmp if there is none or its name is long: sockets in it have paths of at most 107 bytes
  // (unix(7)). Of mode 0700.
  static Result<ScratchDirectory> create();
  ScratchDirectory(ScratchDirectory&& other) noexcept;
  ScratchDirectory& operator=(ScratchDirectory&& other) noexcept;
  ~ScratchDirectory();

  const std::string& path() const { return path_; }
  // A new directory inside.
  Result<std::string> make(const std::string& name) const;

 private:
  ScratchDirectory() = default;
  std::string path_;
  int lifeline_fd_ = -1;  // the child reads the other end, and nobody ever writes
  int child_ = -1;
};

}  // namespace starocean::bench
