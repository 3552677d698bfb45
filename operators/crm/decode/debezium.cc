#include "crm/decode/debezium.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "crm/decode/connect_schema.h"
#include "crm/decode/debezium_source.h"
#include "crm/decode/field_census.h"
#include "crm/decode/field_list.h"
#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"
#include "crm/decode/unavailable.h"
#include "crm/ids.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

class DebeziumDecoder final : public Decoder {
 public:
  explicit DebeziumDecoder(const TopicMapping& mapping)
      : mapping_(mapping),
        leaf_reader_(document_, texts_),
        fields_(&id_as_it_is),
        unavailable_(mapping.unavailable_value) {}

  Result<Decoded> decode(Bytes value) override {
    changes_.clear();
    texts_.clear();
    schema_.clear();
    const Result<element> root = document_.parse(value.view());
    if (!root.ok()) return root.status();
    const JsonPlace top;
    object members;
    if (root->get(members) != simdjson::SUCCESS) {
      if (root->is_null()) return skipped("null_value");
      return document_.fault(top, "must be an object");
    }
    element payload;
    if (members["op"].error() == simdjson::SUCCESS ||
        members["payload"].get(payload) != simdjson::SUCCESS) {
      return decode_envelope(members, top);
    }
    if (payload.is_null()) return skipped("null_value");
    element schema;
    if (members["schema"].get(schema) == simdjson::SUCCESS) schema_.read(schema, "after");
    const JsonPlace payload_place = top.member("payload");
    if (payload.get(members) != simdjson::SUCCESS) {
      return document_.fault(payload_place, "must be an object");
    }
    return decode_envelope(members, payload_place);
  }

 private:
  static Decoded skipped(std::string_view why) { return {.changes = {}, .skipped = why}; }

  Result<Decoded> decode_envelope(object envelope, const JsonPlace& place) {
    std::string_view op;
    if (envelope["op"].get(op) != simdjson::SUCCESS || op.size() != 1) {
      return document_.fault(place.member("op"), "must be one letter");
    }
    if (op == "m") return skipped("message");
    Result<DebeziumSource> read =
        read_debezium_source(document_, place, envelope, mapping_, texts_);
    if (!read.ok()) return read.status();
    source_ = *read;
    const auto entity = mapping_.entities.find(source_.entity_name);
    if (entity == mapping_.entities.end()) {
      return Decoded{.skipped = "unknown_entity", .entity_name = source_.entity_name};
    }
    entity_ = &entity->second;
    fields_.begin(*entity_, mapping_.source, texts_);
    leaf_reader_.begin(*entity_, schema_);
    absent_ = {};
    MILLRACE_RETURN_IF_ERROR(add_changes(op.front(), envelope, place));
    return Decoded{.changes = changes_,
                   .entity_name = source_.entity_name,
                   .refusals = fields_.refusals(),
                   .absent_fields = absent_};
  }

  Status add_changes(char op, object envelope, const JsonPlace& place) {
    switch (op) {
      case 'c':
        return add_image(ChangeKind::kCreate, envelope, place);
      case 'r':  // what a snapshot found: it says nothing about when the row was made
        return add_image(ChangeKind::kUpdate, envelope, place);
      case 'u':
        MILLRACE_RETURN_IF_ERROR(add_image(ChangeKind::kUpdate, envelope, place));
        return add_delete_of_old_id(envelope, place);
      case 'd':
        return add_delete(envelope, place);
      case 't':
        return add_truncate(place);
      default:
        return document_.fault(place.member("op"), "must be c, r, u, d, t or m");
    }
  }

  Status add_image(ChangeKind kind, object envelope, const JsonPlace& place) {
    const JsonPlace row_place = place.member("after");
    object row;
    if (envelope["after"].get(row) != simdjson::SUCCESS) {
      return document_.fault(row_place, "must be an object");
    }
    Result<std::string_view> id = id_of(row, row_place);
    if (!id.ok()) return id.status();
    MILLRACE_RETURN_IF_ERROR(read_fields(kind, row, row_place));
    absent_ = census_.count_row(*entity_, row);
    Change change = empty_change(kind, *id);
    change.full_image = true;
    change.fields = fields_.fields();
    change.unknown_fields = fields_.unknown_fields();
    change.unchanged_fields = fields_.unchanged_fields();
    changes_.push_back(change);
    return {};
  }

