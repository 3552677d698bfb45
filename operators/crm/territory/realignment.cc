#include "crm/territory/realignment.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "crm/model/number_text.h"

namespace millrace::crm::territory {
namespace {

constexpr std::string_view kEpochKey = "e";
constexpr std::string_view kPendingKey = "p";
constexpr std::string_view kWalkKey = "u";
constexpr std::string_view kLapKey = "l";
constexpr std::string_view kGenerationKey = "g";
constexpr size_t kRangesPerSlice = 256;
/// So many ranges that wait are made one where they overlap others that come.
constexpr size_t kRangesJoined = 1024;
constexpr char kRangeRow = 's';
constexpr char kCoveredRow = 'c';
constexpr char kAwaitedRow = 'q';
constexpr char kMentionedRow = 'n';
constexpr char kOnceMentionedRow = 'o';

std::string key_of(char kind, std::string_view name) {
  return std::string(1, kind).append(name);
}

/// Sorted, and what overlaps or touches made one.
void coalesce(std::vector<IndexRange>& ranges) {
  std::ranges::sort(ranges, {}, &IndexRange::from);
  std::vector<IndexRange> merged;
  for (IndexRange& range : ranges) {
    if (range.from >= range.to) continue;
    if (!merged.empty() && range.from <= merged.back().to) {
      merged.back().to = std::max(merged.back().to, range.to);
    } else {
      merged.push_back(std::move(range));
    }
  }
  ranges = std::move(merged);
}

/// Of sorted ranges, those that are not among others, which are sorted, too.
std::vector<IndexRange> without(const std::vector<IndexRange>& ranges,
                                const std::vector<IndexRange>& others) {
  std::vector<IndexRange> left;
  std::ranges::set_difference(ranges, others, std::back_inserter(left));
  return left;
}

bool holds(const std::vector<IndexRange>& ranges, const IndexRange& wanted) {
  return std::ranges::any_of(ranges, [&wanted](const IndexRange& range) {
    return range.from <= wanted.from && range.to >= wanted.to;
  });
}

/// Where a walk is inside a range, the range becomes two: the walk visits its rest first.
void split_at(std::string_view walk, std::vector<IndexRange>& ranges) {
  for (IndexRange& range : ranges) {
    if (range.from >= walk || walk >= range.to) continue;
    IndexRange rest{std::string(walk), std::move(range.to)};
    range.to = walk;
    ranges.insert(ranges.begin() + (&range - ranges.data()) + 1, std::move(rest));
    return;
  }
}

}  // namespace

std::vector<std::string> Realignment::names(char kind) const {
  std::vector<std::string> found;
  for (const auto it = store_.prefix(std::string(1, kind)); it->valid(); it->next()) {
    found.emplace_back(it->key().view().substr(1));
  }
  return found;
}

/// Of those that wait, from key `from` on.
std::vector<IndexRange> Realignment::ranges(std::string_view from, size_t ranges_max) const {
  std::vector<IndexRange> found;
  const std::string end(1, kRangeRow + 1);
  const auto it = store_.range(key_of(kRangeRow, from), end);
  for (; it->valid() && found.size() < ranges_max; it->next()) {
    found.push_back({std::string(it->key().view().substr(1)), it->row().value.to_string()});
  }
  return found;
}

uint64_t Realignment::count(std::string_view key) const {
  const Row row = store_.get(key);
  return row ? number_in(row.value.view()).value_or(0) : 0;
}

void Realignment::raise(std::string_view key, int64_t timestamp_ms) {
  store_.put(key, std::to_string(count(key) + 1), timestamp_ms);
}

/// Adds a row with `value` for each field that rules mention, unless it has a row of one of
/// `kinds`. Returns whether it added any.
bool Realignment::note_fields(std::initializer_list<char> kinds, char kind, uint64_t value,
                              int64_t timestamp_ms) {
  const auto& fields = rules_.rules().fields();
  bool is_new = false;
  for (FieldIndex field = 0; field < fields.slots(); ++field) {
    if (!fields.is_used(field)) continue;
    const std::string& name = fields.name(field);
    const auto has_row = [&](char known) {
      return static_cast<bool>(store_.get(key_of(known, name)));
    };
    if (std::ranges::any_of(kinds, has_row)) continue;
    store_.put(key_of(kind, name), std::to_string(value), timestamp_ms);
    is_new = true;
  }
  return is_new;
}

void Realignment::load() {
  for (std::string& field : names(kOnceMentionedRow)) once_mentioned_.insert(std::move(field));
}

bool Realignment::may_have(std::string_view field) const {
  return rules_.rules().fields().find(field) || once_mentioned_.contains(field);
}

/// Accounts that change from now on are not indexed by these fields any more.
void Realignment::forget_unmentioned(int64_t timestamp_ms) {
  for (const std::string& field : names(kMentionedRow)) {
    if (rules_.rules().fields().find(field)) continue;
    store_.put(key_of(kOnceMentionedRow, field), Bytes(""), timestamp_ms);
    once_mentioned_.insert(field);
  }
  for (const char kind : {kCoveredRow, kAwaitedRow, kMentionedRow}) {
    for (const std::string& field : names(kind)) {
      if (rules_.rules().fields().find(field)) continue;
      store_.erase(key_of(kind, field), timestamp_ms);
    }
  }
}

/// Returns false when the index does not know some of the accounts.
bool Realignment::add_ranges(const AffectedAccounts& affected,
                             std::vector<IndexRange>& ranges) const {
  if (affected.all) return false;
  for (const AffectedAccounts::Where& where : affected.keys) {
    if (!store_.get(key_of(kCoveredRow, where.field))) return false;
    auto range = AccountIndex::range_of(where.field, where.key);
    if (!range) return false;
    ranges.push_back(std::move(*range));
  }
  for (const std::string& territory : affected.territories) {
    ranges.push_back(AccountIndex::range_of_territory(territory));
  }
  return true;
}

void Realignment::start(const AffectedAccounts& affected, int64_t timestamp_ms) {
  forget_unmentioned(timestamp_ms);
  if (note_fields({kMentionedRow}, kMentionedRow, 0, timestamp_ms)) {
    raise(kGenerationKey, timestamp_ms);
  }
  if (affected.none()) return;
  raise(kEpochKey, timestamp_ms);
  std::vector<IndexRange> ranges;
  if (!add_ranges(affected, ranges)) {
    ranges.assign(1, AccountIndex::all_accounts());
    note_fields({kCoveredRow, kAwaitedRow}, kAwaitedRow, count(kLapKey), timestamp_ms);
  }
  add(std::move(ranges), timestamp_ms);
}

void Realignment::doubt_all(int64_t timestamp_ms) {
  raise(kGenerationKey, timestamp_ms);
  AffectedAccounts affected;
  affected.all = true;
  start(affected, timestamp_ms);
}

/// Joins them with those that wait, unless those are many. All accounts take the place of whatever
/// waits.
void Realignment::add(std::vector<IndexRange> added, int64_t timestamp_ms) {
  const IndexRange all = AccountIndex::all_accounts();
  const bool are_all = holds(added, all);
  std::vector<IndexRange> waiting = ranges("", are_all ? SIZE_MAX : kRangesJoined + 1);
  if (!are_all && waiting.size() > kRangesJoined) waiting.clear();
  added.insert(added.end(), waiting.begin(), waiting.end());
  coalesce(added);
  if (holds(added, all)) added.assign(1, all);
  if (const Row walk = store_.get(kWalkKey)) split_at(walk.value.to_string(), added);
  for (const IndexRange& range : without(waiting, added)) {
    store_.erase(key_of(kRangeRow, range.from), timestamp_ms);
  }
  for (const IndexRange& range : without(added, waiting)) put(range, timestamp_ms);
}

/// Together with one from the same key that is already there.
void Realignment::put(const IndexRange& range, int64_t timestamp_ms) {
  const std::string key = key_of(kRangeRow, range.from);
  const Row row = store_.get(key);
  const std::string to = row ? std::max(row.value.to_string(), range.to) : range.to;
  store_.put(key, to, timestamp_ms);
  if (!is_pending()) store_.put(kPendingKey, Bytes(""), timestamp_ms);
}

std::vector<std::string> Realignment::next_slice(size_t accounts_max, int64_t timestamp_ms) {
  const Row walk = store_.get(kWalkKey);
  const std::string from = walk ? walk.value.to_string() : std::string();
  std::vector<IndexRange> next = ranges(from, kRangesPerSlice);
  if (next.empty() && !from.empty()) {
    begin_lap(timestamp_ms);
    next = ranges("", kRangesPerSlice);
  }
  std::vector<std::string> roots;
  for (IndexRange& range : next) {
    if (roots.size() >= accounts_max) break;
    advance(std::move(range), accounts_max, roots, timestamp_ms);
  }
  if (ranges("", 1).empty()) finish(timestamp_ms);
  std::ranges::sort(roots);
  roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
  return roots;
}

/// A field that was awaited before the lap that ended began is in the index of all accounts: each
/// of them waited then, and was visited.
void Realignment::begin_lap(int64_t timestamp_ms) {
  const uint64_t ended = count(kLapKey);
  raise(kLapKey, timestamp_ms);
  for (const std::string& field : names(kAwaitedRow)) {
    if (count(key_of(kAwaitedRow, field)) < ended) cover(field, timestamp_ms);
  }
}

void Realignment::cover(const std::string& field, int64_t timestamp_ms) {
  store_.erase(key_of(kAwaitedRow, field), timestamp_ms);
  store_.put(key_of(kCoveredRow, field), Bytes(""), timestamp_ms);
}

void Realignment::advance(IndexRange range, size_t accounts_max, std::vector<std::string>& roots,
                          int64_t timestamp_ms) {
  std::optional<std::string> next;
  for (const auto it = store_.range(range.from, range.to); it->valid(); it->next()) {
    if (roots.size() == accounts_max) {
      next = it->key().to_string();
      break;
    }
    roots.emplace_back(AccountIndex::root_of(it->key().view()));
  }
  store_.erase(key_of(kRangeRow, range.from), timestamp_ms);
  store_.put(kWalkKey, next ? *next : range.to, timestamp_ms);
  if (next) put({*std::move(next), std::move(range.to)}, timestamp_ms);
}

/// Every account was visited since the last field was awaited.
void Realignment::finish(int64_t timestamp_ms) {
  store_.erase(kPendingKey, timestamp_ms);
  store_.erase(kWalkKey, timestamp_ms);
  for (const std::string& field : names(kAwaitedRow)) cover(field, timestamp_ms);
}

bool Realignment::is_pending() const {
  return static_cast<bool>(store_.get(kPendingKey));
}

uint64_t Realignment::epoch() const {
  return count(kEpochKey);
}

uint64_t Realignment::generation() const {
  return count(kGenerationKey);
}

Status Realignment::check_row(Bytes key, Bytes value) {
  constexpr std::string_view kCounts = "egl";
  const bool is_count = key.size() == 1 && kCounts.find(key.view()) != std::string_view::npos;
  if (!is_count && !key.view().starts_with(kAwaitedRow)) return {};
  if (number_in(value.view())) return {};
  return Error{ErrorCode::kInvalidRecord, "a row of a realignment that is no number"};
}

}  // namespace millrace::crm::territory
