#include "crm/decode/change_decoder.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/assert.h"
#include "millrace/core/invalid_record.h"

#include "account_generated.h"
#include "conflict_generated.h"
#include "crm/decode/decoder.h"
#include "crm/decode/mapping_notes.h"
#include "crm/decode/mapping_report.h"
#include "crm/mapping/child_key.h"
#include "crm/model/encode.h"
#include "crm/model/table_floors.h"
#include "crm/model/version.h"
#include "crm/model/whole_table.h"
#include "merge_signal_generated.h"
#include "table_floor_generated.h"

namespace millrace::crm {
namespace {

ChangeType change_type(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreate:
      return ChangeType::Create;
    case ChangeKind::kUpdate:
      return ChangeType::Update;
    case ChangeKind::kDelete:
      return ChangeType::Delete;
    case ChangeKind::kUndelete:
      return ChangeType::Undelete;
    case ChangeKind::kGapCreate:
    case ChangeKind::kGapUpdate:
    case ChangeKind::kGapDelete:
    case ChangeKind::kGapUndelete:
    case ChangeKind::kOverflow:
    case ChangeKind::kTruncate:
      break;
  }
  return ChangeType::Gap;
}

bool has_children(const Mapping& mapping) {
  return std::ranges::any_of(mapping.topics, [](const TopicMapping& topic) {
    return std::ranges::any_of(topic.entities, [](const auto& entity) {
      return entity.second.kind != EntityKind::kAccount;
    });
  });
}

/// None: absent.
auto write_names(flatbuffers::FlatBufferBuilder& builder, std::span<const std::string_view> names)
    -> flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> {
  if (names.empty()) return {};
  std::vector<flatbuffers::Offset<flatbuffers::String>> texts;
  texts.reserve(names.size());
  for (const std::string_view name : names) texts.push_back(builder.CreateString(name));
  return builder.CreateVector(texts);
}

Bytes encode(flatbuffers::FlatBufferBuilder& builder, const Change& change, ChangeType type) {
  builder.Clear();
  std::vector<flatbuffers::Offset<FieldValue>> fields;
  if (type != ChangeType::Gap) {
    fields.reserve(change.fields.size());
    for (const DecodedField& field : change.fields) {
      const auto name = builder.CreateString(field.name);
      const auto value = field.value ? builder.CreateString(*field.value)
                                     : flatbuffers::Offset<flatbuffers::String>();
      fields.push_back(CreateFieldValue(builder, name, value, field.type));
    }
  }
  const auto unknown = write_names(builder, change.unknown_fields);
  const auto unchanged = write_names(builder, change.unchanged_fields);
  const auto table = write_text(builder, change.entity_name);
  const auto id = builder.CreateString(change.id);
  const auto version = write_version(builder, change.version);
  const auto all_fields = builder.CreateVector(fields);
  return finish_aligned(builder, CreateAccountChange(builder, id, type, version, all_fields,
                                                     change.full_image, unknown, unchanged, table));
}

class ChangeDecoder final : public Processor {
 public:
  ChangeDecoder(std::shared_ptr<const Mapping> mapping, size_t topic,
                std::shared_ptr<MappingNotes> notes, std::shared_ptr<MappingReport> report)
      : mapping_(std::move(mapping)),
        notes_(std::move(notes)),
        report_(std::move(report)),
        index_(topic),
        topic_(mapping_->topics[topic]),
        tables_child_(has_children(*mapping_) ? kChildChangesChild + 1 : kChildChangesChild),
        decoder_(make_decoder(topic_)) {}

