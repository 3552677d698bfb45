#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crm/territory/rules/predicate.h"

namespace millrace::crm::territory {

enum class AccessKind : unsigned char {
  kText,     ///< the value is `low_text`
  kPart,     ///< a part of the value is `low_text`
  kPrefix,   ///< the value starts with `low_text`
  kGram,     ///< the value contains the three bytes `low_text`
  kNumbers,  ///< the value is a number between the bounds
  kTexts,    ///< the value's text is between the bounds
  kNull,     ///< the field is null
  kAny,      ///< any account
};

/// A condition that an index can answer. It accepts every value that its predicate accepts, and
/// perhaps more: bounds are closed.
struct AccessKey {
  AccessKind kind = AccessKind::kAny;
  FieldIndex field = 0;
  std::optional<std::string> low_text{};
  std::optional<std::string> high_text{};
  std::optional<double> low_number{};
  std::optional<double> high_number{};

  friend bool operator==(const AccessKey&, const AccessKey&) = default;
};

/// Whether accounts that meet it are neighbours in an order by values, so that an index of accounts
/// finds them.
inline bool is_ordered(const AccessKey& key) {
  return key.kind != AccessKind::kGram && key.kind != AccessKind::kNull &&
         key.kind != AccessKind::kAny;
}

inline constexpr size_t kGramBytes = 3;

/// A predicate, and its share of the mentions of its field. The share estimates how often the
/// predicate matches, since rules name values that accounts have.
struct SharedPredicate {
  const Predicate* predicate = nullptr;
  double share = 0;
};

/// The way to all accounts that match a term: an account matches only if it meets one of `keys`.
struct Access {
  std::vector<AccessKey> keys{};
  double share = 1;  ///< estimated share of accounts that meet one
};

/// Chooses the rarest of the term's predicates; two ranges over one field count as one.
Access choose_access(std::span<const SharedPredicate> term);

}  // namespace millrace::crm::territory
