#include "crm/entitlement/child_source.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "crm/decode/mapping_notes.h"
#include "crm/entitlement/field_text.h"
#include "crm/entitlement/grant_field.h"
#include "crm/entitlement/source.h"
#include "crm/mapping/child_key.h"
#include "crm/model/account_row.h"
#include "crm/model/encode.h"
#include "crm/model/ids.h"
#include "crm/model/version.h"
#include "crm/values/time_text.h"

namespace millrace::crm {
namespace {

/// Statuses of sources are many; those that are none of these leave the decision to the dates.
constexpr std::array<std::pair<std::string_view, GrantSourceStatus>, 8> kStatusWords{
    {{"draft", GrantSourceStatus::Draft},
     {"in approval process", GrantSourceStatus::Draft},
     {"suspended", GrantSourceStatus::Suspended},
     {"paused", GrantSourceStatus::Suspended},
     {"on hold", GrantSourceStatus::Suspended},
     {"cancelled", GrantSourceStatus::Cancelled},
     {"canceled", GrantSourceStatus::Cancelled},
     {"void", GrantSourceStatus::Cancelled}}};

constexpr std::array<std::pair<std::string_view, Precedence>, 4> kPrecedenceWords{
    {{"trial", Precedence::Trial},
     {"plan", Precedence::Plan},
     {"contract", Precedence::Contract},
     {"override", Precedence::Override}}};

constexpr std::array<std::pair<std::string_view, FeatureKind>, 7> kFeatureKindWords{
    {{"boolean", FeatureKind::Boolean},
     {"quantity_sum", FeatureKind::QuantitySum},
     {"quantity_max", FeatureKind::QuantityMax},
     {"tier", FeatureKind::Tier},
     {"config", FeatureKind::Config},
     {"metered", FeatureKind::Metered},
     {"per_incident", FeatureKind::PerIncident}}};

constexpr std::array<std::pair<std::string_view, GrantSourceKind>, 3> kGrantKindWords{
    {{"manual", GrantSourceKind::ManualGrant},
     {"ledger", GrantSourceKind::LedgerEntry},
     {"usage", GrantSourceKind::Usage}}};

constexpr std::array<std::pair<std::string_view, bool>, 4> kTruthWords{
    {{"true", true}, {"1", true}, {"false", false}, {"0", false}}};

/// Fields that name what a record belongs to.
constexpr std::array<std::pair<GrantField, ChildKind>, 3> kWithinFields{
    {{GrantField("contract_id"), ChildKind::Contract},
     {GrantField("asset_id"), ChildKind::Asset},
     {GrantField("subscription_id"), ChildKind::Subscription}}};

template <class E, size_t N>
std::optional<E> find_word(const std::array<std::pair<std::string_view, E>, N>& words,
                           std::string_view text) {
  const auto same = [](char a, char b) {
    return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
  };
  for (const auto& [word, value] : words) {
    if (std::ranges::equal(word, text, same)) return value;
  }
  return std::nullopt;
}

GrantSourceKind source_kind(ChildKind kind) {
  switch (kind) {
    case ChildKind::Contract:
      return GrantSourceKind::Contract;
    case ChildKind::ContractLine:
      return GrantSourceKind::ContractLine;
    case ChildKind::Subscription:
      return GrantSourceKind::Subscription;
    case ChildKind::Asset:
      return GrantSourceKind::Asset;
    default:
      return GrantSourceKind::Entitlement;
  }
}

/// Reads fields and notes the first that is not understood.
class SourceReader {
 public:
  explicit SourceReader(const AccountRow& row) : fields_(row) {
    if (row.holes() != nullptr) row_ = read_row(row);
  }

  std::optional<std::string_view> text(GrantField field) {
    if (!row_.holes.empty() && row_.is_unknown(field.name())) {
      note(field, "is unknown");
      return std::nullopt;
    }
    return fields_.find(field.name());
  }

