#include "millrace/operators/detail/versioned/version_reader.h"

#include "millrace/operators/detail/versioned/version_codec.h"

#include "operators/versioned/version_rows.h"

namespace millrace::operators {

std::string history_store(std::string_view table) {
  return std::string(table) + "-history";
}

VersionReader::VersionReader(KeyValueStore& latest, KeyValueStore& history)
    : latest_(&latest), history_(&history) {}

Row VersionReader::as_of(Bytes key, int64_t time_ms) {
  const Row latest = latest_->get(key);
  // The latest version never expires.
  if (latest && latest.timestamp_ms <= time_ms) return latest;
  const std::optional<int64_t> begins_ms = VersionRows::begins_ms(*history_);
  if (!begins_ms || time_ms < *begins_ms) return {};
  encode_version_group(key, group_);
  for (const auto rows = history_->prefix(group_); rows->valid(); rows->next()) {
    // Rows of a key that continues with a NUL may lie between.
    if (key_of_version(rows->key()) != key || !is_version_key(rows->key())) continue;
    const VersionKeyBytes version = decode_version_key(rows->key());
    if (version.to_ms <= time_ms) break;
    if (version.from_ms > time_ms) continue;
    const Bytes value = decode_version(rows->row().value);
    if (value.is_null()) break;
    value_ = value.view();
    return {Bytes(value_), version.from_ms};
  }
  return {};
}

}  // namespace millrace::operators
