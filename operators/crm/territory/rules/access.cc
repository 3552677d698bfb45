#include "crm/territory/rules/access.h"

#include <algorithm>
#include <utility>

namespace millrace::crm::territory {
namespace {

// Guesses where mentions in rules say little.
constexpr double kNullShare = 0.3;
constexpr double kHalfOpenShare = 0.5;
constexpr double kContainsShareMin = 0.02;
constexpr double kIntervalShareMin = 0.001;

Access any_account(FieldIndex field) {
  return {{AccessKey{.kind = AccessKind::kAny, .field = field}}, 1};
}

std::vector<AccessKey> keys_of_values(const Predicate& predicate, AccessKind kind) {
  std::vector<AccessKey> keys;
  for (const FieldValue& value : predicate.values) {
    AccessKey& key = keys.emplace_back(AccessKey{.kind = kind, .field = predicate.field});
    if (kind == AccessKind::kGram) {
      key.low_text = value.text.substr(0, kGramBytes);
    } else {
      key.low_text = value.text;
    }
  }
  return keys;
}

/// Appends the intervals of values that lie above `low` and below `high`; either may be absent, not
/// both, and if both are given both are numbers or neither is.
void append_interval(const Predicate& predicate, const FieldValue* low, const FieldValue* high,
                     std::vector<AccessKey>& keys) {
  const bool are_numbers = (low != nullptr ? low : high)->is_number;
  if (are_numbers) {
    AccessKey& key =
        keys.emplace_back(AccessKey{.kind = AccessKind::kNumbers, .field = predicate.field});
    if (low != nullptr) key.low_number = low->number;
    if (high != nullptr) key.high_number = high->number;
    return;
  }
  AccessKey& key =
      keys.emplace_back(AccessKey{.kind = AccessKind::kTexts, .field = predicate.field});
  if (low != nullptr) key.low_text = low->text;
  if (high != nullptr) key.high_text = high->text;
}

bool is_lower_bound(const Predicate& predicate) {
  return predicate.test == Test::kGreater || predicate.test == Test::kGreaterOrEqual;
}

Access access_of_range(const SharedPredicate& shared) {
  Access access{.share = kHalfOpenShare};
  const bool is_low = is_lower_bound(*shared.predicate);
  for (const FieldValue& value : shared.predicate->values) {
    append_interval(*shared.predicate, is_low ? &value : nullptr, is_low ? nullptr : &value,
                    access.keys);
  }
  return access;
}

bool is_simple_range(const Predicate& predicate) {
  return predicate.is_range() && !predicate.negated && predicate.values.size() == 1;
}

std::optional<Access> access_of_pair(const SharedPredicate& a, const SharedPredicate& b) {
  const Predicate& low = *a.predicate;
  const Predicate& high = *b.predicate;
  if (low.field != high.field || !is_simple_range(low) || !is_simple_range(high)) return {};
  if (!is_lower_bound(low) || is_lower_bound(high)) return {};
  if (low.values[0].is_number != high.values[0].is_number) return {};
  Access access{.share = std::max({a.share, b.share, kIntervalShareMin})};
  append_interval(low, &low.values[0], &high.values[0], access.keys);
  return access;
}

Access access_of_one(const SharedPredicate& shared) {
  const Predicate& predicate = *shared.predicate;
  if (predicate.negated) return any_account(predicate.field);
  switch (predicate.test) {
    case Test::kEquals:
      if (!predicate.values.empty()) {
        return {keys_of_values(predicate, AccessKind::kText), shared.share};
      }
      return {{AccessKey{.kind = AccessKind::kNull, .field = predicate.field}}, kNullShare};
    case Test::kIncludes:
      return {keys_of_values(predicate, AccessKind::kPart), shared.share};
    case Test::kStartsWith:
      return {keys_of_values(predicate, AccessKind::kPrefix), shared.share};
    case Test::kContains: {
      const bool is_short = std::ranges::any_of(
          predicate.values, [](const FieldValue& value) { return value.text.size() < kGramBytes; });
      if (is_short) return any_account(predicate.field);
      return {keys_of_values(predicate, AccessKind::kGram),
              std::max(shared.share, kContainsShareMin)};
    }
    default:
      return access_of_range(shared);
  }
}

}  // namespace

Access choose_access(std::span<const SharedPredicate> term) {
  std::optional<Access> best;
  const auto offer = [&best](Access access) {
    if (!best || access.share < best->share) best = std::move(access);
  };
  for (const SharedPredicate& one : term) {
    offer(access_of_one(one));
    if (!one.predicate->is_range()) continue;
    for (const SharedPredicate& other : term) {
      if (auto pair = access_of_pair(one, other)) offer(std::move(*pair));
    }
  }
  MILLRACE_ASSERT(best.has_value(), "a term has a predicate");
  return *std::move(best);
}

}  // namespace millrace::crm::territory