  void process(const Record& record) override {
    if (record.value.is_null()) {
      if (report_ != nullptr) report_->count_null(index_, record.timestamp_ms);
      return context().count_dropped("null_value");
    }
    const Result<Decoded> decoded = decoder_->decode(record.value, record.key);
    if (!decoded.ok()) {
      if (report_ != nullptr) {
        report_->count_invalid(index_, decoded.message(), record.timestamp_ms);
      }
      throw InvalidRecord(std::string(to_string(topic_.format)) + ": " + decoded.message());
    }
    if (!decoded->skipped.empty()) context().count_dropped(decoded->skipped);
    if (!decoded->transaction_end.id.empty()) send_end(decoded->transaction_end, record);
    note(*decoded);
    if (report_ != nullptr) report_->count(index_, *decoded, record.timestamp_ms);
    check_moment(decoded->load, record);
    for (const Change& change : decoded->changes) send(change, record);
    if (decoded->snapshot != SnapshotMark::kNone) {
      for (const Change& change : decoded->changes) send_mark(change, decoded->snapshot, record);
    }
    if (decoded->load.mark != LoadMark::kNone) {
      send_load(decoded->load, decoded->entity_name, record);
    }
  }

 private:
  /// Counts and logs where mapping and topic do not fit.
  void note(const Decoded& decoded) {
    if (decoded.skipped == "unknown_entity") {
      notes_->unknown_entity(topic_.topic, decoded.entity_name);
    }
    for (const std::string_view field : decoded.absent_fields) {
      context().count_dropped("absent_field");
      notes_->absent_field(topic_.topic, decoded.entity_name, field);
    }
    for (const FieldRefusal& refusal : decoded.refusals) {
      context().count_dropped("refused_field");
      notes_->refused_field(topic_.topic, decoded.entity_name, refusal);
    }
  }

  void send(const Change& change, const Record& record) {
    if (change.kind == ChangeKind::kOverflow) return send_resync(change, record);
    if (change.kind == ChangeKind::kTruncate) {
      return send_table(change, TableEventKind::Truncated, change.version, record);
    }
    if (!change.encoded.is_null()) return send_change(change, change.encoded, record);
    send_change(change, encode(builder_, change, change_type(change.kind)), record);
  }

  /// A row of a snapshot whose place is unknown says nothing about the others.
  void send_mark(const Change& change, SnapshotMark mark, const Record& record) {
    const std::optional<VersionView> floor = below_snapshot(change.version);
    if (!floor) return;
    const TableEventKind kind = mark == SnapshotMark::kFirst  ? TableEventKind::SnapshotBegan
                                : mark == SnapshotMark::kLast ? TableEventKind::SnapshotEnded
                                                              : TableEventKind::SnapshotsEnded;
    send_table(change, kind, *floor, record);
  }

  void send_table(const Change& change, TableEventKind kind, VersionView version,
                  const Record& record) {
    const std::string_view key = version.log.empty() ? topic_.source : version.log;
    send_event(key, home_of_kind(change.entity->kind), change.entity_name, kind, version, 0,
               record);
  }

  /// The records of a load beat all that is older than its moment, and so do its deletes. A moment
  /// to come would delete what is yet to be changed.
  static void check_moment(const LoadPart& load, const Record& record) {
    constexpr int64_t kClocksDifferMsMax = 3'600'000;
    if (load.version.commit_timestamp_ms <= record.timestamp_ms + kClocksDifferMsMax) return;
    throw InvalidRecord("a load whose commitTimestamp is later than its records");
  }

  void send_load(const LoadPart& load, std::string_view entity, const Record& record) {
    const TableEventKind kind = load.mark == LoadMark::kBegan ? TableEventKind::LoadBegan
                                : load.mark == LoadMark::kRow ? TableEventKind::LoadRows
                                                              : TableEventKind::LoadEnded;
    const std::string home = home_of_kind(load.entity->kind);
    send_event(table_key(home, entity), home, entity, kind, below_load(load.version), load.rows,
               record);
  }

  std::string home_of_kind(EntityKind kind) const {
    if (kind == EntityKind::kAccount) return topic_.source;
    return std::string(to_string(kind)).append(1, '/').append(topic_.source);
  }

