#include "starocean/control/render_text_routing.h"

#include <fmt/format.h>

#include "starocean/control/json_fields.h"

namespace starocean::control {
namespace {

std::string hop_text(const Json& hop, bool weighted) {
  const std::string gateway = word(hop, "gateway");
  return fmt::format("{}{} {}{}", gateway.empty() ? "connected" : "via ", gateway,
                     word(hop, "device"),
                     weighted ? fmt::format(" weight {}", number(hop, "weight")) : std::string());
}

std::string hops_text(const Json& hops) {
  std::string text;
  for (const Json& hop : hops) {
    text += text.empty() ? "" : ", ";
    text += hop_text(hop, hops.size() > 1);
  }
  return text.empty() ? "-" : text;
}

void add_line(std::string& text, const Json& answer, const char* title, const char* key) {
  const Json& value = member(answer, key);
  if (value.is_null()) return;
  text +=
      fmt::format("{:<11}{}\n", title, value.is_string() ? value.get<std::string>() : value.dump());
}

}  // namespace

std::string routes_text(const Json& answer) {
  TextTable table({{"TABLE", Align::kRight}, {"PREFIX"}, {"KIND"}, {"NEXT HOPS"}});
  for (const Json& route : member(answer, "routes")) {
    table.add_row({fmt::to_string(number(route, "table")), word(route, "prefix"),
                   word(route, "kind"), hops_text(member(route, "next_hops"))});
  }
  std::string text = table.empty() ? "There are no routes.\n" : table.text();
  for (const Json& problem : member(answer, "problems")) {
    text += fmt::format("not followed: {}\n", problem.get<std::string>());
  }
  return text;
}

std::string neighbours_text(const Json& answer) {
  TextTable table({{"INTERFACE"}, {"ADDRESS"}, {"MAC"}, {"STATE"}});
  for (const Json& one : member(answer, "neighbours")) {
    table.add_row({word(one, "interface"), word(one, "address"), word_or_dash(one, "mac"),
                   word(one, "state")});
  }
  return table.empty() ? "No neighbour is known.\n" : table.text();
}

std::string route_text(const Json& answer) {
  std::string text;
  add_line(text, answer, "address", "address");
  add_line(text, answer, "kind", "kind");
  add_line(text, answer, "table", "table");
  add_line(text, answer, "prefix", "prefix");
  add_line(text, answer, "interface", "interface");
  add_line(text, answer, "next hop", "next_hop");
  add_line(text, answer, "neighbour", "neighbour");
  add_line(text, answer, "MAC", "mac");
  if (const Json& egress = member(answer, "egress"); !egress.is_null()) {
    text += fmt::format("{:<11}{}: {} packets, {} bytes in all\n", "has sent",
                        word(egress, "interface"), number(egress, "tx_packets"),
                        number(egress, "tx_bytes"));
  }
  return text;
}

std::string explain_text(const Json& answer) {
  std::string text;
  for (const Json& one : member(answer, "explained")) {
    for (const Json& step : member(one, "steps")) {
      text += fmt::format("{:<11}{}\n", word(step, "stage"), word(step, "decision"));
    }
    add_line(text, one, "interface", "interface");
    std::string members;
    for (const Json& name : member(one, "members")) {
      members += fmt::format("{}{}", members.empty() ? "" : ", ", name.get<std::string>());
    }
    if (!members.empty()) text += fmt::format("{:<11}{}\n", "leaves by", members);
    add_line(text, one, "MAC", "mac");
    add_line(text, one, "counted as", "reason");
  }
  return text;
}

}  // namespace starocean::control
