#include "starocean/bench/kernel_threads.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "starocean/base/cpu_affinity.h"

namespace starocean::bench {
namespace {

constexpr uint32_t kKernelThread = 0x00200000;  // PF_KTHREAD
constexpr uint32_t kBound = 0x04000000;         // PF_NO_SETAFFINITY

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string name_of(const std::string& stat) {
  const size_t begin = stat.find('('), end = stat.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return stat.substr(begin + 1, end - begin - 1);
}

}  // namespace

bool is_movable_kernel_thread(const std::string& stat) {
  const size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return false;
  std::istringstream fields(stat.substr(end_of_name + 1));
  std::string state;
  int64_t parent = 0, group = 0, session = 0, terminal = 0, terminal_group = 0;
  uint32_t flags = 0;
  fields >> state >> parent >> group >> session >> terminal >> terminal_group >> flags;
  return fields && (flags & kKernelThread) != 0 && (flags & kBound) == 0;
}

KernelThreadsAway::KernelThreadsAway(int cpu) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string digits = entry.path().filename();
    pid_t id = 0;
    const char* const end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, id).ptr != end) continue;
    const std::string stat = read_text(entry.path() / "stat");
    if (!is_movable_kernel_thread(stat)) continue;
    std::vector<int> before = allowed_cpus(id);
    if (leave_cpus({{cpu}}, id)) moved_.push_back({id, name_of(stat), std::move(before)});
  }
}

KernelThreadsAway::~KernelThreadsAway() {
  // One that has ended meanwhile needs no place; the rest cannot fail, since it was there before.
  for (const Moved& moved : moved_) place_thread(moved.id, moved.cpus);
}

std::vector<std::string> KernelThreadsAway::names() const {
  std::vector<std::string> names;
  for (const Moved& moved : moved_) names.push_back(moved.name);
  return names;
}

}  // namespace starocean::bench
