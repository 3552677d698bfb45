#include "crm/decode/salesforce/salesforce.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "crm/decode/connect_schema.h"
#include "crm/decode/field_census.h"
#include "crm/decode/field_list.h"
#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"
#include "crm/decode/order/salesforce_order.h"
#include "crm/decode/salesforce/salesforce_header.h"
#include "crm/decode/salesforce/salesforce_nulls.h"
#include "crm/mapping/field_limits.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr std::string_view kHeader = "ChangeEventHeader";
constexpr std::array<std::string_view, 2> kEnvelopes{"data", "payload"};
/// Members that Kafka Connect's source adds to the record's own fields.
constexpr std::array<std::string_view, 4> kConnectMembers{"Id", "ReplayId", "_ObjectType",
                                                          "_EventType"};

/// "001*" stands for every record of an entity.
bool is_wildcard(std::string_view id) {
  constexpr size_t kPrefixBytes = 3;
  return id.size() == kPrefixBytes + 1 && id.ends_with('*');
}

/// CometD's form of a difference: {"diff": "--- \n+++ <hash>\n…"}.
bool is_difference(element value) {
  object members;
  if (value.get(members) != simdjson::SUCCESS || members.size() != 1) return false;
  std::string_view text;
  return members["diff"].get(text) == simdjson::SUCCESS && text.starts_with("---");
}

class SalesforceDecoder final : public Decoder {
 public:
  explicit SalesforceDecoder(const TopicMapping& mapping)
      : mapping_(mapping),
        leaf_reader_(document_, texts_),
        nulls_(mapping.format),
        fields_(&canonical_salesforce_id) {}

  Result<Decoded> decode(Bytes value, Bytes /*key*/) override {
    changes_.clear();
    texts_.clear();
    schema_.clear();
    const Result<element> root = document_.parse(value.view());
    if (!root.ok()) return root.status();
    const JsonPlace top;
    return decode_envelope(*root, top, 0);
  }

 private:
  /// Descends through `data` and `payload` to the object with the header.
  Result<Decoded> decode_envelope(element value, const JsonPlace& place, size_t depth) {
    object members;
    if (value.get(members) != simdjson::SUCCESS) {
      if (value.is_null()) return Decoded{.changes = {}, .skipped = "null_value"};
      return document_.fault(place, "must be an object");
    }
    element header;
    if (members[kHeader].get(header) == simdjson::SUCCESS) {
      return decode_payload(members, place, header);
    }
    element inner;
    if (members["schema"].get(inner) == simdjson::SUCCESS) schema_.read(inner, "");
    for (const std::string_view name : kEnvelopes) {
      if (depth > kEnvelopes.size() || members[name].get(inner) != simdjson::SUCCESS) continue;
      return decode_envelope(inner, place.member(name), depth + 1);
    }
    return document_.fault(place, "has no ChangeEventHeader");
  }

  Result<Decoded> decode_payload(object payload, const JsonPlace& place, element header) {
    const JsonPlace header_place = place.member(kHeader);
    object members;
    if (header.get(members) != simdjson::SUCCESS) {
      return document_.fault(header_place, "must be an object");
    }
    MILLRACE_RETURN_IF_ERROR(read_change_event_header(document_, header_place, members, header_));
    add_salesforce_place(header_.version, header_.commit_number, mapping_, texts_);
    const auto entity = mapping_.entities.find(header_.entity_name);
    if (entity == mapping_.entities.end()) {
      return Decoded{.skipped = "unknown_entity", .entity_name = header_.entity_name};
    }
    entity_ = &entity->second;
    if (header_.load == LoadMark::kBegan || header_.load == LoadMark::kEnded) {
      return Decoded{.skipped = "load_mark",
                     .entity_name = header_.entity_name,
                     .load = load_part(header_.load_rows)};
    }
    fields_.begin(*entity_, mapping_.source, texts_);
    leaf_reader_.begin(*entity_, schema_);
    absent_ = {};
    if (has_fields()) MILLRACE_RETURN_IF_ERROR(read_fields(payload, place));
    MILLRACE_RETURN_IF_ERROR(add_changes(header_place));
    return Decoded{.changes = changes_,
                   .entity_name = header_.entity_name,
                   .load = load_part(changes_.size()),
                   .refusals = fields_.refusals(),
                   .absent_fields = absent_};
  }

  LoadPart load_part(uint64_t rows) const {
    if (header_.load == LoadMark::kNone) return {};
    return {.mark = header_.load, .entity = entity_, .version = header_.version, .rows = rows};
  }

  bool has_fields() const {
    return header_.kind == ChangeKind::kCreate || header_.kind == ChangeKind::kUpdate ||
           header_.kind == ChangeKind::kUndelete || is_delete_with_master();
  }

  bool is_delete_with_master() const {
    return header_.kind == ChangeKind::kDelete && !entity_->master.empty();
  }

