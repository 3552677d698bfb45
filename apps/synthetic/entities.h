#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace millrace::apps::synthetic {

/// Kinds of records, the account first.
enum class Kind : unsigned char {
  kAccount,
  kContact,
  kOpportunity,
  kContract,
  kContractLine,
  kSubscription,
  kAsset,
  kEntitlement,
};
inline constexpr size_t kKinds = 8;

enum class ValueType : unsigned char {
  kText,
  kNumber,
  kReference,  ///< the id of another record
};

struct FieldDefinition {
  std::string_view source_name;  ///< Salesforce's name; parts of a compound with a dot
  std::string_view name;         ///< the name in the mapping file
  ValueType type = ValueType::kText;
};

struct KindDefinition {
  std::string_view name;    ///< ours, e.g. "contract_line"
  std::string_view entity;  ///< Salesforce's
  std::string_view id_prefix;
  uint64_t per_thousand_accounts = 0;
  std::span<const FieldDefinition> fields;
  bool keeps_all_fields = true;  ///< whether the mapping keeps fields that it does not name
};

/// Agrees with `apps/data/synthetic_mapping.json`.
const KindDefinition& definition_of(Kind kind);
/// By our name. REQUIRES: the kind has it.
const FieldDefinition& field_of(Kind kind, std::string_view name);

/// A Salesforce id of 18 characters, without a pattern, so that keys spread.
std::string record_id(Kind kind, uint64_t number);
/// The prefix of ids of this source.
inline constexpr std::string_view kSource = "sf";
/// "sf:0015g00000AbCdEAAV".
std::string internal_record_id(Kind kind, uint64_t number);

}  // namespace millrace::apps::synthetic
