#include "starocean/bench/rate_search.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace starocean::bench {
namespace {

constexpr double kRoughPrecision = 0.1;
constexpr uint32_t kMaxConfirmations = 6;
// Loss so far above the goal that a short trial is good enough for a second opinion.
constexpr double kHopelessLoss = 0.02;

enum class Verdict { kGood, kLossy, kUnreached };

struct Judgement {
  Verdict verdict = Verdict::kGood;
  double offered_pps = 0;  // of the last trial with this verdict
  double loss_ratio = 0;
};

// How a load is judged: by so many good trials, or so many bad ones, whichever come first.
struct Trials {
  double seconds = 0;
  uint32_t good = 1;
  uint32_t bad = 1;
};

// Loads between which the answer lies.
struct Bracket {
  std::optional<Judgement> good;
  double good_pps = 0;
  std::optional<Judgement> bad;
  double bad_pps = 0;
};

class Search {
 public:
  Search(const SearchGoal& goal, const TrialFunction& trial) : goal_(goal), trial_(trial) {}

  Result<Bracket> narrow(SearchStart start, Trials trials, double precision);
  Result<SearchResult> confirm(const Bracket& bracket);
  bool exhausted() const { return trials_ >= goal_.max_trials; }

 private:
  Result<Judgement> judge(double pps, Trials trials);
  Result<Judgement> one_trial(double pps, double seconds);
  Status visit(Bracket& bracket, double pps, Trials trials);

  const SearchGoal& goal_;
  const TrialFunction& trial_;
  uint32_t trials_ = 0;
};

Result<Judgement> Search::one_trial(double pps, double seconds) {
  ++trials_;
  const auto found = trial_(pps, seconds);
  if (!found) return fail(found.error());
  Judgement judgement{.verdict = Verdict::kGood,
                      .offered_pps = found->offered_pps,
                      .loss_ratio = found->loss_ratio};
  if (found->loss_ratio > goal_.loss_ratio) {
    judgement.verdict = Verdict::kLossy;
  } else if (!found->reached) {
    judgement.verdict = Verdict::kUnreached;
  }
  return judgement;
}

Result<Judgement> Search::judge(double pps, Trials trials) {
  uint32_t good = 0, bad = 0;
  Judgement last_good, last_bad;
  double seconds = trials.seconds;
  while (good < trials.good && bad < trials.bad) {
    auto judgement = one_trial(pps, seconds);
    if (!judgement) return judgement;
    if (judgement->verdict == Verdict::kGood) {
      ++good;
      last_good = *judgement;
      continue;
    }
    ++bad;
    last_bad = *judgement;
    const bool hopeless = judgement->loss_ratio > goal_.loss_ratio + kHopelessLoss;
    seconds = hopeless ? std::min(trials.seconds, goal_.rough_seconds) : trials.seconds;
  }
  return good >= trials.good ? last_good : last_bad;
}

Status Search::visit(Bracket& bracket, double pps, Trials trials) {
  const auto judgement = judge(pps, trials);
  if (!judgement) return fail(judgement.error());
  if (judgement->verdict == Verdict::kGood) {
    bracket.good = *judgement;
    bracket.good_pps = pps;
    return {};
  }
  bracket.bad = *judgement;
  bracket.bad_pps = pps;
  // What the generator did reach went through without loss.
  if (judgement->verdict == Verdict::kUnreached && judgement->offered_pps > bracket.good_pps) {
    bracket.good = *judgement;
    bracket.good_pps = std::min(judgement->offered_pps, pps);
  }
  return {};
}

Result<Bracket> Search::narrow(SearchStart start, Trials trials, double precision) {
  Bracket bracket;
  double pps = start.pps;
  double factor = start.factor;
  while (!exhausted() && (!bracket.good || !bracket.bad)) {
    if (Status visited = visit(bracket, pps, trials); !visited) {
      return fail(visited.error());
    }
    if (!bracket.bad) {
      pps *= factor;
    } else if (!bracket.good) {
      if (pps <= goal_.least_pps) return bracket;
      pps = std::max(pps / factor, goal_.least_pps);
    }
    factor *= factor;
  }
  while (!exhausted() && bracket.bad_pps > bracket.good_pps * (1 + precision)) {
    pps = std::sqrt(bracket.good_pps * bracket.bad_pps);
    if (Status visited = visit(bracket, pps, trials); !visited) {
      return fail(visited.error());
    }
  }
  return bracket;
}

Result<SearchResult> Search::confirm(const Bracket& bracket) {
  SearchResult result;
  result.failed_pps = bracket.bad ? bracket.bad_pps : 0;
  result.generator_limited = bracket.bad && bracket.bad->verdict == Verdict::kUnreached;
  double pps = bracket.good ? bracket.good_pps : 0;
  for (uint32_t i = 0; i < kMaxConfirmations && pps >= goal_.least_pps; ++i) {
    const auto judgement = one_trial(pps, goal_.confirm_seconds);
    if (!judgement) return fail(judgement.error());
    result.pps = std::min(pps, judgement->offered_pps);
    result.loss_ratio = judgement->loss_ratio;
    if (judgement->verdict != Verdict::kLossy) {
      result.confirmed = true;
      break;
    }
    result.failed_pps = pps;
    result.generator_limited = false;
    pps /= 1 + 2 * goal_.precision;
  }
  result.trials = trials_;
  return result;
}

}  // namespace

Result<SearchResult> search_rate(const SearchGoal& goal, const SearchStart& start,
                                 const TrialFunction& trial) {
  Search search(goal, trial);
  const uint32_t majority = goal.votes / 2 + 1;
  SearchStart fine = start;
  if (goal.rough_seconds < goal.trial_seconds) {
    const double rough_precision = std::max(kRoughPrecision, goal.precision);
    const auto rough = search.narrow(
        start, {.seconds = goal.rough_seconds, .good = 1, .bad = majority}, rough_precision);
    if (!rough) return fail(rough.error());
    if (rough->good && rough->bad) {
      fine.pps = std::sqrt(rough->good_pps * rough->bad_pps);
      fine.factor = std::max(std::sqrt(rough->bad_pps / rough->good_pps), 1 + goal.precision);
    } else {
      fine.pps = rough->good ? rough->good_pps : goal.least_pps;
    }
  }
  const auto bracket = search.narrow(
      fine, {.seconds = goal.trial_seconds, .good = majority, .bad = majority}, goal.precision);
  if (!bracket) return fail(bracket.error());
  return search.confirm(*bracket);
}

}  // namespace starocean::bench
