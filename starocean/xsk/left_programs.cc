#include "starocean/xsk/left_programs.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include <spdlog/fmt/fmt.h>

#include "starocean/base/log.h"
#include "starocean/xsk/present_program.h"
#include "starocean/xsk/steering_attach.h"

namespace starocean::xsk {
namespace {

uint64_t this_netns() {
  struct stat info {};
  return stat("/proc/thread-self/ns/net", &info) == 0 ? info.st_ino : 0;
}

}  // namespace

Result<std::unique_ptr<LeftPrograms>> LeftPrograms::open(const std::string& path) {
  std::unique_ptr<LeftPrograms> left(new LeftPrograms(path));
  if (Status done = left->read(); !done) return fail(done.error());
  return left;
}

Status LeftPrograms::read() {
  std::ifstream file(path_);
  if (!file) {
    if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) return {};
    return fail_system(fmt::format("cannot read '{}', where programs left behind are noted", path_),
                       errno, "run as root, or remove it");
  }
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Entry entry;
    std::string more;
    if (words >> entry.netns >> entry.ifindex >> entry.program_id && !(words >> more)) {
      entries_.insert(entry);
    } else {
      log_warning("'{}': a line that is no program's is skipped", path_);
    }
  }
  return {};
}

// Renamed into place: whoever dies in between leaves the old file or the new one.
Status LeftPrograms::write() const {
  const std::string what =
      fmt::format("cannot write '{}', where programs left behind are noted", path_);
  if (entries_.empty()) {
    if (unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
    return fail_system(what, errno);
  }
  const std::string next = path_ + ".new";
  std::ofstream file(next, std::ios::trunc);
  for (const Entry& entry : entries_) {
    file << entry.netns << ' ' << entry.ifindex << ' ' << entry.program_id << '\n';
  }
  file.close();
  if (!file || std::rename(next.c_str(), path_.c_str()) != 0) {
    return fail_system(what, errno, "run as root, and see that there is room");
  }
  return {};
}

bool LeftPrograms::has(uint32_t ifindex, uint32_t program_id) const {
  return entries_.contains({this_netns(), ifindex, program_id});
}

Status LeftPrograms::add(uint32_t ifindex, uint32_t program_id) {
  const auto [entry, fresh] = entries_.insert({this_netns(), ifindex, program_id});
  if (!fresh) return {};
  Status written = write();
  if (!written) entries_.erase(entry);
  return written;
}

Status LeftPrograms::remove(uint32_t ifindex, uint32_t program_id) {
  return entries_.erase({this_netns(), ifindex, program_id}) != 0 ? write() : Status{};
}

Result<uint32_t> LeftPrograms::take_off(uint32_t ifindex) {
  return take_off_if([&](uint32_t device) { return device == ifindex; });
}

Result<uint32_t> LeftPrograms::take_off_others(std::span<const uint32_t> kept) {
  return take_off_if(
      [&](uint32_t device) { return std::ranges::find(kept, device) == kept.end(); });
}

Result<uint32_t> LeftPrograms::take_off_if(const std::function<bool(uint32_t ifindex)>& chosen) {
  const uint64_t netns = this_netns();
  uint32_t taken_off = 0;
  std::set<Entry> remaining;
  for (const Entry& entry : entries_) {
    if (entry.netns != netns || !chosen(entry.ifindex)) {
      remaining.insert(entry);
      continue;
    }
    const auto present = present_program(entry.ifindex, std::to_string(entry.ifindex));
    if (!present || !*present || (*present)->id != entry.program_id) continue;  // gone already
    if (Status done = steering::take_off(entry.ifindex, **present); !done)
      return fail(done.error());
    ++taken_off;
  }
  entries_ = std::move(remaining);
  if (Status written = write(); !written) return fail(written.error());
  return taken_off;
}

}  // namespace starocean::xsk
