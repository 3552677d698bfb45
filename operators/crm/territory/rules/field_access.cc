#include "crm/territory/rules/field_access.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace::crm::territory {
namespace {

void take_out(std::vector<RuleIndex>& rules, RuleIndex rule) {
  const auto it = std::ranges::find(rules, rule);
  MILLRACE_ASSERT(it != rules.end(), "removing a rule that does not wait here");
  *it = rules.back();
  rules.pop_back();
}

/// Returns whether no rule is left at `key`.
template <class Map, class Key>
bool take_out(Map& map, const Key& key, RuleIndex rule) {
  const auto it = map.find(key);
  MILLRACE_ASSERT(it != map.end(), "removing a key that is not there");
  take_out(it->second, rule);
  if (!it->second.empty()) return false;
  map.erase(it);
  return true;
}

}  // namespace

TextMap<FieldAccess::Rules>* FieldAccess::texts_for(AccessKind kind) {
  switch (kind) {
    case AccessKind::kText:
      return &texts_;
    case AccessKind::kPart:
      return &parts_;
    case AccessKind::kPrefix:
      return &prefixes_;
    case AccessKind::kGram:
      return &grams_;
    default:
      return nullptr;
  }
}

void FieldAccess::add(const AccessKey& key, RuleIndex rule) {
  if (TextMap<Rules>* texts = texts_for(key.kind)) {
    const auto [it, is_new] = texts->try_emplace(*key.low_text);
    it->second.push_back(rule);
    if (is_new && key.kind == AccessKind::kPrefix) ++prefix_lengths_[key.low_text->size()];
    return;
  }
  switch (key.kind) {
    case AccessKind::kNumbers:
      return number_intervals_.add({key.low_number, key.high_number, rule});
    case AccessKind::kNull:
      return nulls_.push_back(rule);
    default:
      MILLRACE_ASSERT(key.kind != AccessKind::kAny, "rules for any account wait at no field");
      return text_intervals_.add({key.low_text, key.high_text, rule});
  }
}

void FieldAccess::remove(const AccessKey& key, RuleIndex rule) {
  if (TextMap<Rules>* texts = texts_for(key.kind)) {
    const bool is_gone = take_out(*texts, *key.low_text, rule);
    if (!is_gone || key.kind != AccessKind::kPrefix) return;
    const auto length = prefix_lengths_.find(key.low_text->size());
    if (--length->second == 0) prefix_lengths_.erase(length);
    return;
  }
  switch (key.kind) {
    case AccessKind::kNumbers:
      return number_intervals_.remove({key.low_number, key.high_number, rule});
    case AccessKind::kNull:
      return take_out(nulls_, rule);
    default:
      return text_intervals_.remove({key.low_text, key.high_text, rule});
  }
}

}  // namespace millrace::crm::territory
