#include "engine/group/report_proof.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "engine/base/shallow_json.h"

namespace millrace::engine {
namespace {

using ReportJson = nlohmann::json;

constexpr const char* kProofMember = "proof";
constexpr std::string_view kReportPurpose = "millrace instance report 1";

/// A report has objects and lists in one object.
constexpr int kDepthMax = 3;

/// One spelling of the report: members sorted, no spaces.
std::string spelled(const ReportJson& report) {
  return report.dump(-1, ' ', false, ReportJson::error_handler_t::replace);
}

}  // namespace

std::string with_proof(const PeerKey& key, std::string_view topic, std::string_view report) {
  ReportJson json = ReportJson::parse(report);
  json[kProofMember] = key.sign(kReportPurpose, {topic, spelled(json)});
  return spelled(json);
}

bool is_proved(const PeerKey& key, std::string_view topic, std::string_view value) {
  ReportJson json = parse_shallow_json(value, kDepthMax);
  if (!json.is_object()) return false;
  const auto proof = json.find(kProofMember);
  if (proof == json.end() || !proof->is_string()) return false;
  const std::string given = proof->get<std::string>();
  json.erase(proof);
  return key.has_signed(given, kReportPurpose, {topic, spelled(json)});
}

}  // namespace millrace::engine
