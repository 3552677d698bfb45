#include "crm/decode/debezium.h"

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "crm/decode/connect_schema.h"
#include "crm/decode/debezium_noise.h"
#include "crm/decode/debezium_source.h"
#include "crm/decode/field_census.h"
#include "crm/decode/field_list.h"
#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"
#include "crm/decode/mongo_update.h"
#include "crm/decode/unavailable.h"
#include "crm/model/ids.h"

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
        mongo_update_(document_, leaf_reader_, fields_),
        unavailable_(mapping.unavailable_value) {}

  Result<Decoded> decode(Bytes value, Bytes key) override {
    key_ = key;
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
    if (envelope["op"].error() != simdjson::SUCCESS) {
      if (const std::string_view noise = debezium_noise(envelope); !noise.empty()) {
        return Decoded{.skipped = noise,
                       .transaction_end = read_transaction_end(envelope, counts_)};
      }
    }
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
    MILLRACE_RETURN_IF_ERROR(read_images(envelope, place));
    MILLRACE_RETURN_IF_ERROR(add_changes(op.front(), envelope, place));
    return Decoded{.changes = changes_,
                   .entity_name = source_.entity_name,
                   .snapshot = source_.snapshot,
                   .refusals = fields_.refusals(),
                   .absent_fields = absent_};
  }

  Status read_images(object envelope, const JsonPlace& place) {
    before_.reset();
    after_.reset();
    for (auto [name, image, text] : {std::tuple("before", &before_, &before_text_),
                                     std::tuple("after", &after_, &after_text_)}) {
      element value;
      if (envelope[name].get(value) != simdjson::SUCCESS || value.is_null()) continue;
      const Result<object> row = object_or_text(value, document_, place.member(name), *text);
      if (!row.ok()) return row.status();
      *image = *row;
    }
    return {};
  }

  Status add_changes(char op, object envelope, const JsonPlace& place) {
    switch (op) {
      case 'c':
        return add_image(ChangeKind::kCreate, place);
      case 'r':  // what a snapshot found: it says nothing about when the row was made
        return add_image(ChangeKind::kUpdate, place);
      case 'u':
        return add_update(envelope, place);
      case 'd':
        return add_delete(place);
      case 't':
        return add_truncate(place);
      default:
        return document_.fault(place.member("op"), "must be c, r, u, d, t or m");
    }
  }

  Status add_image(ChangeKind kind, const JsonPlace& place) {
    const JsonPlace row_place = place.member("after");
    if (!after_) return document_.fault(row_place, "must be an object");
    const object row = *after_;
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

  Status add_update(object envelope, const JsonPlace& place) {
    object description;
    if (!after_ && envelope["updateDescription"].get(description) == simdjson::SUCCESS) {
      return add_partial_update(description, place);
    }
    MILLRACE_RETURN_IF_ERROR(add_image(ChangeKind::kUpdate, place));
    return add_delete_of_old_id(place);
  }

  /// MongoDB's, whose connector does not always look the whole document up.
  Status add_partial_update(object description, const JsonPlace& place) {
    const JsonPlace update_place = place.member("updateDescription");
    Result<std::string_view> id = id_without_image(place);
    if (!id.ok()) return id.status();
    MILLRACE_RETURN_IF_ERROR(mongo_update_.read(description, update_place, *entity_));
    if (!fields_.finish()) return document_.fault(update_place, "has two values for one field");
    Change change = empty_change(ChangeKind::kUpdate, *id);
    change.fields = fields_.fields();
    change.unknown_fields = fields_.unknown_fields();
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
    element value;
    if (row[entity_->id_field].get(value) != simdjson::SUCCESS || value.is_null()) {
      return document_.fault(place, "lacks the id column");
    }
    return whole_id(value, place.member(entity_->id_field));
  }

  Result<std::string_view> whole_id(element value, const JsonPlace& place) {
    const std::optional<std::string_view> text = leaf_reader_.id_text(entity_->id_field, value);
    if (!text) return document_.fault(place, "must be a string or a number");
    Result<std::string> id = internal_id(mapping_.source, *text);
    if (!id.ok()) return document_.fault(place, id.message());
    return texts_.keep(*std::move(id));
  }

  /// Of an event without `after`. MongoDB's have no `before` either, unless the collection keeps
  /// the images before changes; then the key of the record has the id.
  Result<std::string_view> id_without_image(const JsonPlace& place) {
    const JsonPlace row_place = place.member("before");
    if (before_) return id_of(*before_, row_place);
    if (source_.is_collection) {
      if (const auto id = mongo_id_in(key_, key_document_, key_text_)) {
        return whole_id(*id, row_place);
      }
      return document_.fault(row_place, "must be an object, or the record's key have the id");
    }
    return document_.fault(row_place, "must be an object");
  }

  /// An id that is no primary key may change without the delete and create that Debezium makes of
  /// a new key.
  Status add_delete_of_old_id(const JsonPlace& place) {
    element id;
    if (!before_ || (*before_)[entity_->id_field].get(id) != simdjson::SUCCESS || id.is_null()) {
      return {};
    }
    Result<std::string_view> old_id = id_of(*before_, place.member("before"));
    if (!old_id.ok()) return old_id.status();
    if (*old_id != changes_.front().id) {
      changes_.push_back(empty_change(ChangeKind::kDelete, *old_id));
    }
    return {};
  }

  Status add_delete(const JsonPlace& place) {
    Result<std::string_view> id = id_without_image(place);
    if (!id.ok()) return id.status();
    Change change = empty_change(ChangeKind::kDelete, *id);
    if (before_ && !entity_->master.empty()) {
      MILLRACE_RETURN_IF_ERROR(read_fields(change.kind, *before_, place.member("before")));
      change.fields = fields_.only(entity_->master);
    }
    changes_.push_back(change);
    return {};
  }

  /// Every row is gone; the event does not name them.
  Status add_truncate(const JsonPlace& place) {
    Result<std::string> id = internal_id(mapping_.source, source_.entity_name);
    if (!id.ok()) return document_.fault(place.member("source"), id.message());
    changes_.push_back(empty_change(ChangeKind::kTruncate, texts_.keep(*std::move(id))));
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
  JsonDocument before_text_;
  JsonDocument after_text_;
  JsonDocument key_document_;
  JsonDocument key_text_;
  KeptTexts texts_;
  ConnectSchema schema_;
  LeafReader leaf_reader_;
  FieldList fields_;
  MongoUpdate mongo_update_;
  UnavailableValue unavailable_;
  FieldCensus census_;
  std::vector<JsonLeaf> leaves_;
  std::span<const std::string_view> absent_;
  std::vector<TableCount> counts_;
  Bytes key_;
  std::optional<object> before_;
  std::optional<object> after_;
  DebeziumSource source_;
  const EntityMapping* entity_ = nullptr;
  std::vector<Change> changes_;
};

}  // namespace

std::unique_ptr<Decoder> make_debezium_decoder(const TopicMapping& mapping) {
  return std::make_unique<DebeziumDecoder>(mapping);
}

}  // namespace millrace::crm
