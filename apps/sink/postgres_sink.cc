#include "apps/sink/postgres_sink.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "millrace/core/clock.h"

#include "apps/sink/batch_writer.h"
#include "apps/sink/database.h"
#include "apps/sink/letters.h"
#include "apps/sink/pending.h"
#include "crm/model/output_topic.h"
#include "engine/base/backoff.h"
#include "engine/base/random_id.h"

namespace millrace::apps::sink {
namespace {

constexpr size_t kPollRecordsMax = 2'000;
constexpr int64_t kIdleWaitMs = 50;
constexpr int64_t kProgressMs = 10'000;
constexpr auto kRetryPause = std::chrono::milliseconds(100);

int64_t steady_ms() {
  return system_clock().steady_ns() / kNsPerMs;
}

/// A partition that this instance reads.
struct Reading {
  size_t tables = 0;
  int64_t position = 0;
  int64_t end = 0;  ///< where the partition ended when its reading began
};

struct Counts {
  int64_t records = 0;
  int64_t rows = 0;
  int64_t deletes = 0;
  int64_t letters = 0;
  int64_t batches = 0;
};

class PostgresSink {
 public:
  PostgresSink(const SinkOptions& options, const FieldTypes& fields,
               const std::function<Result<std::string>()>& url, engine::ClientFactory& clients,
               const std::function<bool()>& stopping)
      : options_(options),
        fields_(fields),
        url_(url),
        clients_(clients),
        stopping_(stopping),
        backoff_(system_clock(), options.retry_max_ms) {}

  Status run();

 private:
  Status open();
  Status choose_topics();
  Status patiently(const std::function<Status()>& attempt);
  Status connect();
  Status take_events();
  Status start_readings();
  Status start_reading(const TopicPartition& partition);
  void stop_readings();
  Result<bool> poll_all();
  Status write();
  Status write_batch();
  bool is_due(bool found_more) const;
  bool is_done() const;
  /// Notes a failure of the database; returns it when it does not pass.
  Status survive(const Status& failure);
  void report(bool is_last);

  const SinkOptions& options_;
  const FieldTypes& fields_;
  const std::function<Result<std::string>()>& url_;
  engine::ClientFactory& clients_;
  const std::function<bool()>& stopping_;

  std::vector<TopicTables> tables_;
  std::vector<std::string> topics_;      ///< of each of `tables_`
  std::vector<std::string> all_topics_;  ///< of all tables, chosen or not
  std::unique_ptr<engine::Admin> admin_;
  std::unique_ptr<Letters> letters_;
  std::unique_ptr<engine::Fetcher> fetcher_;
  std::unique_ptr<engine::Membership> membership_;
  std::optional<Database> database_;  ///< none while it is away
  std::optional<BatchWriter> writer_;
  std::optional<Pending> pending_;
  engine::Backoff backoff_;

