#include "starocean/cli/answer.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "starocean/control/api_client.h"

namespace starocean::cli {
namespace {

using control::Json;

constexpr std::chrono::seconds kWatchInterval{1};
constexpr const char* kClearTerminal = "\033[H\033[2J";

int show_once(Context& context, const Question& question, int indent) {
  const auto body = control::ApiClient(context.socket_path, question.program).get(question.path);
  if (!body) return fail_with(context, body.error());
  const auto answer = read_answer(context, *body);
  if (!answer) return fail_with(context, answer.error());
  if (context.json) {
    context.out << control::to_text(*answer, indent) << '\n';
  } else {
    context.out << question.render(*answer);
  }
  context.out.flush();
  return kDone;
}

// Ends only with an error or a signal. JSON: one document per line.
int watch(Context& context, const Question& question) {
  const bool terminal = &context.out == &std::cout && isatty(STDOUT_FILENO) != 0;
  for (bool first = true;; first = false) {
    if (!context.json) context.out << (terminal ? kClearTerminal : first ? "" : "\n");
    if (const int code = show_once(context, question, -1); code != kDone) return code;
    if (!context.out) return kFailed;
    std::this_thread::sleep_for(kWatchInterval);
  }
}

}  // namespace

Result<Json> read_answer(const Context& context, const std::string& body) {
  Json answer = Json::parse(body, nullptr, false);
  const std::string what = fmt::format("cannot read the answer of {}", context.socket_path);
  if (!answer.is_object()) {
    return fail(what, "it is not JSON", "is another program listening there?");
  }
  const int version = answer.value("schema_version", 0);
  if (version != control::kSchemaVersion) {
    return fail(what,
                fmt::format("it has schema version {}, not {}", version, control::kSchemaVersion),
                "use the starocean program that runs there");
  }
  return answer;
}

int show_answer(Context& context, const Question& question, bool watching) {
  constexpr int kIndent = 2;
  return watching ? watch(context, question) : show_once(context, question, kIndent);
}

}  // namespace starocean::cli
