#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/topology.h"

#include "engine/testing/memory_broker.h"
#include "tests/simulation/draws.h"

namespace millrace::simulation {

/// The result of a check; empty: nothing is wrong.
using Finding = std::optional<std::string>;

/// How the keys of poison begin.
constexpr std::string_view kPoisonKey = "poison-";

/// A record to be put into a topic, in the partition of its key.
struct Input {
  std::string topic;
  std::string key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;
};

/// A topology, its inputs, and all that is known of its outputs. It sees every visible input but
/// poison, and every visible output, once and in the order of offsets; an input before its outputs.
class Job {
 public:
  virtual ~Job() = default;

  virtual Result<Topology> topology() const = 0;
  /// Of the next version, which runs beside this one.
  virtual Result<Topology> next_topology() const { return topology(); }
  /// Topics that the world creates, and whether they are compacted.
  virtual std::map<std::string, bool> topics() const = 0;
  using Settings = std::map<std::string, std::string>;
  /// More settings of these topics, and those of internal topics that exist before the application.
  virtual std::map<std::string, Settings> settings() const { return {}; }
  /// Those of `topics` whose committed records `accept` and `observe` want.
  virtual std::vector<std::string> inputs() const = 0;
  virtual std::vector<std::string> outputs() const = 0;
  /// Some inputs more, at this time of day.
  virtual std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) = 0;
  /// An input that is no record, under a key `kPoisonKey`… that no other input has: the engine
  /// makes a dead letter of it. Nothing: this job has none.
  virtual std::optional<Input> make_poison(int64_t /*now_ms*/) { return {}; }

  /// An input under such a key whose results some topic does not take.
  virtual std::optional<Input> make_refused(Draws& /*draws*/, int64_t /*now_ms*/) { return {}; }
  /// Whether it accepts only inputs that it made itself, and knows no other versions, topics or
  /// refusals. Else another object of the same job may take its place.
  virtual bool is_one_history() const { return false; }
  /// Whether inputs may get more partitions. Not if the job looks for a row in the partition of its
  /// key: keys stay in the partition that they were first sent to.
  virtual bool may_grow() const { return true; }
  /// Whether inputs may have any timestamps.
  virtual bool takes_any_time() const { return true; }

  /// An input is visible in its topic.
  virtual void accept(const TopicPartition& partition, const testing::StoredRecord& record) = 0;
  /// An output is visible. Finds what no order of the inputs and no fault allows. `now_ms` is the
  /// latest time of day that there was.
  virtual Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                          int64_t now_ms) = 0;
  /// Everything that is visible was shown, and no transaction is undecided: finds what no commits
  /// leave behind.
  virtual Finding check_commits() { return {}; }
  /// Everything is processed, and nothing is due now: finds what is missing.
  virtual Finding check_end(int64_t now_ms) = 0;
  /// Whether nothing that was shown says that work is left for later turns.
  virtual bool is_settled() const { return true; }
  /// How far the time of day has to go until nothing is due any more; 0: nothing is.
  virtual int64_t due_ms() const { return 0; }
};

/// Most worlds have one of these; in some a later one takes its place.
std::vector<std::string> small_job_names();
/// Those that show windows and joins, in some worlds.
std::vector<std::string> language_job_names();
std::vector<std::string> job_names();
/// REQUIRES: one of `job_names()`. `seed`: what a job draws before its world begins.
std::unique_ptr<Job> make_job(const std::string& name, uint64_t seed);

}  // namespace millrace::simulation
