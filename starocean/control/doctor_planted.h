// For tests: one fact changed on a machine on which nothing is wrong, and what has to be found.
#pragma once

#include <functional>
#include <ostream>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "starocean/control/doctor_sample.h"

namespace starocean::control::doctor {

inline const Finding& finding(const std::vector<Finding>& findings, std::string_view id,
                              std::string_view interface = "") {
  static const Finding kNone{"none", "", Verdict::kOk, "no such finding", "", false};
  for (const Finding& found : findings) {
    if (found.id == id && found.interface == interface) return found;
  }
  ADD_FAILURE() << "no finding '" << id << "' of '" << interface << "'";
  return kNone;
}

struct Planted {
  const char* name;
  const char* id;
  const char* interface;
  std::function<void(Survey&)> plant;
  Verdict verdict;
  const char* text;    // a part of the sentence
  const char* remedy;  // all of it
  bool safe = false;
};

inline void PrintTo(const Planted& planted, std::ostream* out) {
  *out << planted.name;
}

// Plants it in the sample, and expects the finding.
inline void expect_found(const Planted& planted) {
  Survey survey = sample_survey();
  planted.plant(survey);
  const auto findings = judge(survey);
  const Finding& found = finding(findings, planted.id, planted.interface);
  EXPECT_STREQ(to_string(found.verdict), to_string(planted.verdict)) << found.text;
  EXPECT_NE(found.text.find(planted.text), std::string::npos) << found.text;
  EXPECT_EQ(found.remedy, planted.remedy);
  EXPECT_EQ(found.safe, planted.safe);
  EXPECT_NE(found.text.back(), '.') << found.text;
}

inline std::string name_of(const ::testing::TestParamInfo<Planted>& info) {
  return info.param.name;
}

inline InterfaceFacts& nic(Survey& survey) {
  return survey.interfaces[0];
}
inline InterfaceFacts& veth(Survey& survey) {
  return survey.interfaces[1];
}
inline void turn_on(xsk::Offloads& offloads, const char* name, bool fixed = false) {
  offloads[name] = {.on = true, .fixed = fixed};
}
inline Attempt refused(const char* reason) {
  return {Attempt::Outcome::kRefused, reason};
}
inline constexpr auto kNote = Verdict::kNote;
inline constexpr auto kWarning = Verdict::kWarning;
inline constexpr auto kFault = Verdict::kFault;

}  // namespace starocean::control::doctor
