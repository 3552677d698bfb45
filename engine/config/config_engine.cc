#include <algorithm>

#include <fmt/format.h>

#include "millrace/core/topology.h"
#include "millrace/engine/config_table.h"

#include "engine/base/endpoint.h"

namespace millrace {
namespace {

constexpr int64_t kMinute = 60'000;
constexpr int64_t kDay = 24 * 60 * kMinute;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;

std::string legal_name(std::string_view text, size_t length_max) {
  return is_legal_name(text, length_max) ? "" : "not a name that Kafka accepts";
}

const std::vector<std::pair<std::string, OnError>>& on_error_choices() {
  static const std::vector<std::pair<std::string, OnError>> choices{
      {"fail", OnError::kFail}, {"skip", OnError::kSkip}, {"dead_letter", OnError::kDeadLetter}};
  return choices;
}

/// The rule for the name of an instance or a rack.
ConfigTable::StringRule optional_name() {
  constexpr size_t kLengthMax = 128;
  return {
      .length_max = kLengthMax,
      .check =
          [](std::string_view text) { return text.empty() ? "" : legal_name(text, kLengthMax); },
      .allowed = fmt::format("empty, or 1 to {} of [a-zA-Z0-9._-]", kLengthMax)};
}

void add_identity(ConfigTable& table, EngineOptions& options) {
  table.add_string(
      "application.id", options.application_id,
      {.length_max = kApplicationIdLengthMax,
       .required = true,
       .check = [](std::string_view text) { return legal_name(text, kApplicationIdLengthMax); },
       .allowed = fmt::format("1 to {} of [a-zA-Z0-9._-]", kApplicationIdLengthMax)},
      "Consumer group, and prefix of the internal topics. Instances with the same id "
      "share the work.");
  add_connection_options(table, options);
  table.add_string("instance.id", options.instance_id, optional_name(),
                   "Static member of the group: a restart within the session time-out moves no "
                   "task. Empty: dynamic member.");
  table.add_path("state.dir", options.state_dir,
                 "Directory of the stores; one per instance, not shared.");
  table.add_choice(
      "processing.guarantee", options.guarantee,
      {{"exactly_once", Guarantee::kExactlyOnce}, {"at_least_once", Guarantee::kAtLeastOnce}},
      "exactly_once: input positions, changelogs and outputs become visible together "
      "or not at all.");
  table.add_integer("freshness.target.ms", options.freshness_target_ms, {1, 365 * kDay, "ms"},
                    "How far the job may be behind its sources. Alerts compare it with the metric "
                    "of freshness; processing does not depend on it.");
}

void add_commit(ConfigTable& table, EngineOptions& options) {
  table.add_integer("commit.interval.ms", options.commit_interval_ms, {1, kMinute, "ms"},
                    "Time between commits while live; the dial between freshness and cost.");
  table.add_integer("commit.interval.max.ms", options.commit_interval_max_ms, {1, kMinute, "ms"},
                    "The same while catching up; grown step by step, and cut short at the end of "
                    "the inputs.");
  table.add_bytes("commit.bytes.max", options.commit_bytes_max, {kMiB, 16 * kGiB},
                  "Uncommitted rows and outputs that force a commit.");
  table.add_bool("commit.pipelined", options.commit_pipelined,
                 "Tasks keep processing while a commit is on its way to Kafka, for up to another "
                 "commit.bytes.max.");
  table.add_check([&options](const ConfigTable& all) -> std::string {
    if (options.commit_interval_ms <= options.commit_interval_max_ms) return "";
    return fmt::format("commit.interval.max.ms = {} ({}): less than commit.interval.ms = {} ({})",
                       options.commit_interval_max_ms, all.source_of("commit.interval.max.ms"),
                       options.commit_interval_ms, all.source_of("commit.interval.ms"));
  });
}

void add_loop(ConfigTable& table, EngineOptions& options) {
  table.add_integer("worker.threads", options.worker_threads, {0, 1024},
                    "Threads that process; 0: one per core, 1: serial on the loop's thread.");
  table.add_integer("slice.records", options.slice_records, {1, 1'000'000, "records"},
                    "A task's turn, at most.");
  table.add_integer("slice.time.ms", options.slice_time_ms, {1, 10'000, "ms"},
                    "A task's turn, at most.");
  table.add_integer("poll.wait.ms", options.poll_wait_ms, {1, 10'000, "ms"},
                    "Sleep of an idle loop, at most.");
  table.add_bytes("input.buffer.bytes", options.input_buffer_bytes, {kMiB, 64 * kGiB},
                  "Fetched and not yet processed; all tasks together.");
}

void add_state(ConfigTable& table, EngineOptions& options) {
  table.add_bytes("memory.bytes", options.memory_bytes, {0, 16'384 * kGiB},
                  "Approximate memory under load, divided among cache.bytes, block.cache.bytes, "
                  "write.buffer.bytes, input.buffer.bytes and commit.bytes.max; sizes that are set "
                  "keep their value, and none falls below its default. 0: a quarter of the memory "
                  "of this machine or container.");
  table.add_bytes("cache.bytes", options.cache_bytes, {kMiB, 1024 * kGiB},
                  "Rows cached and uncommitted; all tasks together.");
  table.add_bytes("block.cache.bytes", options.block_cache_bytes, {kMiB, 1024 * kGiB},
                  "RocksDB's block cache, shared by all tasks.");
  table.add_bytes("write.buffer.bytes", options.write_buffer_bytes, {kMiB, 256 * kGiB},
                  "RocksDB's write buffers, shared by all tasks.");
  table.add_integer("state.max.age.ms", options.state_max_age_ms, {kMinute, 365 * kDay, "ms"},
                    "Older local state is rebuilt from its changelog; must be less than the "
                    "changelogs' delete.retention.ms.");
}

void add_snapshots(ConfigTable& table, EngineOptions& options) {
  table.add_path("snapshot.dir", options.snapshot_dir,
                 "Directory for snapshots of the tasks' state, in a subdirectory named after the "
                 "application; instances may share it. Empty: no snapshots.");
  table.add_integer("snapshot.interval.ms", options.snapshot_interval_ms, {1'000, 365 * kDay, "ms"},
                    "Time between two snapshots of a task.");
  table.add_integer("snapshot.retain", options.snapshot_retain, {1, 1'000, "snapshots"},
                    "Snapshots kept per task; older ones are removed.");
  table.add_bool("snapshot.peers", options.snapshot_peers,
                 "A task without local state and without a snapshot in snapshot.dir starts from "
                 "a snapshot that another instance's query server offers.");
}

void add_errors(ConfigTable& table, EngineOptions& options) {
  table.add_choice("on.invalid.record", options.on_invalid_record, on_error_choices(),
                   "Input that does not decode.");
  table.add_choice("on.user.error", options.on_user_error, on_error_choices(),
                   "An operator's function that throws.");
  table.add_choice("on.refused.output", options.on_refused_output, on_error_choices(),
                   "Output that the broker refuses for good.");
  table.add_string("dead.letter.topic", options.dead_letter_topic,
                   {.length_max = kTopicNameLengthMax,
                    .check =
                        [](std::string_view text) {
                          return text.empty() ? "" : legal_name(text, kTopicNameLengthMax);
                        },
                    .allowed = "empty, or 1 to 249 of [a-zA-Z0-9._-]"},
                   "Empty: `<application.id>-dead-letters`.");
  table.add_path("dead.letter.key.file", options.dead_letter_key_file,
                 "File with a key of 64 hexadecimal digits (openssl rand -hex 32), which "
                 "encrypts the records in dead letters (AES-256-GCM). Empty: no encryption.");
}

void add_kafka_side(ConfigTable& table, EngineOptions& options) {
  table.add_integer("replication.factor", options.replication_factor, {-1, 1000},
                    "Replicas of internal topics; -1: the broker's default.");
  table.add_integer("min.insync.replicas", options.min_insync_replicas, {-1, 1000},
                    "Replicas that must have a record of an internal topic before it counts as "
                    "written; -1: the broker's default.");
  table.add_bool("allow.orphans", options.allow_orphans,
                 "Start although internal topics exist that the topology does not use any more.");
  table.add_integer("session.timeout.ms", options.session_timeout_ms, {500, 30 * kMinute, "ms"},
                    "The group considers an instance dead after this silence.");
  table.add_integer("transaction.timeout.ms", options.transaction_timeout_ms,
                    {1'000, 15 * kMinute, "ms"},
                    "The broker aborts a transaction after this time.");
  table.add_integer("retry.backoff.max.ms", options.retry_backoff_max_ms, {1, kMinute, "ms"},
                    "Longest pause between tries while the broker is away.");
  table.add_integer("shutdown.timeout.ms", options.shutdown_timeout_ms, {100, 60 * kMinute, "ms"},
                    "An orderly stop that takes longer ends by force.");
  table.add_check([&options](const ConfigTable& all) -> std::string {
    if (options.guarantee != Guarantee::kExactlyOnce ||
        options.commit_interval_max_ms < options.transaction_timeout_ms) {
      return "";
    }
    return fmt::format(
        "transaction.timeout.ms = {} ({}): must be more than "
        "commit.interval.max.ms = {} ({})",
        options.transaction_timeout_ms, all.source_of("transaction.timeout.ms"),
        options.commit_interval_max_ms, all.source_of("commit.interval.max.ms"));
  });
}

void add_group(ConfigTable& table, EngineOptions& options) {
  table.add_integer("standby.replicas", options.standby_replicas, {0, 10},
                    "Copies of each task's state that other instances keep, so that a failure "
                    "costs no restore.");
  table.add_integer("warmup.replicas.max", options.warmup_replicas_max, {1, 1000, "tasks"},
                    "Tasks at a time that warm up on another instance before they move there.");
  table.add_integer("acceptable.recovery.lag", options.acceptable_recovery_lag,
                    {0, 1'000'000'000, "records"},
                    "State this far behind counts as caught up when tasks are placed.");
  table.add_string("rack", options.rack, optional_name(),
                   "Location of this instance; standbys go to other racks first.");
  table.add_integer("capacity", options.capacity, {1, 1000},
                    "Share of the tasks, relative to the other instances.");
  table.add_integer("state.cleanup.delay.ms", options.state_cleanup_delay_ms, {0, 30 * kDay, "ms"},
                    "State of a task that went to another instance is removed after this time.");
}

std::string check_host(std::string_view text) {
  if (engine::is_any_address(text)) return "means all addresses of a machine, and names none";
  const bool is_host = engine::is_ip_address(text) || engine::is_host_name(text);
  return text.empty() || is_host ? "" : "not a host name (letters, digits, '-', '.') or an address";
}

std::string check_hosts(std::string_view text) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view name = text.substr(0, comma);
    if (name != "*" && (name.empty() || !engine::is_host_name(name))) return "not host names";
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return "";
}

void add_queries(ConfigTable& table, EngineOptions& options) {
  table.add_string("query.host", options.query_host, {.length_max = 255},
                   "Address that the query server listens on.");
  table.add_string(
      "query.advertised.host", options.query_advertised_host,
      {.length_max = 255, .check = &check_host, .allowed = "empty, a host name, or an address"},
      "Host name or address at which the other instances reach this one's query "
      "server; empty: query.host, unless that means all addresses.");
  table.add_string("query.allowed.hosts", options.query_allowed_hosts,
                   {.length_max = 4096, .check = &check_hosts, .allowed = "names, or *"},
                   "Names of the query server in URLs, comma-separated, beside addresses, "
                   "localhost, this machine's name and query.advertised.host. It answers no "
                   "request for another name, since a web page can give its own name this "
                   "server's address. *: any.");
  table.add_integer("query.port", options.query_port, {-1, 65'535},
                    "0: no query server; -1: any free port, which the log names.");
  table.add_integer("query.threads", options.query_threads, {1, 256},
                    "Requests answered at a time.");
  table.add_integer("query.connections.max", options.query_connections_max, {1, 65'536},
                    "Open connections of the query server. 16 more may ask for /v1/live, "
                    "/v1/ready and /v1/health.");
  table.add_integer("query.connections.per.address", options.query_connections_per_address,
                    {1, 65'536}, "The same from one address, or one IPv6 network of 64 bits.");
  table.add_integer("query.subscriptions.max", options.query_subscriptions_max, {0, 65'536},
                    "Streams of events that are open at a time; others get a 503.");
  table.add_integer(
      "query.scans.max", options.query_scans_max, {1, 65'536},
      "Answers of many rows (pages, batches) at a time, from the request until the "
      "caller has taken them; others get a 503. It bounds their memory: 16 MiB each.");
  table.add_path("query.tls.certificate.file", options.query_tls_certificate_file,
                 "PEM file with the query server's certificate and those of the authorities up to "
                 "a root. With it the server speaks HTTPS only. Read again when it changes. Empty: "
                 "HTTP.");
  table.add_path("query.tls.key.file", options.query_tls_key_file,
                 "PEM file with the certificate's private key, without a password; others than "
                 "owner and group may not read it.");
  table.add_path("query.tls.authority.file", options.query_tls_authority_file,
                 "PEM file of the authorities that vouch for the other instances' certificates. "
                 "Empty: those that this system knows.");
  table.add_path("query.token.file", options.query_token_file,
                 "File of callers, their rights (read, personal, raw, operate) and the hashes of "
                 "their bearer tokens, which only the owner may write and others may not read. "
                 "Read again when it changes. "
                 "Empty: everybody may ask, nobody sees personal data, and only a server on "
                 "loopback can be paused, resumed and drained.");
  table.add_path("query.peer.key.file", options.query_peer_key_file,
                 "File with a secret of at least 32 bytes (openssl rand -hex 32), the same for all "
                 "instances. By it they prove themselves in reports, in requests to each other "
                 "and in snapshots' manifests, and answer for each other. Empty: an instance "
                 "answers for its own tasks only.");
  table.add_choice("log.level", options.log_level,
                   {{"trace", std::string("trace")},
                    {"debug", std::string("debug")},
                    {"info", std::string("info")},
                    {"warn", std::string("warn")},
                    {"error", std::string("error")}},
                   "Least severity that is logged.");
}

}  // namespace

void add_connection_options(ConfigTable& table, EngineOptions& options) {
  table.add_string(
      "bootstrap.servers", options.bootstrap_servers,
      {.check = [](std::string_view text) { return text.empty() ? "must not be empty" : ""; },
       .allowed = "host:port, comma-separated"},
      "Brokers to connect to first.");
  table.add_map("kafka", options.kafka,
                "Passed to librdkafka without the prefix: `kafka.security.protocol`, "
                "`kafka.sasl.username` and so on. Never shown; keep secrets in the file or the "
                "environment, since other users see a command line.");
}

void add_engine_options(ConfigTable& table, EngineOptions& options) {
  add_identity(table, options);
  add_commit(table, options);
  add_loop(table, options);
  add_state(table, options);
  add_snapshots(table, options);
  add_errors(table, options);
  add_kafka_side(table, options);
  add_group(table, options);
  add_queries(table, options);
}

}  // namespace millrace