  bool is_assigned_ = false;
  std::set<TopicPartition> owned_;
  std::map<TopicPartition, Reading> readings_;
  int64_t pending_since_ms_ = 0;
  Counts counts_;
  int64_t began_ms_ = steady_ms();
  int64_t reported_ms_ = steady_ms();
  int64_t reported_records_ = 0;
};

Status PostgresSink::run() {
  MILLRACE_RETURN_IF_ERROR(open());
  while (!stopping_() && !(options_.once && is_done())) {
    MILLRACE_RETURN_IF_ERROR(take_events());
    if (!database_) {
      if (!backoff_.is_due()) {
        std::this_thread::sleep_for(kRetryPause);
        continue;
      }
      MILLRACE_RETURN_IF_ERROR(survive(connect()));
      continue;
    }
    MILLRACE_RETURN_IF_ERROR(survive(start_readings()));
    const Result<bool> more = poll_all();
    if (!more.ok()) return more.status();
    fetcher_->set_catching_up(*more);
    if (is_due(*more)) {
      MILLRACE_RETURN_IF_ERROR(survive(write()));
    } else if (!*more) {
      fetcher_->wait(kIdleWaitMs);
    }
    report(false);
  }
  if (database_ && !pending_->empty()) MILLRACE_RETURN_IF_ERROR(survive(write()));
  membership_->close();
  report(true);
  return {};
}

Status PostgresSink::open() {
  MILLRACE_RETURN_IF_ERROR(patiently([&] { return choose_topics(); }));
  pending_.emplace(tables_, fields_);
  std::optional<engine::SealingKey> key;
  if (!options_.dead_letter_key_file.empty()) {
    auto loaded = engine::SealingKey::load(options_.dead_letter_key_file);
    if (!loaded.ok()) return loaded.status();
    key = *std::move(loaded);
  }
  const std::string letters = options_.dead_letter_topic.empty()
                                  ? options_.application_id + "-dead-letters"
                                  : options_.dead_letter_topic;
  MILLRACE_RETURN_IF_ERROR(patiently([&]() -> Status {
    auto opened = Letters::open(letters, key, clients_, *admin_);
    if (!opened.ok()) return opened.status();
    letters_ = *std::move(opened);
    return {};
  }));
  MILLRACE_RETURN_IF_ERROR(patiently([&] { return connect(); }));
  auto fetcher = clients_.fetcher("sink", engine::RecordHeaders::kRead);
  if (!fetcher.ok()) return fetcher.status();
  fetcher_ = *std::move(fetcher);
  auto membership =
      clients_.join(topics_, letters, options_.application_id + "-" + engine::random_id());
  if (!membership.ok()) return membership.status();
  membership_ = *std::move(membership);
  backoff_.record_success();
  return {};
}

/// Repeats an attempt that may work later, for as long as a start may take.
Status PostgresSink::patiently(const std::function<Status()>& attempt) {
  for (const int64_t end_ms = steady_ms() + options_.start_timeout_ms;;) {
    Status status = attempt();
    const bool may_work_later = !status.ok() && engine::is_passing(status.code());
    if (!may_work_later || steady_ms() >= end_ms || stopping_()) return status;
    if (backoff_.record_failure()) spdlog::warn("trying again: {}", status.message());
    while (!backoff_.is_due() && !stopping_()) std::this_thread::sleep_for(kRetryPause);
  }
}

Status PostgresSink::choose_topics() {
  Result<std::vector<TopicTables>> all = crm_tables(fields_);
  if (!all.ok()) return all.status();
  auto admin = clients_.admin();
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  tables_.clear();
  topics_.clear();
  all_topics_.clear();
  std::vector<std::string> missing;
  for (TopicTables& each : *all) {
    std::string topic = crm::output_topic(each.topic, options_.output_prefix);
    all_topics_.push_back(topic);
    const auto& wanted = options_.tables;
    const bool is_named = std::ranges::find(wanted, each.main.name) != wanted.end();
    if (!wanted.empty() && !is_named) continue;
    const auto found = admin_->describe_topic(topic);
    if (!found.ok() && (found.code() != ErrorCode::kNotFound || is_named)) return found.status();
    if (!found.ok()) {
      missing.push_back(std::move(topic));
      continue;
    }
    tables_.push_back(std::move(each));
    topics_.push_back(std::move(topic));
  }
  if (topics_.empty()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("there is no topic of {}: has the CRM job run with this "
                             "--crm.output.prefix?",
                             fmt::join(missing, ", "))};
  }
  if (!missing.empty()) {
    spdlog::warn("passes over topics that do not exist: {}; start the sink again once they do",
                 fmt::join(missing, ", "));
  }
  return {};
}

Status PostgresSink::connect() {
  const Result<std::string> url = url_();
  if (!url.ok()) return url.status();
  Result<Database> database = Database::connect(*url);
  if (!database.ok()) return database.status();
  writer_.reset();
  database_.emplace(*std::move(database));
  writer_.emplace(*database_, options_.schema, tables_);
  Status status = writer_->prepare(!options_.checks_tables_only);
  if (status.ok()) status = writer_->check_topics(all_topics_);
  if (!status.ok()) {
    database_.reset();
    return status;
  }
  return {};
}

Status PostgresSink::take_events() {
  for (;;) {
    auto event = membership_->poll();
    if (!event.ok()) return event.status();
    if (!*event) return {};
    if ((*event)->kind == engine::MembershipEvent::Kind::kAssigned) {
      owned_ = {(*event)->partitions.begin(), (*event)->partitions.end()};
      is_assigned_ = true;
      continue;
    }
    // Whoever gets the partitions reads from the positions in the database.
    stop_readings();
    owned_.clear();
    is_assigned_ = false;
    membership_->acknowledge_revoked();
  }
}

Status PostgresSink::start_readings() {
  for (const TopicPartition& partition : owned_) {
    if (readings_.contains(partition)) continue;
    const Status status = start_reading(partition);
    if (status.ok()) continue;
    return Error{status.code(), fmt::format("{}: {}", partition.to_string(), status.message())};
  }
  return {};
}

Status PostgresSink::start_reading(const TopicPartition& partition) {
  const auto marks = admin_->watermarks(partition);
  if (!marks.ok()) return marks.status();
  const Result<int64_t> position = writer_->position(partition, marks->low);
  if (!position.ok()) return position.status();
  if (*position > marks->high || *position < marks->low) {
    return Error{
        ErrorCode::kConfig,
        fmt::format(
            "the database is at {}, and the topic has {} to {}; {}. To read it from its "
            "beginning, stop all sinks of the group, {}run DELETE FROM {} WHERE topic = {};",
            *position, marks->low, marks->high,
            *position < marks->low ? "records in between are gone"
                                   : "it is not the topic that was read before",
            *position < marks->low ? "" : "empty its tables, ",
            full_name(options_.schema, positions_table()), quoted_text(partition.topic))};
  }
  const engine::PartitionOffset start{partition, *position};
  MILLRACE_RETURN_IF_ERROR(fetcher_->add({&start, 1}));
  const auto topic = std::ranges::find(topics_, partition.topic);
  readings_[partition] = {static_cast<size_t>(topic - topics_.begin()), *position, marks->high};
  return {};
}

void PostgresSink::stop_readings() {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, reading] : readings_) partitions.push_back(partition);
  readings_.clear();
  pending_->clear();
  if (partitions.empty()) return;
  const Status status = fetcher_->remove(partitions);
  if (!status.ok()) spdlog::warn("{}", status.message());
}

