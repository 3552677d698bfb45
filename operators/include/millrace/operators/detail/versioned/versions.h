#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "millrace/operators/detail/table_view.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/detail/versioned/version_codec.h"

/// Tables with a history of their rows.
namespace millrace::operators {

/// A table with history as a program defines it, unchecked.
struct VersionedTable {
  int64_t history_ms = 0;
  TypeInfo key;
  TypeInfo value;
  TypeInfo version_key;
  TypeInfo version;
};

template <class K, class V>
VersionedTable make_versioned_table(std::chrono::milliseconds history) {
  return {history.count(), type_info<K>(), type_info<V>(), type_info<VersionKey<K>>(),
          type_info<Version<V>>()};
}

/// The latest rows of `stream` in the new store `name`, and those before in another. A fault of the
/// history is the draft's.
TableCore versioned_by(const StreamCore& stream, const std::string& name, VersionedTable table,
                       StoreOptions options);

/// The rows of such a table, now and then.
TableView versioned_view(const std::string& store, int64_t history_ms);

}  // namespace millrace::operators
