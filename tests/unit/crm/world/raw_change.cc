#include "raw_change.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "crm/model/ids.h"
#include "row_oracle.h"

namespace millrace::crm {
namespace {

std::string_view type_name(ChangeType type) {
  constexpr std::array<std::string_view, 5> kNames{"CREATE", "UPDATE", "DELETE", "UNDELETE",
                                                   "GAP_UPDATE"};
  return kNames.at(static_cast<size_t>(type));
}

}  // namespace

std::string sf_id(std::string_view prefix, char letter) {
  return canonical_salesforce_id(fmt::format("{}00000000000{}", prefix, letter)).value();
}

FieldMap RawChange::sent_fields() const {
  if (type == ChangeType::Gap) return {};
  if (type != ChangeType::Delete) return fields;
  const auto master = fields.find(kMasterField);
  return master == fields.end() ? FieldMap{} : FieldMap{*master};
}

std::string RawChange::internal_id() const {
  return source + ":" + id;
}

std::pair<std::string, std::optional<std::string>> RawChange::ours(
    const std::string& name, const std::optional<std::string>& value) {
  if (name == kParentField || name == kMasterField) {
    return {name == kParentField ? "account" : "master",
            value ? std::optional("sf:" + *value) : std::nullopt};
  }
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == kContractField && value) return {lower, "sf:" + *value};
  return {lower, value};
}

std::string RawChange::event() const {
  std::string body;
  for (const auto& [name, value] : sent_fields()) {
    body += value ? fmt::format(R"(,"{}":"{}")", name, *value) : fmt::format(R"(,"{}":null)", name);
  }
  return fmt::format(R"({{"ChangeEventHeader":{{"entityName":"{}","recordIds":["{}"],)"
                     R"("changeType":"{}","transactionKey":"{}","sequenceNumber":{},)"
                     R"("commitTimestamp":{}}}{}}})",
                     entity, id, type_name(type), transaction, sequence, ms, body);
}

RawRows::RawRows(const std::vector<RawChange>& changes, std::string_view entity) {
  for (const RawChange& change : changes) {
    if (change.entity != entity) continue;
    ids_.push_back(change.internal_id());
    auto& fields = fields_.emplace_back();
    for (const auto& [name, value] : change.sent_fields()) {
      fields.insert(RawChange::ours(name, value));
    }
  }
  size_t at = 0;
  for (const RawChange& change : changes) {
    if (change.entity != entity) continue;
    add(change, at++);
  }
}

std::map<std::string, RowView> RawRows::rows() const {
  std::map<std::string, RowView> rows;
  for (const std::string& id : ids_) rows.emplace(id, row_oracle(id, views_));
  return rows;
}

void RawRows::add(const RawChange& change, size_t at) {
  ChangeView& view = views_.emplace_back();
  view.id = ids_[at];
  view.type = change.type;
  view.version = {change.ms, change.sequence, change.transaction};
  view.full_image = change.type == ChangeType::Create || change.type == ChangeType::Undelete;
  for (const auto& [name, value] : fields_[at]) {
    std::optional<std::string_view> shown;
    if (value) shown = *value;
    view.fields.push_back({name, shown, view.version});
  }
}

}  // namespace millrace::crm
