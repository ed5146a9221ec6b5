#include "starocean/wan/link_options.h"

#include <fmt/format.h>

#include "starocean/wan/notation.h"

namespace starocean::wan {
namespace {

Status check_loss(const LinkOptions& options) {
  if (options.loss_burst == 0) {
    if (options.gap_loss == 0 && options.burst_loss == 1) return {};
    return fail("gap_loss and burst_loss", "they speak of bursts, and loss_burst is none",
                "set loss_burst, the mean length of a burst in packets");
  }
  if (options.gap_loss > options.loss || options.loss > options.burst_loss) {
    return fail(fmt::format("a loss of {}", format_share(options.loss)),
                fmt::format("it is not between gap_loss {} and burst_loss {}, of which it is made",
                            format_share(options.gap_loss), format_share(options.burst_loss)),
                "change one of the three");
  }
  // One packet at least lies between two bad periods, or they would be one.
  const double bad_share = period_odds(options).bad_share;
  const double most = options.loss_burst / (options.loss_burst + 1);
  if (bad_share > most && bad_share < 1) {
    return fail(fmt::format("a loss of {} in bursts of {} packets", format_share(options.loss),
                            format_number(options.loss_burst)),
                fmt::format("{} of all packets would lie in bursts, and {} is the most when single "
                            "packets part them",
                            format_share(bad_share), format_share(most)),
                "make loss_burst longer, or loss smaller");
  }
  return {};
}

}  // namespace

PeriodOdds period_odds(const LinkOptions& options) {
  if (options.loss_burst == 0 || options.burst_loss <= options.gap_loss) return {};
  PeriodOdds odds;
  odds.bad_share = (options.loss - options.gap_loss) / (options.burst_loss - options.gap_loss);
  if (odds.bad_share >= 1) return {.bad_share = 1, .enter_bad = 1, .leave_bad = 0};
  odds.leave_bad = 1 / options.loss_burst;
  odds.enter_bad = odds.leave_bad * odds.bad_share / (1 - odds.bad_share);
  return odds;
}

Status check(const LinkOptions& options) {
  if (options.jitter_ns > options.delay_ns) {
    return fail(fmt::format("a jitter of {} around a delay of {}", format_time(options.jitter_ns),
                            format_time(options.delay_ns)),
                "packets would leave before they have arrived",
                "make delay at least as long as jitter");
  }
  if (options.reorder > 0 && options.reorder_by_ns == 0 && options.delay_ns == 0) {
    return fail("reorder ahead without a delay", "a packet that skips no delay overtakes nobody",
                "set delay, or let reorder_by be a time to hold packets back instead");
  }
  return check_loss(options);
}

}  // namespace starocean::wan