  void send_event(std::string_view key, std::string_view home, std::string_view table,
                  TableEventKind kind, VersionView version, uint64_t rows, const Record& record) {
    builder_.Clear();
    const auto home_text = builder_.CreateString(home);
    const auto table_text = builder_.CreateString(table);
    const auto version_offset = write_version(builder_, version);
    const Bytes value = finish_aligned(
        builder_, CreateTableEvent(builder_, kind, home_text, table_text, version_offset, rows));
    key_.assign(key);
    context().forward_to(tables_child_, {.key = key_,
                                         .value = value,
                                         .old_value = {},
                                         .timestamp_ms = record.timestamp_ms,
                                         .headers = {}});
  }

  void send_change(const Change& change, Bytes value, const Record& record) {
    const bool is_child = change.entity->kind != EntityKind::kAccount;
    if (is_child) {
      key_ = child_key(change.entity->kind, change.id);
    } else {
      key_.assign(change.id);
    }
    context().forward_to(is_child ? kChildChangesChild : kAccountChangesChild,
                         {.key = key_,
                          .value = value,
                          .old_value = {},
                          .timestamp_ms = record.timestamp_ms,
                          .headers = record.headers});
  }

  /// With the number of its changes that the job sees, in this or other topics of the source.
  void send_end(const TransactionEnd& end, const Record& record) {
    if (!is_of_transactions(topic_) || context().child_count() <= tables_child_ + 1) return;
    uint64_t events = 0;
    for (const TableCount& table : end.tables) {
      if (is_mapped(table.table)) events += table.events;
    }
    const std::string id = std::string(topic_.source).append(1, ':').append(end.id);
    builder_.Clear();
    const auto id_text = builder_.CreateString(id);
    const auto version = write_version(builder_, {});
    const Bytes value = finish_aligned(
        builder_,
        CreateTransactionPart(builder_, TransactionPartKind::End, id_text, {}, version, events));
    context().forward_to(tables_child_ + 1, {.key = id,
                                             .value = value,
                                             .old_value = {},
                                             .timestamp_ms = record.timestamp_ms,
                                             .headers = {}});
  }

  /// "public.customers" is; SQL Server's connector writes the database in front.
  bool is_mapped(std::string_view table) const {
    const std::string_view without_database = table.substr(table.find('.') + 1);
    return std::ranges::any_of(mapping_->topics, [&](const TopicMapping& topic) {
      return topic.format == RawFormat::kDebezium && topic.source == topic_.source &&
             (topic.entities.contains(table) || topic.entities.contains(without_database));
    });
  }

  void send_resync(const Change& change, const Record& record) {
    context().count_dropped("resync_needed");
    builder_.Clear();
    const auto id = builder_.CreateString(change.id);
    const auto ids = builder_.CreateVector(&id, 1);
    const auto version = write_version(builder_, change.version);
    const auto text = builder_.CreateString(
        "the source missed changes of an unknown number of records: send all records again");
    const Bytes value = finish_aligned(
        builder_, CreateConflict(builder_, ConflictKind::ResyncNeeded, ids, version, text));
    key_.assign(change.id);
    context().forward_to(kResyncsChild, {.key = key_,
                                         .value = value,
                                         .old_value = {},
                                         .timestamp_ms = record.timestamp_ms,
                                         .headers = {}});
  }

  std::shared_ptr<const Mapping> mapping_;
  std::shared_ptr<MappingNotes> notes_;
  std::shared_ptr<MappingReport> report_;
  size_t index_;  ///< of the topic
  const TopicMapping& topic_;
  size_t tables_child_;
  std::unique_ptr<Decoder> decoder_;
  flatbuffers::FlatBufferBuilder builder_;
  std::string key_;
};

}  // namespace

ProcessorFactory change_decoder(std::shared_ptr<const Mapping> mapping, size_t topic,
                                std::shared_ptr<MappingReport> report) {
  MILLRACE_ASSERT(topic < mapping->topics.size(), "the mapping has no such topic");
  return [mapping = std::move(mapping), topic, notes = std::make_shared<MappingNotes>(),
          report = std::move(report)] {
    return std::make_unique<ChangeDecoder>(mapping, topic, notes, report);
  };
}

}  // namespace millrace::crm