/// Whether something came.
Result<bool> PostgresSink::poll_all() {
  bool came = false;
  for (auto& [partition, reading] : readings_) {
    if (pending_->size() >= options_.batch_records || pending_->bytes() >= options_.batch_bytes) {
      return true;
    }
    if (pending_->empty()) pending_since_ms_ = steady_ms();
    const size_t room = options_.batch_records - pending_->size();
    const auto outcome =
        fetcher_->poll(partition, std::min(room, kPollRecordsMax), pending_->records());
    if (!outcome.ok() && outcome.code() != ErrorCode::kRetriable) return outcome.status();
    if (!outcome.ok()) continue;
    if (outcome->records > 0) {
      pending_->take(reading.tables, partition, reading.position);
      reading.position = pending_->record(pending_->size() - 1).offset + 1;
      came = true;
    }
    // The position in the database stays behind by what only readers of transactions see.
    if (outcome->end_offset) reading.end = std::min(reading.end, reading.position);
  }
  return came;
}

bool PostgresSink::is_due(bool found_more) const {
  if (pending_->empty()) return false;
  return !found_more || pending_->size() >= options_.batch_records ||
         pending_->bytes() >= options_.batch_bytes ||
         steady_ms() - pending_since_ms_ >= options_.linger_ms;
}

