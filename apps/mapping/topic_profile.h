#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "millrace/core/bytes.h"

#include "apps/mapping/column_profile.h"
#include "crm/decode/connect_schema.h"
#include "crm/decode/json_document.h"
#include "crm/decode/unavailable.h"
#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// The columns of a table, or fields of an object of Salesforce.
struct EntityProfile {
  uint64_t records = 0;
  uint64_t rows = 0;       ///< records with fields
  uint64_t full_rows = 0;  ///< of these with all fields
  bool is_cut = false;     ///< it has more columns than are kept
  /// By the source's name; parts of objects have dotted names.
  std::map<std::string, ColumnProfile, std::less<>> columns{};
  /// The columns of the records' Kafka keys; empty if the keys are no JSON objects.
  std::set<std::string, std::less<>> key_columns{};
  std::string connector{};  ///< Debezium: `topic.prefix`
};

/// The signs of the dialects of Salesforce's events.
struct SalesforceSigns {
  uint64_t unnamed_nulls = 0;  ///< nulls that the header does not name as changed
  uint64_t flat_parts = 0;     ///< fields such as BillingCity, which Kafka Connect's source writes
  uint64_t connect_schemas = 0;
  uint64_t nulled_lists = 0;  ///< headers with `nulledFields`
};

/// The shapes of a topic's records, gathered without a mapping. Reads records as the decoders do,
/// but takes any entity and any column. Holds names and counts, never values. Not thread-safe.
class TopicProfile {
 public:
  static constexpr size_t kEntitiesMax = 500;
  static constexpr size_t kColumnsMax = 2'000;

  /// REQUIRES: `format` is not FlatBuffers, which needs no mapping.
  TopicProfile(crm::RawFormat format, std::string_view unavailable_value);

  void add(Bytes key, Bytes value);

  uint64_t records() const { return records_; }
  /// Records of another shape: no JSON, or no event of the format.
  uint64_t unreadable() const { return unreadable_; }
  const std::map<std::string, EntityProfile, std::less<>>& entities() const { return entities_; }
  const SalesforceSigns& salesforce() const { return signs_; }

 private:
  bool add_debezium(simdjson::dom::element root);
  bool add_row(simdjson::dom::object envelope, EntityProfile& entity);
  bool add_salesforce(simdjson::dom::element root, size_t depth);
  void add_event(simdjson::dom::object payload, simdjson::dom::object header);
  void add_columns(EntityProfile& entity, simdjson::dom::object row, const std::string& prefix,
                   size_t depth);
  void add_key(EntityProfile& entity, Bytes key);
  EntityProfile* entity_of(std::string_view name);

  crm::RawFormat format_;
  crm::UnavailableValue unavailable_;
  crm::JsonDocument document_;
  crm::JsonDocument inner_;  ///< of JSON inside of texts and keys
  crm::ConnectSchema schema_;
  std::map<std::string, EntityProfile, std::less<>> entities_;
  EntityProfile* last_ = nullptr;  ///< of the record that is being added
  SalesforceSigns signs_;
  uint64_t records_ = 0;
  uint64_t unreadable_ = 0;
};

}  // namespace millrace::apps
