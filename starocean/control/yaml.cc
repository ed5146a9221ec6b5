#include "starocean/control/yaml.h"

#include <algorithm>
#include <array>
#include <exception>
#include <sstream>
#include <unordered_map>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "starocean/control/config_words.h"

namespace starocean::control {
namespace {

Mark to_mark(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<uint32_t>(mark.line) + 1, static_cast<uint32_t>(mark.column) + 1};
}

std::string to_string(Mark mark) {
  return std::to_string(mark.line) + ":" + std::to_string(mark.column);
}

// Thrown through yaml-cpp to end the reading; caught in parse_yaml.
struct Stop {
  Problem problem;
};

[[noreturn]] void stop(Mark mark, std::string_view what, std::string_view cause,
                       std::string_view remedy) {
  throw Stop{{mark, Error(what, cause, remedy)}};
}

// Builds the tree from yaml-cpp's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlDocument& document) : document_(document) {}

  // Where the innermost open list or map starts.
  Mark innermost() const { return open_.empty() ? Mark{} : open_.back().node->mark; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (document_.root != nullptr) {
      stop(to_mark(mark), "cannot read a second YAML document", "a configuration is one document",
           "remove the '---' or the text outside the configuration");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(start(YamlNode::Kind::kNull, mark, "?", anchor), {});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) {
      stop(to_mark(mark), "cannot use this alias", "it refers to what it is itself part of",
           "write the value out");
    }
    attach(target->second.node, target->second.size);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!open_.empty() && open_.back().node->kind == YamlNode::Kind::kMap &&
        !open_.back().has_key) {
      take_key(to_mark(mark), tag == "?", value);
      return;
    }
    YamlNode* node = start(YamlNode::Kind::kScalar, mark, tag, anchor);
    node->plain = tag == "?";
    node->text = value;
    attach(node, {});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // Of a node with everything below it, aliases written out.
  struct Size {
    size_t nodes = 1;
    size_t height = 0;
  };
  struct Anchored {
    const YamlNode* node;
    Size size;
  };
  struct Frame {
    YamlNode* node;
    YAML::anchor_t anchor;
    Size size;
    // Of a map: the key whose value comes next.
    bool has_key = false;
    bool ignore_value = false;
    std::string key;
    Mark key_mark;
    std::unordered_map<std::string, Mark> keys;
  };

  void problem(Mark mark, std::string_view what, std::string_view cause, std::string_view remedy) {
    if (document_.problems.size() < kMaxYamlProblems) {
      document_.problems.push_back({mark, Error(what, cause, remedy)});
    }
  }

  YamlNode* start(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor) {
    // "?" is a plain node, "!" a quoted scalar; anything else was written by the user.
    if (tag != "?" && tag != "!" && !tag.empty()) {
      problem(to_mark(mark), "cannot use a YAML tag", "types follow from the key",
              "remove the word that starts with '!'");
    }
    YamlNode* node = &document_.nodes.emplace_back();
    node->kind = kind;
    node->mark = to_mark(mark);
    const bool is_container = kind == YamlNode::Kind::kList || kind == YamlNode::Kind::kMap;
    if (anchor != 0 && !is_container) anchors_[anchor] = {node, {}};
    return node;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (!open_.empty() && open_.back().node->kind == YamlNode::Kind::kMap &&
        !open_.back().has_key) {
      stop(to_mark(mark), "cannot use this key", "it is a list or a map",
           "write a word, or close the brackets before it");
    }
    open_.push_back({start(kind, mark, tag, anchor), anchor, {}, false, false, {}, {}, {}});
    if (open_.size() > kMaxYamlDepth) too_deep(to_mark(mark));
  }

