#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "millrace/core/result.h"

#include "crm/survivorship.h"

namespace millrace::crm {

/// How the values of a topic are written.
enum class RawFormat : unsigned char {
  kSalesforceCometd,   ///< Change Data Capture as the Streaming API sends it
  kSalesforcePubsub,   ///< as a client of the Pub/Sub API decodes it to JSON
  kSalesforceConnect,  ///< as a Kafka Connect source writes it, with or without {schema, payload}
  kDebezium,           ///< Debezium's envelope as JSON, with or without {schema, payload}
  kFlatbuffers,        ///< AccountChange (schemas/account.fbs)
};

/// What a record is to us; decides whose rows its changes go to.
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
  bool dropped = false;    ///< never looked at; has no name
  bool personal = false;   ///< to be masked wherever values are shown
  bool reference = false;  ///< an id of the same source; its values become `source:id`
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
  std::string parent;    ///< our name of the field with the parent's id; empty: has none
  /// Accounts: our name of the field with the id of the account that this one was merged into;
  /// empty: has none. The only field that deletes may have.
  std::string master;
  bool keep_others = true;  ///< fields that `fields` does not name are kept by the source's name
  /// By the source's name; a part of a compound is named "BillingAddress.City".
  std::unordered_map<std::string, FieldMapping, TextHash, std::equal_to<>> fields;
  /// Our names in `fields`. A field of the source that nothing maps and has one of these names is
  /// left out, so that two fields never share a name.
  std::set<std::string, std::less<>> names;

  /// Null: `fields` does not name it.
  const FieldMapping* find(std::string_view source_name) const {
    const auto found = fields.find(source_name);
    return found == fields.end() ? nullptr : &found->second;
  }
};

struct TopicMapping {
  std::string topic;
  RawFormat format = RawFormat::kFlatbuffers;
  std::string source;  ///< what ids begin with; empty for FlatBuffers, whose ids are whole
  std::map<std::string, EntityMapping, std::less<>> entities;  ///< by the source's name
};

/// Which topics are read and what their fields mean to us. The file is described in README.md.
struct Mapping {
  std::vector<TopicMapping> topics;
  /// How fields of merged accounts are chosen, by our names.
  SurvivorshipPolicy survivorship{};

  /// Our names of the fields that are marked personal in any topic.
  std::set<std::string, std::less<>> personal_fields(EntityKind kind) const;
};

/// One topic of FlatBuffers: what is read when nobody gives a mapping.
Mapping flatbuffers_mapping(std::string_view topic);

/// Error: `kConfig`. A text that is no JSON: its line and column. Else every fault, each with its
/// path, e.g. `topics."crm.raw.sf".entities.Account.fields.Name: …`.
Result<Mapping> parse_mapping(std::string_view json);

/// The same of a file of at most 1 MiB; messages name it.
Result<Mapping> load_mapping(const std::filesystem::path& file);

}  // namespace millrace::crm
