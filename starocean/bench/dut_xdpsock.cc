// xdpsock, the sample program of the kernel (now of bpf-examples), where somebody has put it on the PATH; Debian has no
// package of it. Its l2fwd swaps the MAC addresses and sends frames back out of the device they came in by.
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "starocean/bench/dut.h"

namespace starocean::bench {
namespace {

constexpr const char* kProgram = "xdpsock";

class Xdpsock : public Dut {
 public:
  Status start(const DutSite& site) override {
    if (!testbed::is_installed(kProgram)) {
      return fail(fmt::format("cannot run {}", kProgram), "it is not on the PATH",
                  "build it from bpf-examples", ENOENT);
    }
    testbed::Words words = {kProgram};
    words.insert(words.end(), options_.begin(), options_.end());
    auto process = testbed::ChildProcess::start(
        words, site.directory + "/xdpsock.log",
        {.netns_fd = site.rig.device().fd(), .cpus = {site.placement.forwarder_cpu}});
    if (!process) return fail(process.error());
    process_ = std::move(*process);
    return {};
  }
  void stop() override { process_.stop(); }
  Status health() override {
    return process_.running() ? Status{} : ended_by_itself(kProgram, process_);
  }
  std::vector<pid_t> processes() const override { return {process_.pid()}; }
  bool sends_back() const override { return true; }
  std::string version() const override { return "as found on the PATH"; }
  Settings settings() const override {
    return {{"options", fmt::format("{}", fmt::join(options_, " "))},
            {"path", "one device: in by in0 and back out of it"}};
  }

 private:
  const testbed::Words options_ = {"-i", ForwardRig::kIn, "-q", "0", "-l", "-N", "-c", "-b", "64",
                                   "-Q"};
  testbed::ChildProcess process_;
};

}  // namespace

std::unique_ptr<Dut> make_xdpsock() {
  return std::make_unique<Xdpsock>();
}

}  // namespace starocean::bench