  Status read_fields(ChangeKind kind, object row, const JsonPlace& place) {
    leaves_.clear();
    for (const auto [name, value] : row) {
      if (name == entity_->id_field && entity_->find(name) == nullptr) continue;
      if (unavailable_.is_in(value)) {
        add_hole(kind, name);
        continue;
      }
      MILLRACE_RETURN_IF_ERROR(leaf_reader_.read(place.member(name), name, value, leaves_));
    }
    for (const JsonLeaf& leaf : leaves_) {
      const Status added = fields_.add(leaf);
      if (!added.ok()) return document_.fault(place.member(leaf.name), added.message());
    }
    if (!fields_.finish()) return document_.fault(place, "has two values for one field");
    return {};
  }

  /// A column that is not available kept its value, but a new record has no value to keep: it comes
  /// from another one, whose key changed.
  void add_hole(ChangeKind kind, std::string_view name) {
    if (kind == ChangeKind::kCreate) {
      fields_.add_unknown(name);
    } else {
      fields_.add_unchanged(name);
    }
  }

  Result<std::string_view> id_of(object row, const JsonPlace& place) {
    const JsonPlace id_place = place.member(entity_->id_field);
    element value;
    if (row[entity_->id_field].get(value) != simdjson::SUCCESS || value.is_null()) {
      return document_.fault(place, "lacks the id column");
    }
    const std::optional<std::string_view> text = leaf_reader_.id_text(entity_->id_field, value);
    if (!text) return document_.fault(id_place, "must be a string or a number");
    Result<std::string> id = internal_id(mapping_.source, *text);
    if (!id.ok()) return document_.fault(id_place, id.message());
    return texts_.keep(*std::move(id));
  }

  /// An id that is no primary key may change without the delete and create that Debezium makes of
  /// a new key.
  Status add_delete_of_old_id(object envelope, const JsonPlace& place) {
    object row;
    element id;
    if (envelope["before"].get(row) != simdjson::SUCCESS ||
        row[entity_->id_field].get(id) != simdjson::SUCCESS || id.is_null()) {
      return {};
    }
    Result<std::string_view> old_id = id_of(row, place.member("before"));
    if (!old_id.ok()) return old_id.status();
    if (*old_id != changes_.front().id) {
      changes_.push_back(empty_change(ChangeKind::kDelete, *old_id));
    }
    return {};
  }

  Status add_delete(object envelope, const JsonPlace& place) {
    const JsonPlace row_place = place.member("before");
    object row;
    if (envelope["before"].get(row) != simdjson::SUCCESS) {
      return document_.fault(row_place, "must be an object");
    }
    Result<std::string_view> id = id_of(row, row_place);
    if (!id.ok()) return id.status();
    Change change = empty_change(ChangeKind::kDelete, *id);
    if (!entity_->master.empty()) {
      MILLRACE_RETURN_IF_ERROR(read_fields(change.kind, row, row_place));
      change.fields = fields_.only(entity_->master);
    }
    changes_.push_back(change);
    return {};
  }

  /// Every row is gone, and which ones there were is not told.
  Status add_truncate(const JsonPlace& place) {
    Result<std::string> id = internal_id(mapping_.source, source_.entity_name);
    if (!id.ok()) return document_.fault(place.member("source"), id.message());
    changes_.push_back(empty_change(ChangeKind::kOverflow, texts_.keep(*std::move(id))));
    return {};
  }

  Change empty_change(ChangeKind kind, std::string_view id) const {
    return {.entity = entity_,
            .entity_name = source_.entity_name,
            .id = id,
            .kind = kind,
            .version = source_.version};
  }

  const TopicMapping& mapping_;
  JsonDocument document_;
  TextArena texts_;
  ConnectSchema schema_;
  LeafReader leaf_reader_;
  FieldList fields_;
  UnavailableValue unavailable_;
  FieldCensus census_;
  std::vector<JsonLeaf> leaves_;
  std::span<const std::string_view> absent_;
  DebeziumSource source_;
  const EntityMapping* entity_ = nullptr;
  std::vector<Change> changes_;
};

}  // namespace

std::unique_ptr<Decoder> make_debezium_decoder(const TopicMapping& mapping) {
  return std::make_unique<DebeziumDecoder>(mapping);
}

}  // namespace millrace::crm
