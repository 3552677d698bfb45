#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/core/result.h"

#include "apps/sink/tables.h"
#include "engine/clients/record_batch.h"

namespace millrace::apps::sink {

/// The change that one record makes to the tables of its topic, as lines of COPY's text format.
struct RowChange {
  std::string row;       ///< one line of `stage_<main>`, with `deleted` at its end
  std::string children;  ///< lines of `stage_<child>`
  bool deletes = false;
  /// Whether only this one counts of the changes with the key of its record, up to here.
  bool replaces = true;
};

/// The change of a record of the topic of `tables`; the mapped columns of accounts are `fields`,
/// as for `crm_tables`. Error: `kInvalidRecord` for a value that is not of the topic's type or does
/// not belong to its key, without quoting either.
Result<RowChange> plan_row(const TopicTables& tables, const FieldTypes& fields, int32_t partition,
                           const engine::FetchedRecord& record);

}  // namespace millrace::apps::sink
