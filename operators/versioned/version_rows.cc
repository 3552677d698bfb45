#include "operators/versioned/version_rows.h"

#include <algorithm>
#include <utility>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/versioned/version_codec.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

/// The part of the history for which expired versions may wait to go together.
constexpr int64_t kHistoryPatienceParts = 8;

int64_t make_version_end(Bytes row, Bytes /*value*/, std::string& out) {
  const VersionKeyBytes parts = decode_version_key(row);
  make_by_end(parts.to_ms, parts.from_ms, {parts.key.view()}, out);
  return parts.to_ms;
}

std::optional<int64_t> read_version_end(Bytes by_end, std::string& row) {
  const std::optional<ByEnd> parts = read_by_end(by_end);
  if (!parts) return std::nullopt;
  encode_version_key({parts->rest, parts->start_ms, parts->end_ms}, row);
  return parts->end_ms;
}

std::optional<int64_t> read_history(Bytes value) {
  if (value.size() != sizeof(int64_t)) return std::nullopt;
  // Anybody may have written it.
  return std::clamp<int64_t>(Serde<int64_t>::view(value), 0, kIntervalMaxMs);
}

}  // namespace

const EndOrder& versions_by_end() {
  static constexpr EndOrder order{&make_version_end, &read_version_end};
  return order;
}

const DerivedRows& version_rows_by_end() {
  static const DerivedRows rows{.is_derived = &is_by_end,
                                .derive = [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                                  if (is_own_row(key) || !is_version_key(key)) return;
                                  std::string by_end;
                                  make_version_end(key, value, by_end);
                                  add(Bytes(by_end), Bytes(""));
                                }};
  return rows;
}

// A version is a window that closes with its end; its row is kept for the history from then on.
VersionRows::VersionRows(std::string store, int64_t history_ms)
    : name_(std::move(store)),
      rows_(name_,
            {.close_delay_ms = -1,
             .keep_ms = history_ms,
             .patience_ms = history_ms / kHistoryPatienceParts},
            versions_by_end()) {
  make_mark_key(Mark::kHistory, history_key_);
  Serde<int64_t>::encode(history_ms, history_value_);
}

void VersionRows::open(ProcessorContext& context) {
  rows_.open(context);
  store_ = &context.store(name_);
}

void VersionRows::advance(int64_t timestamp_ms) {
  rows_.advance(timestamp_ms);
  // For those who read the store and do not know the table.
  if (store_->get(history_key_).value == Bytes(history_value_)) return;
  store_->put(history_key_, history_value_, timestamp_ms);
}

std::optional<int64_t> VersionRows::begins_ms(KeyValueStore& store) {
  std::string key;
  make_mark_key(Mark::kHistory, key);
  const Row row = store.get(key);
  const std::optional<int64_t> history_ms = row ? read_history(row.value) : std::nullopt;
  if (!history_ms) return std::nullopt;
  return WindowRows::time_ms(store) - *history_ms;
}

void VersionRows::keep(Bytes key, int64_t from_ms, int64_t to_ms, Bytes value) {
  if (to_ms <= begins_ms()) return;
  encode_version(value, version_);
  put(key, from_ms, to_ms, version_, true);
}

void VersionRows::put(Bytes key, int64_t from_ms, int64_t to_ms, Bytes version, bool is_new) {
  encode_version_key({key, from_ms, to_ms}, row_key_);
  rows_.put(row_key_, version, from_ms, is_new);
}

bool VersionRows::insert(Bytes key, int64_t from_ms, Bytes value,
                         std::optional<int64_t> latest_ms) {
  encode_version_group(key, group_);
  std::optional<VersionKeyBytes> next;  // the oldest that ends later
  for (const auto rows = store_->prefix(group_); rows->valid(); rows->next()) {
    // Rows of a key that continues with a NUL may lie between.
    if (key_of_version(rows->key()) != key || !is_version_key(rows->key())) continue;
    if (decode_version_key(rows->key()).to_ms <= from_ms) break;
    next_key_ = rows->key().view();
    next_version_ = rows->row().value.view();
    next = decode_version_key(next_key_);
  }
  encode_version(value, version_);
  if (!next || next->from_ms > from_ms) {
    if (!next && !latest_ms) return false;
    put(key, from_ms, next ? next->from_ms : *latest_ms, version_, true);
    return true;
  }
  const bool replaces = next->from_ms == from_ms;
  if (!replaces) {
    rows_.erase(next_key_, next_version_);
    if (from_ms > begins_ms()) put(key, next->from_ms, from_ms, next_version_, true);
  }
  put(key, from_ms, next->to_ms, version_, !replaces);
  return true;
}

}  // namespace millrace::operators
