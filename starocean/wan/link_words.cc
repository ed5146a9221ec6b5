#include "starocean/wan/link_words.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "starocean/control/config_words.h"
#include "starocean/wan/notation.h"

namespace starocean::wan {
namespace {

template <auto kMember, auto kParse>
Status set(LinkOptions& options, std::string_view text) {
  auto value = kParse(text);
  if (!value) return fail(value.error());
  options.*kMember = *value;
  return {};
}
template <auto kMember, auto kFormat>
std::string get(const LinkOptions& options) {
  return kFormat(options.*kMember);
}

Result<JitterShape> parse_shape(std::string_view text) {
  if (text == "uniform") return JitterShape::kUniform;
  if (text == "normal") return JitterShape::kNormal;
  return fail(control::quote(text), "it is not a distribution", "write uniform or normal");
}
std::string format_shape(JitterShape shape) {
  return shape == JitterShape::kUniform ? "uniform" : "normal";
}

Result<JitterOrder> parse_order(std::string_view text) {
  if (text == "keep") return JitterOrder::kKeep;
  if (text == "free") return JitterOrder::kFree;
  return fail(control::quote(text), "it is not an order", "write keep or free");
}
std::string format_order(JitterOrder order) {
  return order == JitterOrder::kKeep ? "keep" : "free";
}

// What is said of bursts has no meaning without them.
Status set_burst(LinkOptions& options, std::string_view text) {
  if (Status done = set<&LinkOptions::loss_burst, parse_burst>(options, text); !done) return done;
  if (options.loss_burst == 0) {
    options.burst_loss = LinkOptions().burst_loss;
    options.gap_loss = LinkOptions().gap_loss;
  }
  return {};
}

std::string format_overhead(uint32_t bytes) {
  return fmt::to_string(bytes);
}

#define SO_WORD(name, kind, help, member, parse, format)                                  \
  LinkWord {                                                                              \
    name, kind, help, set<&LinkOptions::member, parse>, get<&LinkOptions::member, format> \
  }

constexpr std::array kWords = {
    SO_WORD("delay", "TIME", "how long a packet travels", delay_ns, parse_time_ns, format_time),
    SO_WORD("jitter", "TIME", "how much more or less than that, at random", jitter_ns,
            parse_time_ns, format_time),
    SO_WORD("jitter_shape", "uniform|normal", "how the jitter is distributed", jitter_shape,
            parse_shape, format_shape),
    SO_WORD("jitter_order", "keep|free", "whether jitter may let packets overtake", jitter_order,
            parse_order, format_order),
    SO_WORD("loss", "SHARE", "packets lost, over all", loss, parse_share, format_share),
    LinkWord{"loss_burst", "PACKETS", "mean length of bad periods, to which losses keep; or none",
             set_burst, get<&LinkOptions::loss_burst, format_burst>},
    SO_WORD("burst_loss", "SHARE", "packets lost within a bad period", burst_loss, parse_share,
            format_share),
    SO_WORD("gap_loss", "SHARE", "packets lost outside bad periods", gap_loss, parse_share,
            format_share),
    SO_WORD("reorder", "SHARE", "packets held back, so that those behind overtake", reorder,
            parse_share, format_share),
    SO_WORD("reorder_by", "TIME|ahead", "for how long; ahead: sent at once, without delay, instead",
            reorder_by_ns, parse_reorder_by_ns, format_reorder_by),
    SO_WORD("duplicate", "SHARE", "packets that arrive twice", duplicate, parse_share,
            format_share),
    SO_WORD("corrupt", "SHARE", "packets with one bit flipped after the Ethernet header", corrupt,
            parse_share, format_share),
    SO_WORD("rate", "RATE", "bits per second that the link carries; or none", rate_bps,
            parse_rate_bps, format_rate),
    SO_WORD("queue", "PACKETS|BYTES|TIME", "what may wait for its turn when there is a rate", queue,
            parse_queue, format_queue),
    SO_WORD("overhead", "BYTES", "added to each frame when it is timed against the rate",
            overhead_bytes, parse_overhead, format_overhead),
};
#undef SO_WORD

}  // namespace

std::span<const LinkWord> link_words() {
  return kWords;
}

Status set_word(LinkOptions& options, std::string_view name, std::string_view text) {
  std::vector<std::string_view> names;
  for (const LinkWord& word : kWords) {
    if (word.name == name) {
      if (Status set = word.set(options, text); !set) return fail(set.error().in(name));
      return {};
    }
    names.push_back(word.name);
  }
  const std::string_view nearest = control::nearest(name, names);
  return fail(control::quote(name), "it is nothing that a link has",
              nearest.empty() ? std::string("see `starocean wan set --help`")
                              : fmt::format("did you mean {}?", nearest));
}

Status set_word(LinkPair& links, std::string_view name, std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    for (LinkOptions& link : links) {
      if (Status set = set_word(link, name, text); !set) return set;
    }
    return {};
  }
  const std::array<std::string_view, 2> ways = {text.substr(0, slash), text.substr(slash + 1)};
  if (ways[0].empty() && ways[1].empty()) {
    return fail(std::string(name), "'/' has a value on neither side",
                "write A-TO-B/B-TO-A, as in 50ms/10ms");
  }
  for (size_t way = 0; way < ways.size(); ++way) {
    if (ways[way].empty()) continue;
    if (Status set = set_word(links[way], name, ways[way]); !set) return set;
  }
  return {};
}

}  // namespace starocean::wan
