#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace millrace {

enum class Guarantee : unsigned char {
  kExactlyOnce,  ///< offsets, changelogs and outputs of a commit are visible together or not at all
  kAtLeastOnce,  ///< no transactions; after a crash some records are processed again
};

/// The policy for a record that cannot be processed.
enum class OnError : unsigned char {
  kFail,        ///< stop the instance with a clear exit code; commit nothing past the record
  kSkip,        ///< count it, log its position, continue
  kDeadLetter,  ///< as kSkip, and send bytes, headers, position and reason to the dead-letter topic
};

/// The settings of an instance. Every field is in the configuration table (`config_table.h`), which
/// defines `--help`, validation and the README's table.
struct EngineOptions {
  std::string application_id;  ///< group, prefix of internal topics; Kafka-legal name
  std::string bootstrap_servers = "127.0.0.1:9092";
  std::string instance_id;  ///< static member id; empty: dynamic member
  std::filesystem::path state_dir = "./millrace-state";
  Guarantee guarantee = Guarantee::kExactlyOnce;

  int64_t freshness_target_ms = 60'000;  ///< how far behind tasks may be; only metrics use it

  int64_t commit_interval_ms = 100;        ///< while live
  int64_t commit_interval_max_ms = 2'000;  ///< while catching up, grown step by step
  size_t commit_bytes_max = 64 << 20;      ///< uncommitted rows and outputs that force a commit
  /// Tasks keep processing while a commit's transaction is on its way to Kafka, for up to another
  /// `commit_bytes_max`.
  bool commit_pipelined = true;

  int worker_threads = 0;         ///< 0: one a core; 1: serial on the loop's thread
  int32_t slice_records = 2'000;  ///< a task's turn, at most
  int64_t slice_time_ms = 20;
  int64_t poll_wait_ms = 20;  ///< sleep of an idle loop, at most

  /// A program divides it among the next settings and `commit_bytes_max`, where its configuration
  /// does not set them; 0: a quarter of the machine's or container's memory. `Engine` ignores it.
  size_t memory_bytes = 0;
  size_t input_buffer_bytes = 64 << 20;   ///< fetched, not yet processed; all tasks together
  size_t cache_bytes = 256 << 20;         ///< rows cached and uncommitted; all tasks together
  size_t block_cache_bytes = 64 << 20;    ///< RocksDB, shared
  size_t write_buffer_bytes = 128 << 20;  ///< RocksDB, shared

  OnError on_invalid_record = OnError::kDeadLetter;
  OnError on_user_error = OnError::kFail;
  OnError on_refused_output = OnError::kFail;
  std::string dead_letter_topic;               ///< empty: "<application id>-dead-letters"
  std::filesystem::path dead_letter_key_file;  ///< encrypts dead letters; empty: none

  int32_t replication_factor = -1;   ///< of internal topics; −1: the broker's default
  int32_t min_insync_replicas = -1;  ///< of internal topics; −1: the broker's default
  bool allow_orphans = false;        ///< start although internal topics exist that nothing uses
  int64_t state_max_age_ms = 3LL * 24 * 3600 * 1000;  ///< older local state is rebuilt

  /// Holds copies of tasks' state, each application's in a directory of its own. Empty: none.
  std::filesystem::path snapshot_dir;
  int64_t snapshot_interval_ms = 600'000;  ///< between two snapshots of a running task
  int snapshot_retain = 2;                 ///< snapshots kept of each task
  bool snapshot_peers = true;  ///< a task without state starts from another instance's snapshot

  int standby_replicas = 0;     ///< copies of each task's state that other instances keep
  int warmup_replicas_max = 2;  ///< tasks that warm up elsewhere before they move, at a time
  int64_t acceptable_recovery_lag = 10'000;  ///< records behind, at which state counts as caught up
  std::string rack;                          ///< standbys are put on other racks first
  int32_t capacity = 1;                      ///< share of the work relative to the other instances
  int64_t state_cleanup_delay_ms = 600'000;  ///< after a task went elsewhere its state is removed

  int64_t session_timeout_ms = 10'000;
  int64_t transaction_timeout_ms = 10'000;
  int64_t retry_backoff_max_ms = 5'000;  ///< while the broker is away
  int64_t shutdown_timeout_ms = 30'000;

  std::string query_host = "127.0.0.1";
  std::string query_advertised_host;  ///< where peers reach the query server; empty: query_host
  std::string query_allowed_hosts;    ///< names in Host headers, comma-separated
  int query_port = 0;                 ///< 0: no query server; −1: any free port
  int query_threads = 4;
  int query_connections_max = 512;
  int query_connections_per_address = 256;
  int query_subscriptions_max = 256;
  int query_scans_max = 16;
  std::filesystem::path query_tls_certificate_file;  ///< empty: connections are in the clear
  std::filesystem::path query_tls_key_file;
  std::filesystem::path query_tls_authority_file;  ///< of other instances; empty: the system's
  std::filesystem::path query_token_file;          ///< callers and the hashes of their tokens
  std::filesystem::path query_peer_key_file;  ///< by which instances prove themselves to each other

  std::string log_level = "info";
  /// librdkafka properties passed through: "kafka.x" here is "x" there, so security (TLS, SASL)
  /// needs no options of ours. Values may be secrets: never logged.
  std::map<std::string, std::string> kafka;
};

}  // namespace millrace
