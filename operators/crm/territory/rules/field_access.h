#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crm/territory/rules/access.h"
#include "crm/territory/rules/interval_index.h"

namespace millrace::crm::territory {

using RuleIndex = uint32_t;

/// Finds the rules that wait for a value of one field.
///
/// A value costs one look-up per kind of key in use (per length for prefixes, per byte of the value
/// for contained text), and a visit of each rule found. A change costs the same; a removal also
/// walks through the rules that wait for the same value.
class FieldAccess {
 public:
  /// REQUIRES: the kind of `key` is not kAny.
  void add(const AccessKey& key, RuleIndex rule);
  /// REQUIRES: it was added.
  void remove(const AccessKey& key, RuleIndex rule);

  /// Calls `visit(rule)` for the rules that wait for `value`, null for a null field; perhaps more
  /// than once for some.
  template <class Visit>
  void visit(const FieldValue* value, Visit&& visit) const {
    if (value == nullptr) return each(nulls_, visit);
    find(texts_, value->text, visit);
    if (value->is_number) number_intervals_.at(value->number, visit);
    text_intervals_.at(value->text, visit);
    visit_inside(value->text, visit);
  }

 private:
  using Rules = std::vector<RuleIndex>;

  template <class Visit>
  static void each(const Rules& rules, Visit& visit) {
    for (const RuleIndex rule : rules) visit(rule);
  }
  template <class Map, class Key, class Visit>
  static void find(const Map& map, const Key& key, Visit& visit) {
    if (map.empty()) return;
    if (const auto it = map.find(key); it != map.end()) each(it->second, visit);
  }

  template <class Visit>
  void visit_inside(std::string_view text, Visit& visit) const {
    for (const auto& [length, count] : prefix_lengths_) {
      if (length > text.size()) break;
      find(prefixes_, text.substr(0, length), visit);
    }
    if (!parts_.empty()) {
      any_part(text, [&](std::string_view part) {
        find(parts_, part, visit);
        return false;
      });
    }
    if (grams_.empty()) return;
    for (size_t at = 0; at + kGramBytes <= text.size(); ++at) {
      find(grams_, text.substr(at, kGramBytes), visit);
    }
  }

  TextMap<Rules>* texts_for(AccessKind kind);

  TextMap<Rules> texts_;
  TextMap<Rules> parts_;
  TextMap<Rules> prefixes_;
  TextMap<Rules> grams_;
  std::map<size_t, size_t> prefix_lengths_;  ///< length → prefixes of it, each with a rule or more
  IntervalIndex<double> number_intervals_;
  IntervalIndex<std::string> text_intervals_;
  Rules nulls_;
};

}  // namespace millrace::crm::territory
