#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/mapping/topic_profile.h"
#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// A first mapping of one field, for a person to check.
struct FieldProposal {
  std::string field;   ///< the source's name
  std::string name{};  ///< ours; empty: it is left out
  crm::FieldForm form{};
  bool is_personal = false;
  bool is_reference = false;
  std::vector<std::string> null_values{};
  std::string note{};  ///< the reason, or what to check; never a value
};

struct EntityProposal {
  std::string entity;
  uint64_t rows = 0;
  std::optional<crm::EntityKind> kind{};
  std::string id{};      ///< Debezium: the id's column
  std::string parent{};  ///< the source's names
  std::string master{};
  std::vector<FieldProposal> fields{};
  std::vector<std::string> notes{};
  /// Why the entity cannot be mapped yet, and what to do; empty: it can.
  std::string left_out{};
};

struct TopicProposal {
  std::string topic;
  crm::RawFormat format = crm::RawFormat::kDebezium;
  std::string source;
  uint64_t records = 0;
  std::vector<EntityProposal> entities{};
  std::vector<std::string> notes{};
};

/// Kinds that the caller says, by the source's name of the entity.
using ChosenKinds = std::map<std::string, crm::EntityKind, std::less<>>;

/// The kind of record that an entity's name suggests: "crm.accounts", "Account", "dbo.Customer".
std::optional<crm::EntityKind> kind_by_name(std::string_view entity);

/// Why a field looks personal, by its name or by the shape of its values; empty: it does not.
std::string personal_reason(crm::EntityKind kind, std::string_view field,
                            const ColumnProfile& column);
/// Whether the name suggests the id of the account that a record is under.
bool is_parent_name(std::string_view field);
/// Whether the name suggests the account that this one was merged into.
bool is_master_name(std::string_view field);
/// The type, unit and scale that schema, values and name suggest, with a note on what to check.
/// `is_readable` is false for bytes whose scale nobody says.
struct FormProposal {
  crm::FieldForm form{};
  std::string note{};
  bool is_readable = true;
};
FormProposal propose_form(std::string_view field, const ColumnProfile& column);

/// Proposes a mapping of all entities of a topic. Names of ours have one type in all `topics` so
/// far, as a mapping demands.
TopicProposal propose_topic(const std::string& topic, crm::RawFormat format,
                            const std::string& source, const TopicProfile& profile,
                            const ChosenKinds& chosen, const std::vector<TopicProposal>& topics);

/// The dialect that the shapes of a topic's events show, and the signs of it as a note.
crm::RawFormat salesforce_format(const SalesforceSigns& signs, std::string& note);
/// A name for `source`: of Debezium's `topic.prefix`, in the letters that sources have.
std::string source_name(std::string_view connector);

}  // namespace millrace::apps