  Status read_fields(object payload, const JsonPlace& place) {
    nulls_.begin(header_);
    leaves_.clear();
    for (const auto [name, value] : payload) {
      if (name == kHeader || is_connect_member(name)) continue;
      if (is_difference(value)) {
        fields_.add_unknown(name);
        continue;
      }
      MILLRACE_RETURN_IF_ERROR(leaf_reader_.read(place.member(name), name, value, leaves_));
    }
    std::ranges::sort(leaves_, {}, &JsonLeaf::name);
    absent_ = census_.count_event(*entity_, leaves_);
    for (const JsonLeaf& leaf : leaves_) MILLRACE_RETURN_IF_ERROR(add_leaf(leaf, place));
    for (const std::string_view name : nulls_.without_leaf(leaves_)) {
      if (!is_diff_field(name)) MILLRACE_RETURN_IF_ERROR(add_null(name));
    }
    if (!fields_.finish()) return document_.fault(place, "has two values for one field");
    return {};
  }

  bool is_connect_member(std::string_view name) const {
    return mapping_.format == RawFormat::kSalesforceConnect &&
           std::ranges::find(kConnectMembers, name) != kConnectMembers.end();
  }

  bool is_diff_field(std::string_view name) const {
    return std::ranges::find(header_.diff_fields, name) != header_.diff_fields.end();
  }

  Status add_leaf(const JsonLeaf& leaf, const JsonPlace& place) {
    if (is_diff_field(leaf.name)) {
      fields_.add_unknown(leaf.name);
      return {};
    }
    if (!leaf.value && leaf.fault.empty()) {
      return nulls_.says_null(leaf.name) ? add_null(leaf.name) : Status();
    }
    const Status added = fields_.add(leaf);
    if (added.ok()) return {};
    // A reference is a member of its own, never a part of one.
    return document_.fault(place.member(leaf.name), added.message());
  }

  Status add_null(std::string_view name) {
    for (std::string& part : fields_of_null(name, *entity_)) {
      MILLRACE_RETURN_IF_ERROR(fields_.add({.name = texts_.keep(std::move(part))}));
    }
    return {};
  }

  Status add_changes(const JsonPlace& header_place) {
    if (header_.kind == ChangeKind::kOverflow) return add_overflow(header_place);
    const JsonPlace ids_place = header_place.member("recordIds");
    if (bytes_without_ids() * header_.record_ids.size() > kExpandedBytesMax) {
      return document_.fault(ids_place, "has too many ids for the size of the event's fields");
    }
    bool all_records = false;
    for (size_t i = 0; i < header_.record_ids.size(); ++i) {
      if (is_wildcard(header_.record_ids[i])) {
        if (header_.load != LoadMark::kNone) {
          return document_.fault(ids_place.element(i), "must be one record's in a load");
        }
        all_records = true;
        continue;
      }
      const Result<std::string> id = canonical_salesforce_id(header_.record_ids[i]);
      if (!id.ok()) return document_.fault(ids_place.element(i), id.message());
      Result<std::string> whole = internal_id(mapping_.source, *id);
      if (!whole.ok()) return document_.fault(ids_place.element(i), whole.message());
      add_change(texts_.keep(*std::move(whole)));
    }
    // Which of its records changed, and how, is not told: only a resync helps.
    return all_records ? add_overflow(header_place) : Status();
  }

  size_t bytes_without_ids() const {
    constexpr size_t kQuotesAndComma = 3;
    size_t bytes = document_.bytes();
    for (const std::string_view id : header_.record_ids) {
      bytes -= std::min(bytes, id.size() + kQuotesAndComma);
    }
    return bytes;
  }

  void add_change(std::string_view id) {
    Change change = empty_change(header_.kind, id);
    change.full_image =
        header_.kind == ChangeKind::kCreate || header_.kind == ChangeKind::kUndelete;
    if (is_delete_with_master()) {
      change.fields = fields_.only(entity_->master);
    } else {
      change.fields = fields_.fields();
      change.unknown_fields = fields_.unknown_fields();
      change.unchanged_fields = fields_.unchanged_fields();
    }
    changes_.push_back(change);
  }

  Status add_overflow(const JsonPlace& header_place) {
    Result<std::string> id = internal_id(mapping_.source, header_.entity_name);
    if (!id.ok()) return document_.fault(header_place.member("entityName"), id.message());
    changes_.push_back(empty_change(ChangeKind::kOverflow, texts_.keep(*std::move(id))));
    return {};
  }

  Change empty_change(ChangeKind kind, std::string_view id) const {
    return {.entity = entity_,
            .entity_name = header_.entity_name,
            .id = id,
            .kind = kind,
            .version = header_.version};
  }

  const TopicMapping& mapping_;
  JsonDocument document_;
  KeptTexts texts_;
  ConnectSchema schema_;
  LeafReader leaf_reader_;
  FieldCensus census_;
  std::span<const std::string_view> absent_;
  ChangeEventHeader header_;
  SalesforceNulls nulls_;
  FieldList fields_;
  std::vector<JsonLeaf> leaves_;
  const EntityMapping* entity_ = nullptr;
  std::vector<Change> changes_;
};

}  // namespace

std::unique_ptr<Decoder> make_salesforce_decoder(const TopicMapping& mapping) {
  return std::make_unique<SalesforceDecoder>(mapping);
}

}  // namespace millrace::crm
