#include "crm/territory/account_index.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>

namespace millrace::crm::territory {
namespace {

constexpr size_t kTextMax = 64;
constexpr char kKeyEnd = '\0';
constexpr char kAfterEnd = '\1';

/// Cutting at a fixed length or at a NUL keeps texts in order, but for some that become equal.
std::string_view cut(std::string_view text) {
  return text.substr(0, std::min(text.find(kKeyEnd), kTextMax));
}

/// Eight bytes in the order of the numbers.
std::string ordered(double number) {
  constexpr uint64_t kSign = uint64_t{1} << 63;
  const double normal = number == 0 ? 0 : number;  // one zero
  const auto bits = std::bit_cast<uint64_t>(normal);
  const uint64_t key = (bits & kSign) != 0 ? ~bits : bits | kSign;
  std::string bytes;
  for (int shift = std::numeric_limits<uint64_t>::digits; shift > 0;) {
    shift -= std::numeric_limits<uint8_t>::digits;
    bytes += static_cast<char>(key >> shift & 0xff);
  }
  return bytes;
}

std::string row_key(std::string_view root) {
  return std::string("r").append(root);
}
std::string value_prefix(std::string_view field, char kind) {
  return std::string("v").append(cut(field)) + kKeyEnd + kind;
}
std::string entry_of(std::string_view field, char kind, std::string_view value) {
  return value_prefix(field, kind).append(value) + kKeyEnd;
}
std::string entry_of_territory(std::string_view territory) {
  return std::string("m").append(territory) + kKeyEnd;
}

/// Everything that starts with `prefix`, which does not end in the last byte there is.
IndexRange starting_with(std::string prefix) {
  IndexRange range{prefix, std::move(prefix)};
  range.to.back() = static_cast<char>(static_cast<unsigned char>(range.to.back()) + 1);
  return range;
}

void append_entries(std::string_view field, const FieldValue& value,
                    std::vector<std::string>& entries) {
  entries.push_back(entry_of(field, 't', cut(value.text)));
  if (value.is_number) entries.push_back(entry_of(field, 'n', ordered(value.number)));
  any_part(value.text, [&](std::string_view part) {
    entries.push_back(entry_of(field, 'p', cut(part)));
    return false;
  });
}

using Length = uint16_t;

std::string pack(const std::vector<std::string>& entries) {
  std::string packed;
  for (const std::string& entry : entries) {
    const auto length = static_cast<Length>(entry.size());
    packed.append(reinterpret_cast<const char*>(&length), sizeof length).append(entry);
  }
  return packed;
}

bool is_packed(std::string_view packed) {
  while (packed.size() >= sizeof(Length)) {
    Length length = 0;
    packed.copy(reinterpret_cast<char*>(&length), sizeof length);
    packed.remove_prefix(sizeof length);
    if (packed.size() < length) return false;
    packed.remove_prefix(length);
  }
  return packed.empty();
}

/// REQUIRES: is_packed(packed).
std::vector<std::string> unpack(std::string_view packed) {
  std::vector<std::string> entries;
  while (!packed.empty()) {
    Length length = 0;
    packed.copy(reinterpret_cast<char*>(&length), sizeof length);
    entries.emplace_back(packed.substr(sizeof length, length));
    packed.remove_prefix(sizeof length + length);
  }
  return entries;
}

std::optional<IndexRange> range_of_numbers(std::string_view field, const AccessKey& key) {
  IndexRange range = starting_with(value_prefix(field, 'n'));
  if (key.high_number) range.to = range.from + ordered(*key.high_number) + kAfterEnd;
  if (key.low_number) range.from += ordered(*key.low_number);
  return range;
}

std::optional<IndexRange> range_of_texts(std::string_view field, const AccessKey& key) {
  IndexRange range = starting_with(value_prefix(field, 't'));
  if (key.high_text) range.to = range.from + std::string(cut(*key.high_text)) + kAfterEnd;
  if (key.low_text) range.from += cut(*key.low_text);
  return range;
}

}  // namespace

void AccountIndex::put(std::string_view root, std::span<const AccountField> fields,
                       std::span<const std::string> manual, const RuleTable& rules,
                       int64_t timestamp_ms) {
  std::vector<std::string> entries;
  FieldValue value;
  for (const AccountField& field : fields) {
    if (!field.value || field.value->empty()) continue;
    const auto index = rules.fields().find(field.name);
    if (!index) continue;
    read_value(*field.value, type_of(field, rules.type_of(*index)), value);
    append_entries(field.name, value, entries);
  }
  for (const std::string& territory : manual) entries.push_back(entry_of_territory(territory));
  std::ranges::sort(entries);
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  const std::string packed = pack(entries);
  const Row row = store_.get(row_key(root));
  if (row && row.value == Bytes(packed)) return;
  replace(root, entries, timestamp_ms);
  store_.put(row_key(root), packed, timestamp_ms);
}

void AccountIndex::erase(std::string_view root, int64_t timestamp_ms) {
  if (!store_.get(row_key(root))) return;
  replace(root, {}, timestamp_ms);
  store_.erase(row_key(root), timestamp_ms);
}

/// All but the account's own row.
void AccountIndex::replace(std::string_view root, const std::vector<std::string>& entries,
                           int64_t timestamp_ms) {
  const Row row = store_.get(row_key(root));
  const std::vector<std::string> before =
      row ? unpack(row.value.view()) : std::vector<std::string>();
  std::vector<std::string> gone;
  std::ranges::set_difference(before, entries, std::back_inserter(gone));
  std::vector<std::string> added;
  std::ranges::set_difference(entries, before, std::back_inserter(added));
  for (std::string& entry : gone) store_.erase(entry.append(root), timestamp_ms);
  for (std::string& entry : added) store_.put(entry.append(root), Bytes(""), timestamp_ms);
}

std::optional<IndexRange> AccountIndex::range_of(std::string_view field, const AccessKey& key) {
  switch (key.kind) {
    case AccessKind::kText:
      return starting_with(entry_of(field, 't', cut(*key.low_text)));
    case AccessKind::kPart:
      return starting_with(entry_of(field, 'p', cut(*key.low_text)));
    case AccessKind::kPrefix: {
      IndexRange range = starting_with(value_prefix(field, 't'));
      range.from += cut(*key.low_text);
      range.to = range.from + '\xff';
      return range;
    }
    case AccessKind::kNumbers:
      return range_of_numbers(field, key);
    case AccessKind::kTexts:
      return range_of_texts(field, key);
    case AccessKind::kGram:
    case AccessKind::kNull:
    case AccessKind::kAny:
      return std::nullopt;
  }
  return std::nullopt;
}

IndexRange AccountIndex::range_of_territory(std::string_view territory) {
  return starting_with(entry_of_territory(territory));
}

IndexRange AccountIndex::all_accounts() {
  return starting_with("r");
}

DerivedRows AccountIndex::derived_rows() {
  return {.is_derived =
              [](Bytes key) { return key.view().starts_with('v') || key.view().starts_with('m'); },
          .derive =
              [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                if (!key.view().starts_with('r')) return;
                for (std::string& entry : unpack(value.view())) {
                  add(Bytes(entry.append(root_of(key.view()))), Bytes(""));
                }
              }};
}

Status AccountIndex::check_row(Bytes key, Bytes value) {
  if (!key.view().starts_with('r') || is_packed(value.view())) return {};
  return Error{ErrorCode::kInvalidRecord, "the entries of an account are cut off"};
}

std::string_view AccountIndex::root_of(std::string_view key) {
  // Roots have no NUL, what stands before one in an entry ends in one.
  if (key.starts_with('r')) return key.substr(1);
  return key.substr(key.rfind(kKeyEnd) + 1);
}

}  // namespace millrace::crm::territory
