#include "starocean/control/yaml.h"

#include <gtest/gtest.h>

namespace starocean::control {
namespace {

// "line:column message" of a text that is refused.
std::string refusal(std::string_view text) {
  const auto document = parse_yaml(text);
  if (document) return "no refusal";
  const Problem& problem = document.error();
  return std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + " " +
         problem.error.message();
}

std::string only_problem(std::string_view text) {
  const auto document = parse_yaml(text);
  if (!document) return document.error().error.message();
  if (document->problems.size() != 1) return "not one problem";
  const Problem& problem = document->problems.front();
  return std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + " " +
         problem.error.message();
}

TEST(Yaml, RemembersWhereThingsStand) {
  const auto document = parse_yaml("a: 1\nlist:\n  - x\n  - \"y\"\nnone:\n");
  ASSERT_TRUE(document);
  const YamlNode& root = *document->root;
  ASSERT_EQ(root.entries.size(), 3u);
  EXPECT_EQ(root.entries[0].key, "a");
  EXPECT_EQ(root.entries[0].mark, (Mark{1, 1}));
  EXPECT_EQ(root.entries[0].value->text, "1");
  EXPECT_EQ(root.entries[0].value->mark, (Mark{1, 4}));
  const YamlNode& list = *root.entries[1].value;
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_TRUE(list.items[0]->plain);
  EXPECT_FALSE(list.items[1]->plain);
  EXPECT_EQ(list.items[1]->mark, (Mark{4, 5}));
  EXPECT_EQ(root.entries[2].value->kind, YamlNode::Kind::kNull);
}

TEST(Yaml, StaysWholeWhenMoved) {
  auto document = parse_yaml("a: {b: [1, 2]}");
  ASSERT_TRUE(document);
  const YamlDocument moved = std::move(*document);
  EXPECT_EQ(moved.root->entries[0].value->entries[0].value->items[1]->text, "2");
}

TEST(Yaml, AliasesPointToTheirAnchor) {
  const auto document = parse_yaml("a: &x {b: 1}\nc: *x\n");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root->entries[0].value, document->root->entries[1].value);
}

TEST(Yaml, RefusesWhatIsNotText) {
  EXPECT_EQ(
      refusal(std::string_view("a: \0", 4)),
      "1:4 cannot read the file: it holds the control character 0x00; remove it, and save the "
      "file as UTF-8 text");
  EXPECT_EQ(refusal("a: 1\nb: \xff"),
            "2:4 cannot read the file: byte 0xff is not UTF-8; save the file as UTF-8");
  // Overlong, surrogate, above U+10FFFF, cut off, a lone continuation byte.
  for (const char* text : {"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                           "\xe2\x82", "\x80", "\xf0\x80\x80\xaf", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_NE(refusal(text).find("is not UTF-8"), std::string::npos);
  }
  for (const char* text : {"é", "€", "\xf0\x9f\x90\x99", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(check_yaml_text(text)) << text;
  }
  // UTF-16, with and without a byte order mark.
  EXPECT_NE(refusal(std::string_view("\xff\xfe\x61\0", 4)).find("is not UTF-8"), std::string::npos);
  EXPECT_NE(refusal(std::string_view("a\0b\0", 4)).find("control character"), std::string::npos);
}

TEST(Yaml, BoundsTheFile) {
  EXPECT_TRUE(parse_yaml("a: 1\n" + std::string(kMaxYamlBytes - 5, '#')));
  EXPECT_EQ(
      refusal("a: 1\n" + std::string(kMaxYamlBytes - 4, '#')),
      "0:0 cannot read the file: it is larger than 1048576 bytes; check that it is a starocean "
      "configuration");
}

TEST(Yaml, BoundsNesting) {
  EXPECT_TRUE(parse_yaml(std::string(kMaxYamlDepth, '[') + std::string(kMaxYamlDepth, ']')));
  EXPECT_EQ(
      refusal(std::string(kMaxYamlDepth + 1, '[') + std::string(kMaxYamlDepth + 1, ']')),
      "1:17 cannot read this list or map: it nests more than 16 deep; check the indentation and "
      "the brackets before it");
  EXPECT_EQ(
      refusal(std::string(1'000'000, '[')),
      "1:101 cannot read the file: more than 100 brackets stand open; close the brackets that "
      "were left open");
  std::string blocks;
  for (int i = 0; i < 200'000; ++i) blocks += "- ";
  EXPECT_NE(refusal(blocks).find("nests more than 16 deep"), std::string::npos);
}

TEST(Yaml, BoundsAliases) {
  // "&a1 [*a0, *a0]" and so on: each line holds the one before so many times.
  const auto chain = [](int lines, int times) {
    std::string text = "a0: &a0 [x]\n";
    for (int i = 1; i < lines; ++i) {
      const std::string name = std::to_string(i);
      const std::string before = std::to_string(i - 1);
      text.append("a").append(name).append(": &a").append(name).append(" [");
      for (int j = 0; j < times; ++j) text.append("*a").append(before).append(", ");
      text.append("]\n");
    }
    return text;
  };
  EXPECT_TRUE(parse_yaml(chain(5, 10)));
  // 10^7 values from 400 bytes.
  EXPECT_NE(refusal(chain(8, 10)).find("with its aliases it holds more than 262144 values"),
            std::string::npos);
  EXPECT_NE(refusal(chain(static_cast<int>(kMaxYamlDepth) + 1, 1)).find("nests more than 16 deep"),
            std::string::npos);
}

TEST(Yaml, RefusesAliasesToWhatTheyArePartOf) {
  EXPECT_EQ(
      refusal("a: &x [1, *x]"),
      "1:11 cannot use this alias: it refers to what it is itself part of; write the value out");
}

TEST(Yaml, RefusesMoreThanOneDocument) {
  const std::string sentence =
      " cannot read a second YAML document: a configuration is one document; remove the '---' or "
      "the "
      "text outside the configuration";
  EXPECT_EQ(refusal("a: 1\n---\nb: 2\n"), "2:1" + sentence);
  EXPECT_EQ(refusal("a: 1\n...\nb"), "3:1" + sentence);
  // Here yaml-cpp 0.7 would find documents for ever.
  EXPECT_EQ(refusal(","), "1:1" + sentence);
  EXPECT_TRUE(parse_yaml("---\na: 1\n...\n"));
}

TEST(Yaml, RefusesEmptyFiles) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "~", "null\n"}) {
    EXPECT_EQ(refusal(text), "0:0 cannot use the file: it is empty; write at least 'version: 1'");
  }
}

TEST(Yaml, ReportsKeysThatStandTwice) {
  EXPECT_EQ(
      only_problem("a: 1\nb: 2\na: 3\n"),
      "3:1 cannot use the key 'a' a second time: it is already in this map at 1:1; remove one of "
      "the two, or merge what is under them");
  const auto document = parse_yaml("a: 1\na: 3\n");
  ASSERT_TRUE(document);
  ASSERT_EQ(document->root->entries.size(), 1u);
  EXPECT_EQ(document->root->entries[0].value->text, "1");
}

TEST(Yaml, ReportsTagsAndMergeKeys) {
  EXPECT_EQ(
      only_problem("a: !!int 1\n"),
      "1:4 cannot use a YAML tag: types follow from the key; remove the word that starts with "
      "'!'");
  EXPECT_EQ(only_problem("a: &x {b: 1}\nc: {<<: *x}\n"),
            "2:5 cannot use the merge key '<<': it is not part of YAML 1.2; write the keys out");
}

TEST(Yaml, RefusesKeysThatAreNotWords) {
  EXPECT_EQ(refusal("? [a]\n: b\n"),
            "1:3 cannot use this key: it is a list or a map; write a word, or close the brackets "
            "before it");
  EXPECT_NE(refusal(": b\n").find("it is empty or an alias"), std::string::npos);
  EXPECT_NE(refusal("a: &x y\n*x : z\n").find("it is empty or an alias"), std::string::npos);
}

TEST(Yaml, ExplainsMistakesOfSyntax) {
  const std::string what = " cannot read the YAML: ";
  EXPECT_EQ(refusal("a:\n\tb: 1\n"), "2:3" + what + "a tab indents this line; indent with spaces");
  EXPECT_EQ(refusal("a: b: c\n"),
            "1:5" + what +
                "a ':' stands where no key can be; check the indentation, and put quotes "
                "around a text that holds ': '");
  EXPECT_EQ(refusal("x: 1\na: [1, 2\nb: 3\n"),
            "2:4" + what +
                "the '[' that opens here is not closed; write ']' where the list ends, and "
                "',' between its values");
  EXPECT_EQ(refusal("a: {b: 1"),
            "1:4" + what +
                "the '{' that opens here is not closed; write '}' where the map ends, and "
                "',' between its keys");
  EXPECT_EQ(refusal("a: 1\n]\n"),
            "2:1" + what + "a bracket closes that is not open; remove it, or open it before");
  EXPECT_NE(refusal("a: \"b").find(what + "the file ends inside quotes; close the quotes"),
            std::string::npos);
  EXPECT_EQ(refusal("a: *b\n"),
            "1:4" + what +
                "nothing before this place has the alias's name; put quotes around a text "
                "that starts with '*'");
  EXPECT_EQ(refusal("a: @b\n"),
            "1:4" + what + "no YAML value starts with this character; put quotes around the text");
  EXPECT_EQ(refusal("a: \"\\q\"\n"),
            "1:7" + what + "unknown escape character: q; check the syntax here and just before");
}

}  // namespace
}  // namespace starocean::control
