#include "apps/mapping/proposal.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "apps/mapping/column_words.h"
#include "apps/mapping/names.h"
#include "crm/model/ids.h"

namespace millrace::apps {
namespace {

using crm::EntityKind;
using crm::FieldType;

constexpr std::string_view kParentName = "account_id";
constexpr std::string_view kMasterName = "master_record_id";

template <size_t N>
bool is_one_of(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

std::string joined_words(std::string_view name) {
  std::string text;
  for (const std::string& word : words_of(name)) text += word;
  return text;
}

/// The last of the dotted parts: "accounts" of "crm.accounts".
std::string_view base_name(std::string_view entity) {
  return entity.substr(entity.rfind('.') + 1);
}

bool is_person(EntityKind kind) {
  return kind == EntityKind::kContact;
}

/// Whether most texts have a shape.
bool are_most(uint64_t count, uint64_t of) {
  return count > 0 && count * 2 >= of;
}

/// Proposes one entity after another, in which names of ours keep their types.
class Proposer {
 public:
  Proposer(bool is_debezium, const std::vector<TopicProposal>& topics) : is_debezium_(is_debezium) {
    for (const TopicProposal& topic : topics) {
      for (const EntityProposal& entity : topic.entities) remember(entity);
    }
  }

  EntityProposal propose(const std::string& name, const EntityProfile& profile,
                         std::optional<EntityKind> kind) {
    EntityProposal proposal{.entity = name, .rows = profile.rows, .kind = kind};
    if (profile.rows == 0) {
      proposal.left_out = "no record of the sample has its fields";
    } else if (!kind) {
      proposal.left_out = fmt::format(
          "its name suggests no type; --entity '{}=TYPE' says one, e.g. account or contact", name);
    } else {
      proposal_ = &proposal;
      profile_ = &profile;
      names_ = {std::string(kParentName), std::string(kMasterName)};
      choose_keys();
      if (proposal.left_out.empty()) add_fields();
      remember(proposal);
    }
    return proposal;
  }

 private:
  void remember(const EntityProposal& entity) {
    if (!entity.kind || !entity.left_out.empty()) return;
    for (const FieldProposal& field : entity.fields) {
      if (field.name.empty() || field.form.type == FieldType::Undeclared) continue;
      types_.try_emplace({*entity.kind, field.name}, field.form.type);
    }
  }

  void choose_keys() {
    if (is_debezium_) proposal_->id = choose_id();
    if (is_debezium_ && proposal_->id.empty()) {
      proposal_->left_out = "no column looks like its id; name one by hand";
      return;
    }
    const bool is_account = *proposal_->kind == EntityKind::kAccount;
    for (const auto& [name, column] : profile_->columns) {
      if (name == proposal_->id || !can_be_reference(column)) continue;
      std::string& chosen = is_account ? proposal_->master : proposal_->parent;
      if (chosen.empty() && (is_account ? is_master_name(name) : is_parent_name(name))) {
        chosen = name;
      }
    }
    if (!is_account && proposal_->parent.empty()) {
      proposal_->left_out =
          "no field looks like the id of its account; map it by hand, with `parent`";
    }
  }

  std::string choose_id() {
    std::vector<std::string> keys;
    for (const std::string& key : profile_->key_columns) {
      const auto column = profile_->columns.find(key);
      if (column != profile_->columns.end() && can_be_id(column->second)) keys.push_back(key);
    }
    if (keys.size() == 1) {
      proposal_->notes.push_back("id: the key of the records");
      return keys.front();
    }
    const std::string table = plain_word(base_name(proposal_->entity));
    const auto by_name = [&](auto&& fits) -> std::string {
      for (const auto& [name, column] : profile_->columns) {
        if (can_be_id(column) && fits(joined_words(name))) return name;
      }
      return {};
    };
    std::string id = by_name([](const std::string& word) { return word == "id"; });
    if (id.empty()) {
      id = by_name([&](const std::string& word) {
        return word == table + "id" || word == table + "no" || word == table + "number";
      });
    }
    if (id.empty()) id = by_name([](const std::string& word) { return is_one_of(kIdNames, word); });
    if (!id.empty()) {
      proposal_->notes.push_back(
          keys.empty() ? "check the id: chosen by its name, since keys of records say nothing"
                       : "check the id: the key has several columns, and an id is one column");
    }
    return id;
  }

  static bool can_be_id(const ColumnProfile& column) {
    return column.nulls == 0 && column.placeholders == 0 && column.empty == 0 &&
           column.lists == 0 && column.bools == 0 && column.fractions == 0;
  }

  /// Whether all values can be ids of a source; an empty text needs `null_values`.
  bool can_be_reference(const ColumnProfile& column) const {
    const uint64_t ids = is_debezium_ ? column.ids : column.salesforce_ids;
    return ids + column.empty == column.values() && !column.schema.is_binary;
  }

  void add_fields() {
    for (const auto& [name, column] : profile_->columns) {
      if (name == proposal_->id && is_debezium_) continue;
      if (is_empty_whole(name, column)) continue;
      add_field(name, column);
    }
  }

  /// A compound of which there are parts, and which itself was only ever null.
  bool is_empty_whole(const std::string& name, const ColumnProfile& column) const {
    const auto part = profile_->columns.lower_bound(name + ".");
    return column.values() == 0 && part != profile_->columns.end() &&
           part->first.starts_with(name + ".");
  }

  void add_field(const std::string& name, const ColumnProfile& column) {
    FieldProposal field{.field = name};
    if (name == proposal_->parent || name == proposal_->master) {
      const bool is_parent = name == proposal_->parent;
      field.note = is_parent ? "check: the id of its account, by the name"
                             : "check: the account that this one was merged into, by the name";
      add_reference(field, column, is_parent ? kParentName : kMasterName);
    } else if (is_one_of(kReferenceNames, joined_words(name)) && can_be_reference(column)) {
      field.note = "check: an id of the same source, by the name";
      field.is_reference = true;
      add_reference(field, column, free_name(snake_case(name), FieldType::Undeclared));
    } else {
      add_plain(field, column);
    }
    proposal_->fields.push_back(std::move(field));
  }

  static void add_reference(FieldProposal& field, const ColumnProfile& column,
                            std::string_view name) {
    field.name = name;
    if (column.empty > 0) field.null_values.emplace_back("");
    if (column.has_zero) {
      field.null_values.emplace_back("0");
      field.note += "; check: is 0 no id?";
    }
  }

  void add_plain(FieldProposal& field, const ColumnProfile& column) {
    FormProposal form = propose_form(field.field, column);
    field.note = std::move(form.note);
    if (!form.is_readable) return;
    field.form = form.form;
    const std::string wanted = snake_case(field.field);
    field.name = free_name(wanted, field.form.type);
    if (field.name != wanted) {
      field.note += fmt::format("{}check: \"{}\" has a meaning or another type already",
                                field.note.empty() ? "" : "; ", wanted);
    }
    const std::string reason = personal_reason(*proposal_->kind, field.field, column);
    field.is_personal = !reason.empty();
    if (field.is_personal) {
      field.note = field.note.empty() ? reason : fmt::format("{}; {}", reason, field.note);
    }
  }

  /// A name that no other field of the entity has, whose meaning for entitlements is this type, and
  /// which has no other type elsewhere.
  std::string free_name(std::string wanted, FieldType type) {
    if (wanted.empty()) wanted = "field";
    const FieldType implied = crm::implied_type(*proposal_->kind, wanted);
    const auto known = types_.find({*proposal_->kind, wanted});
    const bool is_other =
        (implied != FieldType::Undeclared && type != FieldType::Undeclared && implied != type) ||
        (known != types_.end() && type != FieldType::Undeclared && known->second != type);
    std::string name = wanted;
    if (is_other) {
      name = fmt::format("{}_{}", snake_case(base_name(proposal_->entity)), wanted);
    }
    for (int copy = 2; !names_.insert(name).second; ++copy) {
      name = fmt::format("{}_{}", wanted, copy);
    }
    return name;
  }

  const bool is_debezium_;
  std::map<std::pair<EntityKind, std::string>, FieldType> types_;
  EntityProposal* proposal_ = nullptr;
  const EntityProfile* profile_ = nullptr;
  std::set<std::string> names_;
};

}  // namespace

std::optional<EntityKind> kind_by_name(std::string_view entity) {
  const std::string word = plain_word(base_name(entity));
  for (const auto& [known, kind] : kEntityWords) {
    if (known == word) return kind;
  }
  return std::nullopt;
}

bool is_parent_name(std::string_view field) {
  return is_one_of(kParentNames, joined_words(field));
}

bool is_master_name(std::string_view field) {
  return is_one_of(kMasterNames, joined_words(field));
}

std::string personal_reason(EntityKind kind, std::string_view field, const ColumnProfile& column) {
  const uint64_t values = column.values();
  const bool is_flag = values > 0 && column.bools == values;
  if (is_flag) return {};
  if (are_most(column.emails, column.texts())) return "personal: values look like e-mail addresses";
  if (are_most(column.phones, column.texts())) return "personal: values look like phone numbers";
  const std::vector<std::string> words = words_of(field);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string pair = i + 1 < words.size() ? words[i] + words[i + 1] : std::string();
    if (is_one_of(kPersonalWords, words[i]) || is_one_of(kPersonalPairs, pair)) {
      return "personal: by the name";
    }
    if (is_person(kind) && is_one_of(kPersonWords, words[i])) return "personal: of a person";
  }
  const bool is_free_text =
      !words.empty() && is_one_of(kFreeTextWords, words.back()) && column.strings == values;
  return is_free_text ? "personal: free text may name persons" : "";
}

TopicProposal propose_topic(const std::string& topic, crm::RawFormat format,
                            const std::string& source, const TopicProfile& profile,
                            const ChosenKinds& chosen, const std::vector<TopicProposal>& topics) {
  TopicProposal proposal{
      .topic = topic, .format = format, .source = source, .records = profile.records()};
  if (profile.unreadable() > 0) {
    proposal.notes.push_back(fmt::format("{} of {} records are no events of the format",
                                         profile.unreadable(), profile.records()));
  }
  Proposer proposer(format == crm::RawFormat::kDebezium, topics);
  for (const auto& [name, entity] : profile.entities()) {
    const auto said = chosen.find(name);
    const auto kind = said == chosen.end() ? kind_by_name(name) : std::optional(said->second);
    proposal.entities.push_back(proposer.propose(name, entity, kind));
  }
  return proposal;
}

crm::RawFormat salesforce_format(const SalesforceSigns& signs, std::string& note) {
  if (signs.connect_schemas > 0 || signs.flat_parts > 0) {
    note = signs.connect_schemas > 0 ? "check the format: records have a schema of Kafka Connect"
                                     : "check the format: parts of addresses are flat";
    return crm::RawFormat::kSalesforceConnect;
  }
  if (signs.unnamed_nulls > 0 || signs.nulled_lists > 0) {
    note = "check the format: headers name nulled fields, or events send unchanged fields as null";
    return crm::RawFormat::kSalesforcePubsub;
  }
  note = "check the format: events seem to send only what changed";
  return crm::RawFormat::kSalesforceCometd;
}

std::string source_name(std::string_view connector) {
  std::string name;
  for (const char c : connector) {
    const auto lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool is_allowed = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                            lower == '_' || lower == '-';
    name += is_allowed ? lower : '-';
  }
  name.resize(std::min(name.size(), crm::kSourceBytesMax));
  return name;
}

}  // namespace millrace::apps
