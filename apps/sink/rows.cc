#include "apps/sink/rows.h"

#include <algorithm>
#include <ctime>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "conflict_generated.h"
#include "crm/model/composite_key.h"
#include "crm/values/field_form.h"
#include "feature_entitlement_generated.h"
#include "redirect_generated.h"

namespace millrace::apps::sink {
namespace {

using Json = nlohmann::ordered_json;

/// Beyond the years that PostgreSQL takes: it then refuses the row.
constexpr int64_t kTimeMsMax = 9'000'000'000'000'000;

/// Writes lines of COPY's text format.
class Lines {
 public:
  explicit Lines(std::string& out) : out_(out) {}

  Lines& text(std::string_view text) {
    begin();
    for (const char c : text) {
      switch (c) {
        case '\\':
          out_ += "\\\\";
          break;
        case '\t':
          out_ += "\\t";
          break;
        case '\n':
          out_ += "\\n";
          break;
        case '\r':
          out_ += "\\r";
          break;
        default:
          out_ += c;
      }
    }
    return *this;
  }
  Lines& text(const flatbuffers::String* text) {
    return text == nullptr ? null() : this->text(text->string_view());
  }
  Lines& null() {
    begin();
    out_ += "\\N";
    return *this;
  }
  Lines& number(int64_t number) {
    begin();
    fmt::format_to(std::back_inserter(out_), "{}", number);
    return *this;
  }
  /// Of counters, which stay below 2^63.
  Lines& count(uint64_t count) { return number(static_cast<int64_t>(count)); }
  Lines& boolean(bool is) { return text(is ? "t" : "f"); }
  Lines& json(const Json& json) {
    return text(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  Lines& time_ms(int64_t ms) {
    if (ms < -kTimeMsMax || ms > kTimeMsMax) return number(ms);
    const int64_t second = ms >= 0 ? ms / 1000 : -((999 - ms) / 1000);
    return text(fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03}+00",
                            fmt::gmtime(static_cast<std::time_t>(second)), ms - second * 1000));
  }
  Lines& time_ms(const flatbuffers::Optional<int64_t>& ms) { return ms ? time_ms(*ms) : null(); }
  void end() {
    out_ += '\n';
    is_first_ = true;
  }

 private:
  void begin() {
    if (!is_first_) out_ += '\t';
    is_first_ = false;
  }

  std::string& out_;
  bool is_first_ = true;
};

/// The record of a plan, and where it lies.
struct Source {
  int32_t partition;
  const engine::FetchedRecord& record;