bool PostgresSink::is_done() const {
  return is_assigned_ && database_ && pending_->empty() && readings_.size() == owned_.size() &&
         std::ranges::all_of(readings_, [](const auto& entry) {
           return entry.second.position >= entry.second.end;
         });
}

Status PostgresSink::write() {
  const Status status = write_batch();
  letters_->drop();
  pending_->clear();
  return status;
}

Status PostgresSink::write_batch() {
  const Batch batch = pending_->batch();
  int64_t letters = 0;
  for (const Pending::Invalid& each : pending_->invalid()) {
    const TopicPartition& partition = pending_->partition_of(each.record);
    MILLRACE_RETURN_IF_ERROR(letters_->add(partition, pending_->record(each.record), each.reason));
    ++letters;
  }
  const auto on_refused = [&](size_t number, const Error& reason) {
    const size_t record = batch.changes[number].record;
    const TopicPartition& partition = pending_->partition_of(record);
    if (letters++ == 0) {
      spdlog::warn("dead letter of {}@{}: {}", partition.to_string(),
                   pending_->record(record).offset, reason.message);
    }
    return letters_->add(partition, pending_->record(record), reason);
  };
  // Letters leave before the rows are committed, so that none is lost.
  const Result<WriteOutcome> outcome = writer_->write(
      batch, {.on_refused = on_refused, .before_commit = [&] { return letters_->flush(); }});
  if (!outcome.ok()) return outcome.status();
  if (*outcome == WriteOutcome::kStale) {
    spdlog::info("another sink has moved the positions: reading on from there");
    stop_readings();
    return {};
  }
  for (const BatchChange& change : batch.changes)
    ++(change.row.deletes ? counts_.deletes : counts_.rows);
  counts_.records += static_cast<int64_t>(pending_->size());
  counts_.letters += letters;
  ++counts_.batches;
  backoff_.record_success();
  return {};
}

Status PostgresSink::survive(const Status& failure) {
  if (failure.ok() || failure.code() == ErrorCode::kConfig ||
      failure.code() == ErrorCode::kRefused || failure.code() == ErrorCode::kNotFound) {
    return failure;
  }
  if (backoff_.record_failure()) {
    spdlog::warn("starting again from the positions in the database: {}", failure.message());
  }
  stop_readings();
  writer_.reset();
  database_.reset();
  return {};
}

void PostgresSink::report(bool is_last) {
  const int64_t now_ms = steady_ms();
  if (!is_last && now_ms - reported_ms_ < kProgressMs) return;
  const int64_t since_ms = std::max<int64_t>(1, now_ms - (is_last ? began_ms_ : reported_ms_));
  const int64_t records = counts_.records - (is_last ? 0 : reported_records_);
  const auto behind = std::ranges::count_if(
      readings_, [](const auto& entry) { return entry.second.position < entry.second.end; });
  spdlog::info(
      "{} records={} rows={} deletes={} dead_letters={} batches={} records_per_s={} partitions={} "
      "catching_up={} database={}",
      is_last ? "sink ended" : "sink progress", counts_.records, counts_.rows, counts_.deletes,
      counts_.letters, counts_.batches, records * 1000 / since_ms, readings_.size(), behind,
      database_ ? "connected" : "away");
  reported_ms_ = now_ms;
  reported_records_ = counts_.records;
}

}  // namespace

Status run_postgres_sink(const SinkOptions& options, const FieldTypes& fields,
                         const std::function<Result<std::string>()>& url,
                         engine::ClientFactory& clients, const std::function<bool()>& stopping) {
  const Status status = PostgresSink(options, fields, url, clients, stopping).run();
  const bool was_waiting = !status.ok() && engine::is_passing(status.code());
  return was_waiting && stopping() ? Status() : status;
}

}  // namespace millrace::apps::sink