  template <class T, class Parse>
  std::optional<T> read(GrantField field, Parse&& parse) {
    const auto text = this->text(field);
    if (!text) return std::nullopt;
    std::optional<T> value = parse(*text);
    if (!value) note(field);
    return value;
  }
  std::optional<int32_t> day(GrantField field) { return read<int32_t>(field, day_in); }
  std::optional<int64_t> moment(GrantField field) { return read<int64_t>(field, moment_in); }
  std::optional<int64_t> number(GrantField field) { return read<int64_t>(field, whole_number_in); }
  template <class E, size_t N>
  std::optional<E> word(GrantField field,
                        const std::array<std::pair<std::string_view, E>, N>& words) {
    return read<E>(field, [&](std::string_view text) { return find_word(words, text); });
  }
  void note(GrantField field, const char* what = "is not understood") {
    if (fault_.empty()) fault_.append("field ").append(field.name()).append(1, ' ').append(what);
  }
  const std::string& fault() const { return fault_; }

 private:
  FieldTexts fields_;
  RowView row_;  ///< filled if it has holes
  std::string fault_;
};

template <class T>
std::optional<T> and_then(std::optional<T> value, std::optional<T> (*next)(T)) {
  return value ? next(*value) : std::nullopt;
}

class SourceWriter {
 public:
  SourceWriter(flatbuffers::FlatBufferBuilder& builder, const ChildUpdate& update)
      : builder_(builder), update_(update), reader_(*update.row()) {}

  Result<flatbuffers::Offset<GrantSource>> write() {
    const auto id =
        builder_.CreateString(grant_source_id(update_.kind(), update_.child()->string_view()));
    const auto version = write_version(builder_, view_of(*update_.version()));
    const auto period = write_period("start_date", "start_time", "end_date", "end_time");
    const auto suspensions = write_suspensions();
    const auto within = write_within();
    const auto product = write_text(builder_, reader_.text("product").value_or(""));
    const auto terms = write_terms();
    GrantSourceBuilder source(builder_);
    source.add_id(id);
    source.add_version(version);
    source.add_period(period);
    source.add_suspensions(suspensions);
    source.add_within(within);
    source.add_product(product);
    source.add_terms(terms);
    source.add_kind(kind());
    const auto status = reader_.text("status");
    source.add_status(status ? find_word(kStatusWords, *status).value_or(GrantSourceStatus::Active)
                             : GrantSourceStatus::Active);
    source.add_precedence(
        reader_.word("precedence", kPrecedenceWords).value_or(Precedence::BySource));
    if (const auto day = and_then(reader_.day("terminated_date"), &last_day)) {
      source.add_terminated_date(*day);
    }
    if (const auto ms = and_then(reader_.moment("terminated_time"), &end_moment)) {
      source.add_terminated_ms(*ms);
    }
    if (const auto quantity = reader_.number("quantity")) source.add_quantity(*quantity);
    const auto written = source.Finish();
    if (reader_.fault().empty()) return written;
    return Error{ErrorCode::kInvalidRecord, reader_.fault()};
  }

 private:
  GrantSourceKind kind() {
    return reader_.word("grant_kind", kGrantKindWords).value_or(source_kind(update_.kind()));
  }