  void end_row(Lines& row) const {
    row.number(partition).number(record.offset).boolean(false).end();
  }
};

Error invalid(const char* fault) {
  return {ErrorCode::kInvalidRecord, fault};
}

Error not_of_its_key() {
  return invalid("the value does not belong to the record's key");
}

Json text_json(const flatbuffers::String* text) {
  return text == nullptr ? Json() : Json(text->string_view());
}

Json texts_json(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
  Json json = Json::array();
  if (texts == nullptr) return json;
  for (const auto* text : *texts) json.push_back(text->string_view());
  return json;
}

Json version_json(const crm::Version& version) {
  return {{"commit_timestamp_ms", version.commit_timestamp_ms()},
          {"sequence_number", version.sequence_number()},
          {"transaction_key", text_json(version.transaction_key())},
          {"log", text_json(version.log())},
          {"position", text_json(version.position())}};
}

Json optional_json(const flatbuffers::Optional<int64_t>& number) {
  return number ? Json(*number) : Json();
}

/// A value of a golden record by its type. Texts stay texts, numbers too: JSON readers round them.
Json value_json(const crm::GoldenField& field) {
  if (field.value() == nullptr) return {};
  const std::string_view text = field.value()->string_view();
  if (field.type() == crm::FieldType::Boolean) return text == "true";
  if (field.type() == crm::FieldType::List && crm::is_shallow(text)) {
    Json list = Json::parse(text, nullptr, false);
    if (!list.is_discarded()) return list;
  }
  return text;
}

Json fields_json(const crm::AccountState& state) {
  Json json = Json::object();
  if (state.fields() == nullptr) return json;
  for (const crm::GoldenField* field : *state.fields()) {
    json[field->name()->str()] = value_json(*field);
  }
  return json;
}

/// The value for a typed column. Null too for a value of another type than the mapping declares,
/// such as one from before it did: `fields` has it.
void write_field(const crm::AccountState& state, std::string_view name, crm::FieldType type,
                 Lines& row) {
  const crm::GoldenField* field =
      state.fields() == nullptr ? nullptr : state.fields()->LookupByKey(std::string(name).c_str());
  if (field == nullptr || field->value() == nullptr) {
    row.null();
  } else if (type == crm::FieldType::Text || type == field->type()) {
    row.text(field->value());
  } else {
    row.null();
  }
}

void write_counts(const crm::ChildCounts* counts, Lines& row) {
  constexpr int kKinds = 7;
  if (counts == nullptr) {
    for (int i = 0; i < kKinds; ++i) row.number(0);
    return;
  }
  row.count(counts->contacts()).count(counts->opportunities()).count(counts->contracts());
  row.count(counts->contract_lines()).count(counts->subscriptions()).count(counts->assets());
  row.count(counts->entitlements());
}

Status write_account(const crm::AccountState& state, const FieldTypes& fields, const Source& from,
                     RowChange& change) {
  if (state.root()->string_view() != from.record.key.view()) return not_of_its_key();
  Lines row(change.row);
  row.text(state.root()).text(crm::EnumNameAccountStatus(state.status())).count(state.version());
  row.time_ms(state.event_time_ms());
  row.number(state.members() == nullptr ? 0 : static_cast<int64_t>(state.members()->size()));
  row.boolean(state.incomplete()).boolean(state.delete_pending());
  row.json(texts_json(state.incomplete_fields()));
  write_counts(state.children(), row);
  row.json(fields_json(state));
  for (const auto& [name, type] : fields) write_field(state, name, type, row);
  from.end_row(row);
  if (state.members() == nullptr) return {};
  Lines members(change.children);
  for (const crm::Member* member : *state.members()) {
    members.text(state.root()).text(member->id()).text(member->via()).end();
  }
  return {};
}

Status write_territory(const crm::AccountTerritory& place, const Source& from, RowChange& change) {
  const std::string key =
      crm::key_under(place.root()->string_view(), place.territory()->string_view());
  if (key != from.record.key.view()) return not_of_its_key();
  Lines row(change.row);
  row.text(place.root()).text(place.territory()).json(texts_json(place.rules()));
  row.boolean(place.manual()).count(place.alignment_epoch());
  from.end_row(row);
  return {};
}

Json shares_json(const crm::FeatureEntitlement& entitlement) {
  Json json = Json::array();
  if (entitlement.shares() == nullptr) return json;
  for (const crm::EntitlementShare* share : *entitlement.shares()) {
    json.push_back({{"from_ms", optional_json(share->from_ms())},
                    {"to_ms", optional_json(share->to_ms())},
                    {"status", crm::EnumNameEntitlementStatus(share->status())},
                    {"amount", share->amount()},
                    {"precedence", crm::EnumNamePrecedence(share->precedence())},
                    {"source", text_json(share->source())},
                    {"via", text_json(share->via())}});
  }
  return json;
}

Status write_entitlement(const crm::FeatureEntitlement& entitlement, const Source& from,
                         RowChange& change) {
  const std::string key =
      crm::key_under(entitlement.root()->string_view(), entitlement.feature()->string_view());
  if (key != from.record.key.view()) return not_of_its_key();
  const auto* segments = entitlement.segments();
  Lines row(change.row);
  row.text(entitlement.root()).text(entitlement.feature());
  row.text(crm::EnumNameFeatureKind(entitlement.kind())).count(entitlement.version());
  if (const crm::EntitlementSegment* now = entitlement.current()) {
    row.text(crm::EnumNameEntitlementStatus(now->status())).number(now->amount());
    row.text(now->text()).time_ms(now->from_ms()).time_ms(now->to_ms());
  } else {
    row.null().null().null().null().null();
  }
  row.time_ms(entitlement.next_change_ms()).time_ms(entitlement.as_of_ms());
  row.number(entitlement.uncovered());
  row.number(segments == nullptr ? 0 : static_cast<int64_t>(segments->size()));
  row.json(shares_json(entitlement));
  from.end_row(row);
  if (segments == nullptr) return {};
  Lines children(change.children);
  int64_t number = 0;
  for (const crm::EntitlementSegment* segment : *segments) {
    children.text(entitlement.root()).text(entitlement.feature()).number(number++);
    children.time_ms(segment->from_ms()).time_ms(segment->to_ms());
    children.text(crm::EnumNameEntitlementStatus(segment->status())).number(segment->amount());
    children.text(segment->text()).end();
  }
  return {};
}

Json stays_json(const crm::Redirect& redirect) {
  Json json = Json::array();
  if (redirect.stays() == nullptr) return json;
  for (const crm::Stay* stay : *redirect.stays()) {
    json.push_back({{"from", version_json(*stay->from())},
                    {"until", version_json(*stay->until())},
                    {"survivor", text_json(stay->survivor())},
                    {"root", text_json(stay->root())}});
  }
  return json;
}

Status write_redirect(const crm::Redirect& redirect, const Source& from, RowChange& change) {
  if (redirect.id()->string_view() != from.record.key.view()) return not_of_its_key();
  Lines row(change.row);
  row.text(redirect.id()).text(redirect.survivor()).text(redirect.root());
  row.text(crm::EnumNameRedirectDecision(redirect.decision()));
  if (redirect.version() == nullptr) {
    row.null().null();
  } else {
    row.time_ms(redirect.version()->commit_timestamp_ms()).json(version_json(*redirect.version()));
  }
  row.json(stays_json(redirect));
  from.end_row(row);
  return {};
}

Status write_conflict(const crm::Conflict& conflict, const Source& from, RowChange& change) {
  Lines row(change.row);
  row.text(from.record.key.view()).number(from.partition).number(from.record.offset);
  row.text(crm::EnumNameConflictKind(conflict.kind())).json(texts_json(conflict.ids()));
  row.json(version_json(*conflict.version())).text(conflict.text());
  row.time_ms(from.record.timestamp_ms).boolean(false).end();
  change.replaces = false;
  return {};
}

/// Keys of tombstones are all that these say.
Status write_tombstone(const TopicTables& tables, const Source& from, RowChange& change) {
  const bool has_name = tables.tombstone_columns == 2;
  const Bytes key = from.record.key;
  if (has_name != (key.view().find('\0') != std::string_view::npos)) {
    return invalid("a tombstone's key has another form than the topic's keys");
  }
  Lines row(change.row);
  for (size_t i = 0; i < tables.main.columns.size(); ++i) {
    const std::string& name = tables.main.columns[i].name;
    if (i == 0) {
      row.text(crm::root_in_key(key).view());
    } else if (i == 1 && has_name) {
      row.text(crm::name_in_key(key));
    } else if (name == "kafka_partition") {
      row.number(from.partition);
    } else if (name == "kafka_offset") {
      row.number(from.record.offset);
    } else {
      row.null();
    }
  }
  row.boolean(true).end();
  change.deletes = true;
  return {};
}

template <class Record, class Write>
Status write_value(const engine::FetchedRecord& record, Write write) {
  MILLRACE_RETURN_IF_ERROR(Serde<Record>::validate(record.value));
  return write(*flatbuffers::GetRoot<Record>(record.value.data()));
}

Status write_row(const TopicTables& tables, const FieldTypes& fields, const Source& from,
                 RowChange& change) {
  const engine::FetchedRecord& record = from.record;
  switch (tables.contents) {
    case Contents::kAccounts:
      return write_value<crm::AccountState>(record, [&](const crm::AccountState& state) {
        return write_account(state, fields, from, change);
      });
    case Contents::kTerritories:
      return write_value<crm::AccountTerritory>(record, [&](const crm::AccountTerritory& place) {
        return write_territory(place, from, change);
      });
    case Contents::kEntitlements:
      return write_value<crm::FeatureEntitlement>(
          record, [&](const crm::FeatureEntitlement& entitlement) {
            return write_entitlement(entitlement, from, change);
          });
    case Contents::kRedirects:
      return write_value<crm::Redirect>(record, [&](const crm::Redirect& redirect) {
        return write_redirect(redirect, from, change);
      });
    case Contents::kConflicts:
      break;
  }
  return write_value<crm::Conflict>(record, [&](const crm::Conflict& conflict) {
    return write_conflict(conflict, from, change);
  });
}

}  // namespace

Result<RowChange> plan_row(const TopicTables& tables, const FieldTypes& fields, int32_t partition,
                           const engine::FetchedRecord& record) {
  if (record.key.is_null()) return invalid("the record has no key");
  const Source from{partition, record};
  RowChange change;
  const Status status = record.value.is_null() ? write_tombstone(tables, from, change)
                                               : write_row(tables, fields, from, change);
  if (!status.ok()) return status;
  return change;
}

}  // namespace millrace::apps::sink
