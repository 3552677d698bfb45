#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crm/territory/rules/field_value.h"
#include "crm/territory/rules/rule_set.h"

namespace millrace::crm::territory {

/// A field of an account. An absent or empty value is null, and so is a missing field.
struct AccountField {
  std::string_view name;
  std::optional<std::string_view> value;
  FieldType type = FieldType::Undeclared;  ///< the value's own
};

/// The type by which a rule reads a field: the declared one. Without one, a value that is a list by
/// its own type is one, and all others are undeclared.
inline FieldType type_of(const AccountField& field, FieldType declared) {
  const bool is_list = declared == FieldType::Undeclared && field.type == FieldType::List;
  return is_list ? FieldType::List : declared;
}

/// Finds the territories that take an account, by a rule set. Use one per thread: it keeps the
/// answers about the account at hand, and evaluates every predicate and rule once.
///
/// A territory matches when the account matches all its rules, local and inherited ones, of which
/// there must be one. Of matching territories on one branch the lowest takes the account. A
/// territory that the account is excluded from does not match, so the next one above it may.
class Matcher {
 public:
  /// `rules` must outlive this, and may change between calls.
  explicit Matcher(const RuleSet& rules) : rules_(rules) {}

  /// Territories that take the account by rules, sorted by id. The answer dies at the next call.
  ///
  /// Costs look-ups by the account's values, and trying the territories of every rule found.
  std::span<const TerritoryIndex> match(std::span<const AccountField> fields,
                                        std::span<const std::string> excluded = {});

  /// The same for an account of which only `changed` fields changed since it was in `before`, by
  /// the same rules and exclusions: it tries a territory only because of rules that mention one of
  /// these fields.
  std::span<const TerritoryIndex> match_changed(std::span<const AccountField> fields,
                                                std::span<const std::string_view> changed,
                                                std::span<const TerritoryIndex> before,
                                                std::span<const std::string> excluded = {});

  /// Rules tried in the last call, for tests and metrics.
  size_t rules_tried() const { return rules_tried_; }
  /// Fields in the last call that rules compare with numbers and whose value is none.
  size_t incomparable() const { return incomparable_; }

 private:
  /// The known answers about the account at hand, by index.
  class Memo {
   public:
    void start(uint32_t slots, uint32_t round) {
      if (entries_.size() < slots) entries_.resize(slots, 0);
      round_ = round;
    }
    /// The answer for `index`; calls `compute` the first time.
    template <class Compute>
    bool ask(uint32_t index, Compute&& compute) {
      if (entries_[index] >> 1 == round_) return (entries_[index] & 1U) != 0;
      const bool answer = compute();
      set(index, answer);
      return answer;
    }
    void set(uint32_t index, bool answer) { entries_[index] = round_ << 1 | (answer ? 1U : 0U); }
    bool is_true(uint32_t index) const { return entries_[index] == (round_ << 1 | 1U); }
    void clear() { entries_.clear(); }

   private:
    std::vector<uint32_t> entries_;  ///< round, and one bit of answer
    uint32_t round_ = 0;
  };

  void start(std::span<const AccountField> fields, std::span<const std::string> excluded);
  void collect(FieldSet changed);
  void try_rule(RuleIndex rule, FieldSet changed);
  void try_above(TerritoryIndex territory);
  std::span<const TerritoryIndex> lowest();

  const FieldValue* value_of(FieldIndex field) const {
    return present_.is_true(field) ? &values_[field] : nullptr;
  }
  FieldSet fields_of(TerritoryIndex territory) const;
  bool predicate_matches(PredicateIndex predicate);
  bool rule_matches(RuleIndex rule);
  bool uses_match(TerritoryIndex territory, bool only_inherited);
  bool inherited_match(TerritoryIndex territory);
  bool territory_matches(TerritoryIndex territory);

  const RuleSet& rules_;
  uint32_t round_ = 0;
  std::vector<FieldValue> values_;
  Memo present_;
  Memo predicates_;
  Memo rule_answers_;
  Memo tried_;
  Memo inherited_;
  Memo excluded_;
  Memo listed_;
  Memo above_;
  std::vector<TerritoryIndex> matching_;
  size_t rules_tried_ = 0;
  size_t incomparable_ = 0;
};

}  // namespace millrace::crm::territory
