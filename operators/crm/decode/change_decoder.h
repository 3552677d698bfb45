#pragma once

#include <cstddef>
#include <memory>

#include "millrace/core/processor.h"

#include "crm/mapping/mapping.h"

namespace millrace::crm {

class MappingReport;  // decode/mapping_report.h

/// Children of a change decoder, in the order in which they must be declared.
/// Topics of FlatBuffers need the first only.
enum ChangeDecoderChild : size_t {
  kAccountChangesChild = 0,  ///< AccountChange by the record's id
  kResyncsChild = 1,         ///< Conflict `ResyncNeeded` by "source:entity"
  /// AccountChange by `child_key`; missing if the mapping has no children.
  kChildChangesChild = 2
  // The next: TableEvent by the source's log, of loads by table. Then TransactionPart `End` by
  // transaction, for topics that `is_of_transactions`; missing if nothing is inferred.
};

/// Decodes the records (any key, any bytes) of the mapping's `topic`-th topic.
///
/// A change of an account or child is forwarded as AccountChange; gaps of all kinds become Gaps; an
/// overflow becomes a Conflict, a truncate, the first and last row of a table's snapshot and every
/// part of a load a TableEvent, whatever the entity. Records without effect are counted as dropped:
/// "null_value", "message", "load_mark", "unknown_entity" (not in the mapping) and the kinds of
/// `debezium_noise`. An overflow is counted as "resync_needed" too, a field whose value is none of
/// its type as "refused_field", and a mapped field that never came, once a task, as "absent_field".
/// The log names the first of each unknown entity, refused and absent field of a topic. A record
/// that does not decode is an `InvalidRecord`, and nothing of it is forwarded.
///
/// All of this is counted in `report`, too; null: nowhere. It is a report on `mapping`.
ProcessorFactory change_decoder(std::shared_ptr<const Mapping> mapping, size_t topic,
                                std::shared_ptr<MappingReport> report = nullptr);

}  // namespace millrace::crm
