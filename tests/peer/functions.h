#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The user functions of the cases, by name: `Functions.java` has the same. Each of them throws
/// `std::invalid_argument` for a name that it does not know.
namespace millrace::peer {

using Key = int64_t;
using MaybeKey = std::optional<Key>;
using MaybeText = std::optional<std::string_view>;
using TextOrNull = std::optional<std::string>;
using KeyedText = std::pair<Key, std::string>;

/// Results stay short, though each operator may make texts longer: their end is kept.
std::string shortened(std::string text);

/// A predicate that sees nulls.
bool test(const std::string& predicate, MaybeKey key, MaybeText value);

/// A new value, or null.
TextOrNull map_value(const std::string& mapper, std::string_view value);
/// The mapper that sees nulls.
std::string show(MaybeKey key, MaybeText value);

std::vector<std::string> expand_value(const std::string& expander, std::string_view value);

KeyedText map_record(const std::string& mapper, Key key, std::string_view value);
std::vector<KeyedText> expand_record(const std::string& expander, Key key, std::string_view value);

/// A new key, a group or a foreign key; null: none.
MaybeKey select_key(const std::string& selector, MaybeKey key, MaybeText value);

std::string join_values(MaybeText left, MaybeText right);

/// Aggregates show in which order values came, and which ones were subtracted.
std::string add(std::string_view aggregate, std::string_view value);
std::string subtract(std::string_view aggregate, std::string_view value);
/// As `add`; null, which deletes the aggregate, for a value that has an "a".
TextOrNull add_or_erase(std::string_view aggregate, std::string_view value);
std::string merge_sessions(std::string_view first, std::string_view second);

/// A window's value where the window is no part of the key any more.
std::string flatten(std::string_view value, int64_t start_ms, int64_t end_ms);

}  // namespace millrace::peer