  void close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    if (frame.anchor != 0) anchors_[frame.anchor] = {frame.node, frame.size};
    attach(frame.node, frame.size);
  }

  [[noreturn]] static void too_deep(Mark mark) {
    stop(mark, "cannot read this list or map",
         "it nests more than " + std::to_string(kMaxYamlDepth) + " deep",
         "check the indentation and the brackets before it");
  }

  // Puts a finished node where the document stands now.
  void attach(const YamlNode* node, Size size) {
    if (open_.empty()) {
      document_.root = node;
      return;
    }
    Frame& frame = open_.back();
    frame.size.nodes += size.nodes;
    frame.size.height = std::max(frame.size.height, size.height + 1);
    if (frame.size.nodes > kMaxYamlNodes) {
      stop(node->mark, "cannot read this list or map",
           "with its aliases it holds more than " + std::to_string(kMaxYamlNodes) + " values",
           "remove aliases that refer to one another");
    }
    if (open_.size() + size.height > kMaxYamlDepth) too_deep(frame.node->mark);
    if (frame.node->kind == YamlNode::Kind::kList) {
      frame.node->items.push_back(node);
      return;
    }
    if (!frame.has_key) {
      stop(node->mark, "cannot use this key", "it is empty or an alias", "write a word");
    }
    if (!frame.ignore_value) frame.node->entries.push_back({frame.key, frame.key_mark, node});
    frame.has_key = false;
  }

  void take_key(Mark mark, bool plain, const std::string& key) {
    Frame& frame = open_.back();
    frame.has_key = true;
    frame.key = key;
    frame.key_mark = mark;
    const auto [earlier, is_new] = frame.keys.emplace(key, mark);
    frame.ignore_value = !is_new;
    if (!is_new) {
      problem(mark, "cannot use the key " + quote(key) + " a second time",
              "it is already in this map at " + to_string(earlier->second),
              "remove one of the two, or merge what is under them");
    } else if (plain && key == "<<") {
      problem(mark, "cannot use the merge key '<<'", "it is not part of YAML 1.2",
              "write the keys out");
      frame.ignore_value = true;
    }
  }

  YamlDocument& document_;
  std::vector<Frame> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;  // of finished nodes only
};

struct Explanation {
  std::string_view from_yaml_cpp, cause, remedy;
};

constexpr std::string_view kIndentation = "check the indentation and the colons of this line";
// What yaml-cpp says, in words that name the mistake.
const std::array kExplanations = {
    Explanation{YAML::ErrorMsg::MAP_VALUE, "a ':' stands where no key can be",
                "check the indentation, and put quotes around a text that holds ': '"},
    Explanation{YAML::ErrorMsg::END_OF_MAP, "the map ends in the middle", kIndentation},
    Explanation{YAML::ErrorMsg::END_OF_SEQ, "the list ends in the middle", kIndentation},
    Explanation{YAML::ErrorMsg::END_OF_MAP_FLOW, "the '{' that opens here is not closed",
                "write '}' where the map ends, and ',' between its keys"},
    Explanation{YAML::ErrorMsg::END_OF_SEQ_FLOW, "the '[' that opens here is not closed",
                "write ']' where the list ends, and ',' between its values"},
    Explanation{YAML::ErrorMsg::FLOW_END, "a bracket closes that is not open",
                "remove it, or open it before"},
    Explanation{YAML::ErrorMsg::EOF_IN_SCALAR, "the file ends inside quotes", "close the quotes"},
    Explanation{YAML::ErrorMsg::UNKNOWN_ANCHOR, "nothing before this place has the alias's name",
                "put quotes around a text that starts with '*'"},
    Explanation{YAML::ErrorMsg::UNKNOWN_TOKEN, "no YAML value starts with this character",
                "put quotes around the text"},
};

// Whether the line that `mark` is in starts with white space that holds a tab.
bool indented_by_tab(std::string_view text, Mark mark) {
  for (uint32_t line = 1; line < mark.line; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
}

Problem explain(const YAML::ParserException& exception, Mark innermost, std::string_view text) {
  constexpr std::string_view kWhat = "cannot read the YAML";
  Mark mark = to_mark(exception.mark);
  if (indented_by_tab(text, mark)) {
    return {mark, Error(kWhat, "a tab indents this line", "indent with spaces")};
  }
  for (const auto& [message, cause, remedy] : kExplanations) {
    if (exception.msg != message) continue;
    const bool is_bracket =
        message == YAML::ErrorMsg::END_OF_MAP_FLOW || message == YAML::ErrorMsg::END_OF_SEQ_FLOW;
    if (is_bracket && innermost.line != 0) mark = innermost;
    return {mark, Error(kWhat, cause, remedy)};
  }
  return {mark, Error(kWhat, exception.msg, "check the syntax here and just before")};
}

}  // namespace

tl::expected<YamlDocument, Problem> parse_yaml(std::string_view text) {
  if (auto checked = check_yaml_text(text); !checked) return tl::unexpected(checked.error());
  YamlDocument document;
  TreeBuilder builder(document);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    // A second document makes the builder stop; without one the second call finds the end.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const Stop& stopped) {
    return tl::unexpected(stopped.problem);
  } catch (const YAML::ParserException& exception) {
    return tl::unexpected(explain(exception, builder.innermost(), text));
  } catch (const std::exception& exception) {
    return tl::unexpected(Problem{
        {}, Error("cannot read the YAML", exception.what(), "check the syntax of the file")});
  }
  const bool is_empty = document.root == nullptr || document.root->kind == YamlNode::Kind::kNull;
  if (is_empty) {
    return tl::unexpected(
        Problem{{}, Error("cannot use the file", "it is empty", "write at least 'version: 1'")});
  }
  return document;
}

}  // namespace starocean::control
