#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::engine {

enum class MetricKind : uint8_t { kCounter, kGauge, kHistogram };

/// One line of the table of metrics.
struct MetricInfo {
  std::string_view name;
  MetricKind kind = MetricKind::kGauge;
  std::string_view labels;  ///< "topic, partition"; empty: one series
  std::string_view unit;
  std::string_view help;
};

/// All metrics of the engine, in the order of the table that people read. Names are stable: rules
/// and dashboards of others rest on them.
inline constexpr MetricInfo kMetrics[] = {
    {"millrace_info", MetricKind::kGauge, "application_id", "",
     "Always 1; says whose metrics these are."},
    {"millrace_state", MetricKind::kGauge, "state", "", "1 for the instance's state, else 0."},
    {"millrace_active_tasks", MetricKind::kGauge, "", "tasks", "Tasks that this instance owns."},
    {"millrace_restoring_tasks", MetricKind::kGauge, "", "tasks",
     "Tasks that this instance is to run, and whose state is not there yet."},
    {"millrace_rebalances_total", MetricKind::kCounter, "", "generations", "Generations joined."},

    {"millrace_freshness_seconds", MetricKind::kGauge, "", "seconds",
     "How far the slowest running task is behind: the age of its newest processed event, or the "
     "time since it was last at the end of its inputs, if that is less."},
    {"millrace_freshness_target_seconds", MetricKind::kGauge, "", "seconds",
     "The freshness that is wanted, freshness.target.ms."},
    {"millrace_end_to_end_latency_seconds", MetricKind::kHistogram, "", "seconds",
     "From a record's timestamp to the commit of its effects."},
    {"millrace_lag_records", MetricKind::kGauge, "", "records",
     "Records not yet processed, all inputs."},
    {"millrace_partition_lag_records", MetricKind::kGauge, "topic, partition", "records",
     "Records of an input partition not yet processed."},
    {"millrace_partition_hidden_records", MetricKind::kGauge, "topic, partition", "records",
     "Records of an input partition behind another producer's open transaction."},

    {"millrace_records_consumed_total", MetricKind::kCounter, "topic", "records",
     "Records read from a topic."},
    {"millrace_consumed_bytes_total", MetricKind::kCounter, "topic", "bytes",
     "Keys and values read from a topic."},
    {"millrace_records_processed_total", MetricKind::kCounter, "sub_topology", "records",
     "Records that went through a sub-topology."},
    {"millrace_records_produced_total", MetricKind::kCounter, "topic", "records",
     "Records written to a topic."},
    {"millrace_produced_bytes_total", MetricKind::kCounter, "topic", "bytes",
     "Keys and values written to a topic."},
    {"millrace_records_dropped_total", MetricKind::kCounter, "reason", "records",
     "Records left out."},
    {"millrace_late_records_total", MetricKind::kCounter, "node", "records",
     "Records left out because they came too late."},
    {"millrace_late_seconds_total", MetricKind::kCounter, "node", "seconds",
     "By how much late records came too late, together."},
    {"millrace_records_dead_lettered_total", MetricKind::kCounter, "reason", "records",
     "Records sent to the dead-letter topic."},

    {"millrace_commits_total", MetricKind::kCounter, "", "commits", "Commits that succeeded."},
    {"millrace_aborts_total", MetricKind::kCounter, "", "commits",
     "Commits that were aborted, with their transactions."},
    {"millrace_commit_phase_seconds", MetricKind::kHistogram, "phase", "seconds",
     "Time of each phase of a commit."},

    {"millrace_input_buffer_bytes", MetricKind::kGauge, "", "bytes",
     "Records fetched and not yet processed."},
    {"millrace_store_cache_bytes", MetricKind::kGauge, "", "bytes",
     "Rows that the stores hold in memory."},
    {"millrace_store_dirty_bytes", MetricKind::kGauge, "", "bytes",
     "Rows changed since the last commit."},
    {"millrace_disk_free_bytes", MetricKind::kGauge, "", "bytes",
     "Free on the disk of state.dir, for this process."},
    {"millrace_disk_size_bytes", MetricKind::kGauge, "", "bytes", "Size of the disk of state.dir."},

    {"millrace_rocksdb_databases", MetricKind::kGauge, "", "databases",
     "Databases that are open, one per task with state."},
    {"millrace_rocksdb_rows", MetricKind::kGauge, "", "rows", "RocksDB's estimate of its rows."},
    {"millrace_rocksdb_files_bytes", MetricKind::kGauge, "", "bytes", "Size of the live files."},
    {"millrace_rocksdb_block_cache_bytes", MetricKind::kGauge, "", "bytes",
     "Blocks in RocksDB's cache."},
    {"millrace_rocksdb_block_cache_pinned_bytes", MetricKind::kGauge, "", "bytes",
     "Those of them that readers hold at the moment."},
    {"millrace_rocksdb_write_buffer_bytes", MetricKind::kGauge, "", "bytes",
     "RocksDB's write buffers."},
    {"millrace_rocksdb_pending_compaction_bytes", MetricKind::kGauge, "", "bytes",
     "RocksDB's estimate of what compactions have still to rewrite."},
    {"millrace_rocksdb_running_compactions", MetricKind::kGauge, "", "compactions",
     "Compactions under way."},
    {"millrace_rocksdb_running_flushes", MetricKind::kGauge, "", "flushes", "Flushes under way."},
    {"millrace_rocksdb_stalled_databases", MetricKind::kGauge, "", "databases",
     "Databases that slow down or stop writes, since compactions do not keep up."},
    {"millrace_rocksdb_background_errors", MetricKind::kGauge, "", "errors",
     "Flushes and compactions that failed."},

    {"millrace_restored_records_total", MetricKind::kCounter, "", "records",
     "Changelog records that tasks read before they ran."},
    {"millrace_restore_records_total", MetricKind::kCounter, "task", "records",
     "Changelog records a task's running restore has read."},
    {"millrace_restore_bytes_total", MetricKind::kCounter, "task", "bytes",
     "Keys and values a task's running restore has read."},
    {"millrace_restore_remaining_records", MetricKind::kGauge, "task", "records",
     "Changelog records a task has still to restore."},
    {"millrace_restore_records_per_second", MetricKind::kGauge, "task", "records/s",
     "Speed of a task's restore."},
    {"millrace_snapshots_taken_total", MetricKind::kCounter, "", "snapshots",
     "Snapshots of tasks' state that were taken."},
    {"millrace_snapshots_downloaded_total", MetricKind::kCounter, "", "snapshots",
     "Snapshots that tasks without state started from."},
    {"millrace_snapshots_failed_total", MetricKind::kCounter, "", "snapshots",
     "Snapshots that could not be taken or downloaded."},
    {"millrace_snapshot_downloaded_bytes_total", MetricKind::kCounter, "", "bytes",
     "Bytes of the snapshots downloaded."},

    {"millrace_queries_total", MetricKind::kCounter, "route", "requests",
     "Requests that a route answered."},
    {"millrace_query_refusals_total", MetricKind::kCounter, "reason", "requests",
     "Requests and connections that were refused."},
    {"millrace_query_connections", MetricKind::kGauge, "", "connections",
     "Open connections of the query server."},
    {"millrace_query_streams", MetricKind::kGauge, "", "streams",
     "Open streams of events of the query server."},
    {"millrace_certificate_expiry_timestamp_seconds", MetricKind::kGauge, "", "seconds since 1970",
     "End of the query server's certificate; absent without one."},
};

/// The line of a metric. A name that the table does not have fails to compile.
consteval const MetricInfo& metric(std::string_view name) {
  for (const MetricInfo& info : kMetrics) {
    if (info.name == name) return info;
  }
  throw "the table has no such metric";
}

/// The table for people, in Markdown.
std::string metrics_markdown();

}  // namespace millrace::engine
