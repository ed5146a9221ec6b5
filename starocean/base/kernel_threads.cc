#include "starocean/base/kernel_threads.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "starocean/base/cpu_affinity.h"

namespace starocean {
namespace {

constexpr uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD
constexpr uint64_t kBound = 0x04000000;         // PF_NO_SETAFFINITY

// Fields of /proc/PID/stat, counted from 1; the third is the first behind the name.
constexpr size_t kFlags = 9, kUserTime = 14, kSystemTime = 15, kStartTime = 22;

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::optional<KernelThread> parse_kernel_thread(const std::string& stat, double uptime_s,
                                                double ticks_per_s) {
  const size_t begin = stat.find('('), end = stat.rfind(')');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  KernelThread thread;
  thread.name = stat.substr(begin + 1, end - begin - 1);
  std::istringstream(stat) >> thread.id;
  std::istringstream rest(stat.substr(end + 1));
  std::string state;
  rest >> state;
  std::array<int64_t, kStartTime + 1> fields{};
  for (size_t i = 4; i <= kStartTime; ++i) rest >> fields[i];
  if (!rest) return std::nullopt;
  const auto flags = static_cast<uint64_t>(fields[kFlags]);
  if ((flags & kKernelThread) == 0 || (flags & kBound) != 0) return std::nullopt;
  const double age_s = uptime_s - static_cast<double>(fields[kStartTime]) / ticks_per_s;
  const double used_s = static_cast<double>(fields[kUserTime] + fields[kSystemTime]) / ticks_per_s;
  if (age_s > 0) thread.cpu_share = used_s / age_s;
  return thread;
}

std::vector<KernelThread> movable_kernel_threads() {
  double uptime_s = 0;
  std::ifstream("/proc/uptime") >> uptime_s;
  const auto ticks_per_s = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::vector<KernelThread> threads;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().string().front())) == 0) {
      continue;
    }
    auto thread = parse_kernel_thread(read_text(entry.path() / "stat"), uptime_s, ticks_per_s);
    if (!thread) continue;
    thread->cpus = allowed_cpus(thread->id);
    if (!thread->cpus.empty()) threads.push_back(std::move(*thread));
  }
  std::ranges::sort(threads, {}, &KernelThread::id);
  return threads;
}

}  // namespace starocean
