// Rungs where a BPF program ends the packet.
#include <utility>

#include "starocean/bench/rx_programs.h"
#include "starocean/bench/rx_rung.h"

namespace starocean::bench {
namespace {

class ProgramRung : public RxRung {
 public:
  explicit ProgramRung(RxPrograms programs) : programs_(std::move(programs)) {}
  Result<RxCounts> counts() override {
    return RxCounts{.handled = programs_.dropped(),
                    .beside = {{"left to Linux: not ours", programs_.passed()}}};
  }

 private:
  RxPrograms programs_;
};

template <class Attach>
Result<std::unique_ptr<RxRung>> open_program(const Attach& attach) {
  auto programs = RxPrograms::load();
  if (!programs) return fail(programs.error());
  if (Status attached = attach(*programs); !attached) return fail(attached.error());
  return std::make_unique<ProgramRung>(std::move(*programs));
}

}  // namespace

Result<std::unique_ptr<RxRung>> open_xdp_native(const RxPlace& place, const RxTuning&) {
  return open_program(
      [&](RxPrograms& programs) { return programs.attach_xdp(place.ifindex, true); });
}

Result<std::unique_ptr<RxRung>> open_xdp_generic(const RxPlace& place, const RxTuning&) {
  return open_program(
      [&](RxPrograms& programs) { return programs.attach_xdp(place.ifindex, false); });
}

Result<std::unique_ptr<RxRung>> open_tc_ingress(const RxPlace& place, const RxTuning&) {
  return open_program([&](RxPrograms& programs) { return programs.attach_tc(place.ifindex); });
}

}  // namespace starocean::bench
