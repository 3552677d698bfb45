#include "crm/territory/realignment.h"

#include <algorithm>
#include <optional>

#include "crm/model/number_text.h"

namespace millrace::crm::territory {
namespace {

constexpr std::string_view kEpochKey = "e";
constexpr std::string_view kPendingKey = "p";
constexpr size_t kScansPerSlice = 256;
constexpr char kSeparator = '\0';
constexpr char kScanRow = 's';

std::string key_of(char kind, std::string_view name) {
  return std::string(1, kind).append(name);
}

/// Names of fields have no NUL here, since only those without one are covered; bounds of ranges
/// may.
std::string pack(const std::string& to, const std::vector<std::string>& fields) {
  std::string packed;
  for (const std::string& field : fields) packed += field + kSeparator;
  return packed + kSeparator + to;
}

bool is_scan(std::string_view packed) {
  while (!packed.empty() && packed.front() != kSeparator) {
    const size_t end = packed.find(kSeparator);
    if (end == std::string_view::npos) return false;
    packed.remove_prefix(end + 1);
  }
  return !packed.empty();
}

/// REQUIRES: is_scan(packed).
void unpack(std::string_view packed, std::string& to, std::vector<std::string>& fields) {
  while (packed.front() != kSeparator) {
    fields.emplace_back(packed.substr(0, packed.find(kSeparator)));
    packed.remove_prefix(fields.back().size() + 1);
  }
  to = packed.substr(1);
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

}  // namespace

std::vector<std::string> Realignment::names(char kind) const {
  std::vector<std::string> found;
  for (const auto it = store_.prefix(std::string(1, kind)); it->valid(); it->next()) {
    found.emplace_back(it->key().view().substr(1));
  }
  return found;
}

std::vector<Realignment::Scan> Realignment::scans(std::string_view from, size_t scans_max) const {
  std::vector<Scan> found;
  const auto it = store_.prefix(key_of(kScanRow, from));
  for (; it->valid() && found.size() < scans_max; it->next()) {
    Scan& scan = found.emplace_back();
    scan.range.from = it->key().view().substr(1);
    unpack(it->row().value.view(), scan.range.to, scan.fields);
  }
  return found;
}

std::vector<std::string> Realignment::uncovered_fields() const {
  const auto& fields = rules_.rules().fields();
  std::vector<std::string> uncovered;
  for (FieldIndex field = 0; field < fields.slots(); ++field) {
    if (!fields.is_used(field)) continue;
    const std::string& name = fields.name(field);
    if (name.find(kSeparator) != std::string::npos) continue;
    if (!store_.get(key_of('c', name))) uncovered.push_back(name);
  }
  return uncovered;
}

/// Accounts that change from now on are not indexed by these fields any more.
void Realignment::forget_unmentioned(int64_t timestamp_ms) {
  const auto is_unmentioned = [this](const std::string& field) {
    return !rules_.rules().fields().find(field).has_value();
  };
  for (const std::string& field : names('c')) {
    if (is_unmentioned(field)) store_.erase(key_of('c', field), timestamp_ms);
  }
  // Only scans of all accounts carry fields.
  for (Scan& scan : scans(AccountIndex::all_accounts().from, SIZE_MAX)) {
    if (std::erase_if(scan.fields, is_unmentioned) > 0) put(scan, timestamp_ms);
  }
}

/// Returns false when the index does not know some of the accounts.
bool Realignment::add_ranges(const AffectedAccounts& affected,
                             std::vector<IndexRange>& ranges) const {
  if (affected.all) return false;
  for (const AffectedAccounts::Where& where : affected.keys) {
    if (!store_.get(key_of('c', where.field))) return false;
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
  if (affected.none()) return;
  store_.put(kEpochKey, std::to_string(epoch() + 1), timestamp_ms);
  std::vector<IndexRange> ranges;
  if (!add_ranges(affected, ranges)) {
    return add({AccountIndex::all_accounts(), uncovered_fields()}, timestamp_ms);
  }
  coalesce(ranges);
  for (IndexRange& range : ranges) add({std::move(range), {}}, timestamp_ms);
}

/// Together with one from the same key that is already there.
void Realignment::add(Scan scan, int64_t timestamp_ms) {
  if (const Row row = store_.get(key_of(kScanRow, scan.range.from))) {
    std::string to;
    unpack(row.value.view(), to, scan.fields);
    scan.range.to = std::max(scan.range.to, to);
    std::ranges::sort(scan.fields);
    scan.fields.erase(std::unique(scan.fields.begin(), scan.fields.end()), scan.fields.end());
  }
  put(scan, timestamp_ms);
}

void Realignment::put(const Scan& scan, int64_t timestamp_ms) {
  store_.put(key_of(kScanRow, scan.range.from), pack(scan.range.to, scan.fields), timestamp_ms);
  if (!is_pending()) store_.put(kPendingKey, Bytes(""), timestamp_ms);
}

std::vector<std::string> Realignment::next_slice(size_t accounts_max, int64_t timestamp_ms) {
  std::vector<std::string> roots;
  for (Scan& scan : scans("", kScansPerSlice)) {
    if (roots.size() >= accounts_max) break;
    advance(std::move(scan), accounts_max, roots, timestamp_ms);
  }
  if (!store_.prefix("s")->valid()) store_.erase(kPendingKey, timestamp_ms);
  std::ranges::sort(roots);
  roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
  return roots;
}

void Realignment::advance(Scan scan, size_t accounts_max, std::vector<std::string>& roots,
                          int64_t timestamp_ms) {
  std::optional<std::string> next;
  for (const auto it = store_.range(scan.range.from, scan.range.to); it->valid(); it->next()) {
    if (roots.size() == accounts_max) {
      next = it->key().to_string();
      break;
    }
    roots.emplace_back(AccountIndex::root_of(it->key().view()));
  }
  store_.erase(key_of(kScanRow, scan.range.from), timestamp_ms);
  if (next) {
    scan.range.from = std::move(*next);
    return add(std::move(scan), timestamp_ms);
  }
  for (const std::string& field : scan.fields) {
    store_.put(key_of('c', field), Bytes(""), timestamp_ms);
  }
}

bool Realignment::is_pending() const {
  return static_cast<bool>(store_.get(kPendingKey));
}

uint64_t Realignment::epoch() const {
  const Row row = store_.get(kEpochKey);
  return row ? number_in(row.value.view()).value_or(0) : 0;
}

Status Realignment::check_row(Bytes key, Bytes value) {
  const bool fits = key == Bytes(kEpochKey)            ? number_in(value.view()).has_value()
                    : key.view().starts_with(kScanRow) ? is_scan(value.view())
                                                       : true;
  if (fits) return {};
  return Error{ErrorCode::kInvalidRecord, "neither the number of a run nor a scan"};
}

}  // namespace millrace::crm::territory