  flatbuffers::Offset<Period> write_period(GrantField start_date, GrantField start_time,
                                           GrantField end_date, GrantField end_time) {
    PeriodBuilder period(builder_);
    const auto first = and_then(reader_.day(start_date), &first_day);
    const auto from = and_then(reader_.moment(start_time), &first_moment);
    const auto last = and_then(reader_.day(end_date), &last_day);
    const auto until = and_then(reader_.moment(end_time), &end_moment);
    if (first) period.add_start_date(*first);
    if (from) period.add_start_ms(*from);
    if (last) period.add_end_date(*last);
    if (until) period.add_end_ms(*until);
    return period.Finish();
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Period>>> write_suspensions() {
    constexpr std::array<GrantField, 4> kFields{"suspended_from_date", "suspended_from_time",
                                                "suspended_to_date", "suspended_to_time"};
    const bool is_there = std::ranges::any_of(
        kFields, [this](GrantField field) { return reader_.text(field).has_value(); });
    if (!is_there) return {};
    const auto period = write_period(kFields[0], kFields[1], kFields[2], kFields[3]);
    return builder_.CreateVector(&period, 1);
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>>
  write_within() {
    std::vector<flatbuffers::Offset<flatbuffers::String>> within;
    for (const auto& [field, kind] : kWithinFields) {
      const auto id = reader_.text(field);
      if (!id) continue;
      if (!is_internal_id(*id)) {
        reader_.note(field);
        continue;
      }
      within.push_back(builder_.CreateString(grant_source_id(kind, *id)));
    }
    return builder_.CreateVector(within);
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<FeatureTerm>>> write_terms() {
    const auto name = reader_.text("feature");
    if (!name) return {};
    const auto feature = builder_.CreateString(*name);
    const auto text = write_text(builder_, reader_.text("feature_text").value_or(""));
    FeatureTermBuilder term(builder_);
    term.add_feature(feature);
    term.add_text(text);
    term.add_kind(reader_.word("feature_kind", kFeatureKindWords).value_or(FeatureKind::Boolean));
    term.add_amount(reader_.number("amount").value_or(1));
    term.add_per_unit(reader_.word("per_unit", kTruthWords).value_or(false));
    term.add_grace_days(grace_days());
    const auto written = term.Finish();
    return builder_.CreateVector(&written, 1);
  }

  int32_t grace_days() {
    const int64_t days = reader_.number("grace_days").value_or(0);
    if (days < 0 || days > kGraceDaysMax) reader_.note("grace_days");
    return static_cast<int32_t>(std::clamp<int64_t>(days, 0, kGraceDaysMax));
  }

  flatbuffers::FlatBufferBuilder& builder_;
  const ChildUpdate& update_;
  SourceReader reader_;
};

class ChildSources final : public Processor {
 public:
  explicit ChildSources(std::shared_ptr<MappingNotes> notes) : notes_(std::move(notes)) {}

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const auto& update = *flatbuffers::GetRoot<ChildUpdate>(record.value.data());
    if (!grants_features(update.kind())) return;
    id_ = grant_source_id(update.kind(), update.child()->string_view());
    if (!is_internal_id(id_)) return context().count_dropped("invalid_source");  // too long
    if (!update.retract()) {
      const Status sent = send(update, record);
      if (sent.ok()) return;
      context().count_dropped("invalid_source");
      notes_->refused_source(to_string(update.kind()), sent.message());
    }
    builder_.Clear();
    (void)forward(update, EntitlementInputKind::RetractedSource, {}, record);
  }

 private:
  Status send(const ChildUpdate& update, const Record& record) {
    builder_.Clear();
    const auto source = write_grant_source(builder_, update);
    if (!source.ok()) return source.status();
    return forward(update, EntitlementInputKind::Source, *source, record);
  }

  /// Error: the bounds that the source breaks.
  Status forward(const ChildUpdate& update, EntitlementInputKind kind,
                 flatbuffers::Offset<GrantSource> source, const Record& record) {
    const auto root = builder_.CreateString(update.root());
    const auto via = builder_.CreateString(update.account());
    const auto id = builder_.CreateString(id_);
    const Bytes value =
        finish_aligned(builder_, CreateEntitlementInput(builder_, root, kind, via, id, source));
    if (kind == EntitlementInputKind::Source) {
      const auto& input = *flatbuffers::GetRoot<EntitlementInput>(value.data());
      MILLRACE_RETURN_IF_ERROR(check_source(*input.row()));
    }
    context().forward({.key = record.key,
                       .value = value,
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = record.headers});
    return {};
  }

  std::shared_ptr<MappingNotes> notes_;
  flatbuffers::FlatBufferBuilder builder_;
  std::string id_;
};

}  // namespace

bool grants_features(ChildKind kind) {
  return kind != ChildKind::Contact && kind != ChildKind::Opportunity;
}

std::string grant_source_id(ChildKind kind, std::string_view id) {
  const size_t colon = id.find(':');
  std::string full(id.substr(0, colon + 1));
  full.append(to_string(kind)).append(1, '/');
  return full.append(id.substr(colon + 1));
}

Result<flatbuffers::Offset<GrantSource>> write_grant_source(flatbuffers::FlatBufferBuilder& builder,
                                                            const ChildUpdate& update) {
  return SourceWriter(builder, update).write();
}

ProcessorFactory child_sources() {
  return
      [notes = std::make_shared<MappingNotes>()] { return std::make_unique<ChildSources>(notes); };
}

}  // namespace millrace::crm
