#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "millrace/core/result.h"

#include "crm/model/survivorship.h"
#include "crm/values/field_form.h"

namespace millrace::crm {

/// The format of a topic's values.
enum class RawFormat : unsigned char {
  kSalesforceCometd,   ///< Change Data Capture as the Streaming API sends it
  kSalesforcePubsub,   ///< as a client of the Pub/Sub API decodes it to JSON
  kSalesforceConnect,  ///< as a Kafka Connect source writes it, with or without {schema, payload}
  kDebezium,           ///< Debezium's envelope as JSON, with or without {schema, payload}
  kFlatbuffers,        ///< AccountChange (schemas/account.fbs)
};

/// Our kind of a record; decides the rows that its changes go to.
enum class EntityKind : unsigned char {
  kAccount,
  kContact,
  kOpportunity,
  kContract,
  kContractLine,
  kSubscription,
  kAsset,
  kEntitlement,
};

/// As a mapping writes it, e.g. "contract_line".
std::string_view to_string(EntityKind kind);
std::string_view to_string(RawFormat format);

struct FieldMapping {
  std::string name;        ///< ours
  bool dropped = false;    ///< ignored; has no name
  bool personal = false;   ///< masked wherever values are shown
  bool reference = false;  ///< an id of the same source; its values become `source:id`
  FieldForm form{};        ///< as declared
  /// Texts that stand for null.
  std::vector<std::string> null_values{};
};

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>{}(text);
  }
};

struct EntityMapping {
  EntityKind kind = EntityKind::kAccount;
  std::string id_field;  ///< Debezium: the column that is the record's id
  std::string parent;    ///< our name of the field with the parent's id; empty: none
  /// Accounts: our name of the field with the id of the account that this one was merged into;
  /// empty: none. The only field that deletes may have.
  std::string master;
  bool keep_others = true;  ///< keep fields that `fields` does not name, by the source's name
  /// By the source's name; a part of a compound is named "BillingAddress.City".
  std::unordered_map<std::string, FieldMapping, TextHash, std::equal_to<>> fields;
  /// Our names in `fields`. An unmapped field of the source with one of these names is left out, so
  /// that two fields never share a name.
  std::set<std::string, std::less<>> names;
  /// The source's names of compounds of which `fields` names parts: "BillingAddress".
  std::set<std::string, std::less<>> compounds;

  /// Null: `fields` does not name it.
  const FieldMapping* find(std::string_view source_name) const {
    const auto found = fields.find(source_name);
    return found == fields.end() ? nullptr : &found->second;
  }
};

/// Debezium's default placeholder of a value that did not change and was not sent.
inline constexpr std::string_view kUnavailableValue = "__debezium_unavailable_value";

struct TopicMapping {
  std::string topic;
  RawFormat format = RawFormat::kFlatbuffers;
  std::string source;  ///< the prefix of ids; empty for FlatBuffers, whose ids are whole
  /// The moments at which the source began a new log, in ms since 1970-01-01 UTC, ascending.
  /// `../decode/order/DESIGN.md` says when to name one.
  std::vector<int64_t> log_starts{};
  std::map<std::string, EntityMapping, std::less<>> entities;  ///< by the source's name
  /// Debezium: the connector's `unavailable.value.placeholder`.
  std::string unavailable_value{kUnavailableValue};
};

/// Whether a topic brings Debezium's transaction markers alone, since it has no entities.
inline bool is_of_transactions(const TopicMapping& topic) {
  return topic.format == RawFormat::kDebezium && topic.entities.empty();
}

/// The topics to read and the meaning of their fields. decode/DESIGN.md describes the file.
struct Mapping {
  std::vector<TopicMapping> topics;
  /// The choice of fields of merged accounts, by our names.
  SurvivorshipPolicy survivorship{};

  /// Our names of the fields that are marked personal in any topic.
  std::set<std::string, std::less<>> personal_fields(EntityKind kind) const;
  /// Our names of the fields of such entities that have a declared type.
  std::map<std::string, FieldType, std::less<>> field_types(EntityKind kind) const;
};

/// The type that a field has by its name of ours if nobody declares one, since entitlements give
/// the name a meaning: `end_date` is a date.
FieldType implied_type(EntityKind kind, std::string_view our_name);

/// One topic of FlatBuffers: the default mapping.
Mapping flatbuffers_mapping(std::string_view topic);

/// Error: `kConfig`. For a text that is no JSON it has line and column, else every fault, each with
/// its path, e.g. `topics."crm.raw.sf".entities.Account.fields.Name: …`.
Result<Mapping> parse_mapping(std::string_view json);

/// The same for a file of at most 1 MiB; messages name it.
Result<Mapping> load_mapping(const std::filesystem::path& file);

}  // namespace millrace::crm
