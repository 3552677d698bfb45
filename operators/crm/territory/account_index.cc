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

/// The entries of an account, sorted. A pure function of its row.
std::vector<std::string> entries_of(const AccountImage& account) {
  std::vector<std::string> entries;
  FieldValue value;
  for (const AccountField& field : account.fields) {
    if (!field.value || field.value->empty()) continue;
    read_value(*field.value, field.type, value);
    append_entries(field.name, value, entries);
  }
  for (const std::string& territory : account.choices.manual) {
    entries.push_back(entry_of_territory(territory));
  }
  std::ranges::sort(entries);
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

std::vector<std::string> entries_in(std::string_view packed) {
  AccountImage account;
  unpack_account(packed, account);
  return entries_of(account);
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

/// Of what changed between two rows of an account; null: there is none.
void replace_entries(KeyValueStore& store, std::string_view root, Bytes row_before, Bytes row_now,
                     int64_t timestamp_ms) {
  const auto entries = [](Bytes row) {
    return row.is_null() ? std::vector<std::string>() : entries_in(row.view());
  };
  const std::vector<std::string> before = entries(row_before);
  const std::vector<std::string> now = entries(row_now);
  std::vector<std::string> gone;
  std::ranges::set_difference(before, now, std::back_inserter(gone));
  std::vector<std::string> added;
  std::ranges::set_difference(now, before, std::back_inserter(added));
  for (std::string& entry : gone) store.erase(entry.append(root), timestamp_ms);
  for (std::string& entry : added) store.put(entry.append(root), Bytes(""), timestamp_ms);
}

}  // namespace

void AccountIndex::put(std::string_view root, const AccountImage& account, const RuleTable& rules,
                       uint64_t generation, int64_t timestamp_ms) {
  AccountImage used{.choices = account.choices};
  for (const AccountField& field : account.fields) {
    if (!field.value || field.value->empty()) continue;
    const auto index = rules.fields().find(field.name);
    if (!index) continue;
    used.fields.push_back({field.name, field.value, type_of(field, rules.type_of(*index))});
  }
  const std::string packed = pack_account(generation, used);
  const std::string key = row_key(root);
  std::string before;
  const Row row = store_.get(key);
  if (row && row.value == Bytes(packed)) return;
  if (row) before = row.value.to_string();
  replace_entries(store_, root, row ? Bytes(before) : Bytes(), Bytes(packed), timestamp_ms);
  store_.put(key, packed, timestamp_ms);
}

void AccountIndex::erase(std::string_view root, int64_t timestamp_ms) {
  const std::string key = row_key(root);
  const Row row = store_.get(key);
  if (!row) return;
  const std::string before = row.value.to_string();
  replace_entries(store_, root, Bytes(before), Bytes(), timestamp_ms);
  store_.erase(key, timestamp_ms);
}

void AccountIndex::prefetch(std::span<const std::string> roots) {
  std::vector<std::string> keys;
  for (const std::string& root : roots) keys.push_back(row_key(root));
  const std::vector<Bytes> views(keys.begin(), keys.end());
  store_.prefetch(views);
}

bool AccountIndex::read(std::string_view root, uint64_t generation, AccountImage& image) {
  const Row row = store_.get(row_key(root));
  if (!row || generation_of(row.value.view()) != generation) return false;
  row_.assign(row.value.view());
  unpack_account(row_, image);
  return true;
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
                for (std::string& entry : entries_in(value.view())) {
                  add(Bytes(entry.append(root_of(key.view()))), Bytes(""));
                }
              }};
}

Status AccountIndex::check_row(Bytes key, Bytes value) {
  if (!key.view().starts_with('r') || is_packed_account(value.view())) return {};
  return Error{ErrorCode::kInvalidRecord, "no row of an account"};
}

std::string_view AccountIndex::root_of(std::string_view key) {
  // Roots have no NUL, what stands before one in an entry ends in one.
  if (key.starts_with('r')) return key.substr(1);
  return key.substr(key.rfind(kKeyEnd) + 1);
}

}  // namespace millrace::crm::territory
