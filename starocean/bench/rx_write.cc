#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/bench/rx_report.h"
#include "starocean/control/render_json.h"
#include "starocean/testbed/command.h"

namespace starocean::bench {
namespace {

// A file that has no name, and so cannot be left behind: gnuplot reads and writes such.
class NamelessFile {
 public:
  explicit NamelessFile(const char* name) : fd_(memfd_create(name, MFD_CLOEXEC)) {}
  ~NamelessFile() {
    if (fd_ >= 0) close(fd_);
  }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;

  bool good() const { return fd_ >= 0; }
  std::string path() const { return fmt::format("/proc/{}/fd/{}", getpid(), fd_); }
  bool write(const std::string& text) {
    return ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  std::string read() const {
    std::string text;
    std::array<char, 65536> part;
    for (;;) {
      const ssize_t length = pread(fd_, part.data(), part.size(), static_cast<off_t>(text.size()));
      if (length <= 0) return text;
      text.append(part.data(), static_cast<size_t>(length));
    }
  }

 private:
  int fd_;
};

// Whole or not at all.
Status write_file(const std::string& path, const std::string& text) {
  const std::string what = fmt::format("cannot write '{}'", path);
  const std::string unfinished = fmt::format("{}.{}", path, getpid());
  std::ofstream file(unfinished, std::ios::binary);
  file << text << std::flush;
  const int code = errno;
  file.close();
  if (file && rename(unfinished.c_str(), path.c_str()) == 0) return {};
  const int error = file ? errno : code;
  unlink(unfinished.c_str());
  return fail_system(what, error != 0 ? error : EIO);
}

Status draw(const RxReport& report, const std::string& terminal, const std::string& path) {
  NamelessFile script("rx-path.gnuplot"), image("rx-path.image");
  if (!script.good() || !image.good() ||
      !script.write(rx_path_plot(report, terminal, image.path()))) {
    return fail_system("cannot write a script for gnuplot", errno);
  }
  const auto drawn = testbed::run_command({"gnuplot", script.path()});
  if (!drawn) return fail(drawn.error());
  const std::string picture = image.read();
  if (picture.empty()) return fail(fmt::format("cannot draw '{}'", path), "gnuplot wrote nothing");
  return write_file(path, picture);
}

void draw_all(const RxReport& report, const std::string& base, std::vector<std::string>& notes) {
  constexpr auto kShape = "size 1150,560 font 'DejaVu Sans,11' noenhanced background rgb 'white'";
  for (const auto& [terminal, ending] : {std::pair{"svg", ".svg"}, std::pair{"pngcairo", ".png"}}) {
    if (Status done = draw(report, fmt::format("{} {}", terminal, kShape), base + ending); !done) {
      notes.push_back(fmt::format("no chart as {}: {}", ending, done.error().message()));
    }
  }
}

}  // namespace

Result<std::vector<std::string>> write_rx_path(const RxReport& report,
                                               const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail_system(fmt::format("cannot make '{}'", directory), error.value());
  const std::string base = directory + "/rx-path";
  std::vector<std::string> notes;
  const bool any = std::ranges::any_of(report.result.rungs, [](const RxCaseResult& rung) {
    return !rung.trials.empty() && rung.unavailable.empty();
  });
  if (!any) {
    notes.push_back("no chart: it shows the ladder, and none of its rungs was measured");
  } else if (!testbed::is_installed("gnuplot")) {
    notes.push_back("no chart: `gnuplot` is not installed; install the Debian package gnuplot-nox");
  } else {
    draw_all(report, base, notes);
  }
  const std::string json = control::to_text(rx_path_json(report), 1);
  const std::string markdown = rx_path_markdown(report, notes.empty());
  if (Status done = write_file(base + ".json", json + "\n"); !done) return fail(done.error());
  if (Status done = write_file(base + ".md", markdown); !done) return fail(done.error());
  return notes;
}

}  // namespace starocean::bench
