#include "engine/group/report_proof.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

using ReportJson = nlohmann::json;

constexpr const char* kProofMember = "proof";
constexpr std::string_view kReportPurpose = "millrace instance report 1";

/// A report has objects and lists in one object.
constexpr int kDepthMax = 3;

/// Not an object: no JSON, or nested so deeply that spelling it would exhaust the stack.
ReportJson parse_flat(std::string_view text) {
  bool is_deep = false;
  const auto watch_depth = [&is_deep](int depth, ReportJson::parse_event_t, ReportJson&) {
    is_deep = is_deep || depth > kDepthMax;
    return !is_deep;
  };
  ReportJson json = ReportJson::parse(text, watch_depth, false);
  return is_deep ? ReportJson() : json;
}

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
  ReportJson json = parse_flat(value);
  if (!json.is_object()) return false;
  const auto proof = json.find(kProofMember);
  if (proof == json.end() || !proof->is_string()) return false;
  const std::string given = proof->get<std::string>();
  json.erase(proof);
  return key.has_signed(given, kReportPurpose, {topic, spelled(json)});
}

}  // namespace millrace::engine
