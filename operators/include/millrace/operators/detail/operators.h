#pragma once

#include <string>
#include <vector>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/aggregates.h"
#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/table_view.h"

/// The processors behind the methods of `Stream`, `Table` and their groups, which say what each
/// does with nulls and records out of order. Each has a source: `filter_stream` is in `filter.cc`.
namespace millrace::operators {

ProcessorFactory filter_stream(Predicate predicate);
ProcessorFactory filter_table(Predicate predicate);
TableView filter_view(TableView table, Predicate predicate);

ProcessorFactory map_values_stream(ValueMapper mapper);
ProcessorFactory map_values_table(ValueMapper mapper);
TableView map_values_view(TableView table, ValueMapper mapper);

ProcessorFactory map_stream(RecordMapper mapper);
ProcessorFactory flat_map(RecordExpander expander);
/// As `flat_map`, of which `expander` emits only the record's key; an untaken null value passes.
ProcessorFactory flat_map_values(RecordExpander expander);
ProcessorFactory key_by(KeySelector selector);
ProcessorFactory peek(Observer observer);

/// Passes a record to the child of the first predicate that is true, else to the child behind those
/// of all predicates. If there is none, it drops the record and counts it "no_branch".
ProcessorFactory branch(std::vector<Predicate> predicates);

/// Passes records on as those of a stream, without the old value of a table's change. Null values
/// are deletes and stay.
ProcessorFactory pass();

/// Passes records on as they are.
ProcessorFactory relay();

/// Passes records with a key; a null key has no partition: dropped and counted "null_key".
ProcessorFactory pass_keyed();

/// Turns a topic or a stream into a table: keeps the latest value per key in `store` and emits each
/// change with the row it replaces.
ProcessorFactory table_store(std::string store);

/// Keeps an aggregate per key of a stream in `store` and emits each of its changes.
ProcessorFactory aggregate_stream(std::string store, Aggregator aggregator);

/// Sends the changes of a table to the groups of its rows: the value becomes a `Change` (see
/// `pair_codec.h`), the key the group's.
///
/// A row that stays in its group makes one record (old, new). A row that moves makes two: the old
/// row to the old group, then the new row to the new one. A row whose selector returns
/// `std::nullopt` is in no group. Timestamp and headers are the change's.
ProcessorFactory regroup_table(KeySelector selector);

/// Keeps an aggregate per group in `store`, from the records of `regroup_table`.
ProcessorFactory aggregate_table(std::string store, TableAggregator aggregator);

/// `table`: its topic.
ProcessorFactory stream_broadcast_join(JoinKind kind, std::string table, KeySelector selector,
                                       Joiner joiner);

/// The row joined from two rows of tables, in `out`; null when there is none.
Bytes joined_row(JoinKind kind, const Joiner& joiner, Bytes key, Bytes left, Bytes right,
                 std::string& out);

/// One side of a table–table join: a change of `side` against the row that the other side has now.
/// One record must not change both sides, as it does where a table is joined with one computed from
/// it: `Table::join` then gives each side a store of its own.
ProcessorFactory table_table_join(JoinKind kind, JoinSide side, TableView other, Joiner joiner);
TableView join_view(JoinKind kind, TableView left, TableView right, Joiner joiner);

}  // namespace millrace::operators
