// The words by which a link is described on the command line (--loss-burst 5) and over the control
// socket ({"loss_burst": "5"}): one table, from which both are made. Pure; any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "starocean/base/result.h"
#include "starocean/wan/link_options.h"

namespace starocean::wan {

struct LinkWord {
  std::string_view name;  // as in JSON; on the command line '_' is '-'
  std::string_view kind;  // "TIME", "SHARE" …: what the value is
  std::string_view help;
  Status (*set)(LinkOptions& options, std::string_view text);
  std::string (*get)(const LinkOptions& options);  // in the notation that set() reads
};

std::span<const LinkWord> link_words();

// Sets one value by its name; an unknown name is an error that names the nearest one there is.
Status set_word(LinkOptions& options, std::string_view name, std::string_view text);

// Sets one value of both directions: "X" for both alike, "X/Y" for A to B and B to A, "X/" and "/Y" for one
// of them.
Status set_word(LinkPair& links, std::string_view name, std::string_view text);

}  // namespace starocean::wan
