#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/engine/engine.h"

#include "checks.h"
#include "draws.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "faults.h"
#include "jobs/job.h"
#include "link.h"
#include "operator.h"
#include "script.h"

namespace millrace::simulation {

/// How a world ended.
struct Outcome {
  int64_t faults = 0;   ///< that struck
  int64_t records = 0;  ///< inputs
  int64_t turns = 0;
  Coverage coverage;
  std::array<int64_t, kOrders> orders{};  ///< that last words of instances led to
  Finding failure;                        ///< the first
};

/// How topics of the application itself, and its transactional ids, begin.
inline constexpr std::string_view kInternalPrefix = "app-";
/// An instance that ended and was looked after comes back after so long.
inline constexpr int64_t kBackMs = 100;

/// Several instances of a job over a broker in memory, turned by hand on one thread. All that
/// happens is decided by the script: the same script gives the same outcome.
class World {
 public:
  explicit World(const WorldScript& script);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome run();

 private:
  struct Instance;
  /// The topics of the job, as somebody changes them.
  struct Topics {
    std::vector<std::string> task_inputs;  ///< of the job's first version, without its tables
    int32_t partitions = 0;                ///< of inputs that are created
    std::map<std::pair<std::string, std::string>, int32_t> places;  ///< of keys
    std::set<std::string> quiet;  ///< inputs that were replaced, and take no records yet
    std::set<std::string> aside;  ///< changelogs that were deleted
  };
  /// Below `root_`, beside the folders of the instances.
  static constexpr const char* kSnapshots = "snapshots";

  // world.cc: what happens without faults.
  void step();
  void settle();
  bool is_quiet();
  void turn(Instance& instance);
  void turn_one();
  /// Everybody else continues for so long, while a call of `but` is under way.
  void go_on(Instance& but, int64_t ms);
  int64_t steady_ms() const;
  void pass(int64_t ms);
  void feed();
  void put(const Input& input);
  /// Shows the job what became visible.
  void observe();
  void time_out_transactions();
  void check_dead_letters();
  std::unique_ptr<Job> make_scripted_job() const;
  /// Whoever makes the inputs; a reset does not touch it.
  Job& maker() { return job_->is_one_history() ? *job_ : *maker_; }
  void note(Finding finding);
  void note_error(const Status& status);

  // instances.cc: how instances begin, end and reach the broker.
  void start(Instance& instance);
  /// In an order; it comes back after so long.
  void stop(Instance& instance, int64_t down_ms);
  /// As kill -9; it comes back after so long.
  void kill(Instance& instance, int64_t down_ms);
  void bury(Instance& instance);
  /// As SIGSTOP and SIGCONT.
  void freeze(Instance& instance, int64_t ms);
  Phase phase_of(const Instance& instance, std::optional<Call> call) const;
  LinkHooks hooks_of(Instance& instance);
  Fate on_call(Instance& instance, Call call);

  // strikes.cc: what faults do.
  static bool applies(Kind kind, Call call);
  static Error lost(Call call);
  void strike(const Strike& strike);
  /// Returns the fate of the call in which it strikes.
  Fate strike_in_call(Instance& instance, const Strike& strike, Call call);
  /// Whether there was something to hit.
  bool hit(Instance& instance, Kind kind, Draws& draws);
  /// Of topics, versions and storage.
  bool hit_later_kind(Instance& instance, Kind kind, Draws& draws);
  void count(const Strike& strike, Phase phase);
  void later(int64_t after_ms, std::function<void()> what);
  bool lose_leader(Draws& draws);
  bool lose_members(Instance& instance, Draws& draws);
  void compact();
  bool is_read(const std::string& topic) const;
  void cut_inputs();
  /// From now on the time of day is wrong by so much.
  void step_clock(int64_t wrong_by_ms);
  void let_a_day_pass();
  bool report_as_stranger(Draws& draws);
  /// Somebody else's inputs in a transaction that stays open for a while.
  bool send_as_stranger(Draws& draws);
  bool damage_disk(Instance& instance, Kind kind, Draws& draws);

  // storage/strikes.cc: what faults do to databases and snapshots.
  bool hit_storage(Instance& instance, Kind kind, Draws& draws);
  bool begin_disk_fault(Instance& instance, Kind kind, Draws& draws);
  /// Ends what RocksDB has still to do, and counts the faults that hit it; `phase`: of the
  /// instance before.
  void see_disk(Instance& instance, Phase phase);
  bool may_fail_on_disk(const Instance& instance) const;
  /// Its disk failed it: it closes and comes back.
  void end_failed(Instance& instance);
  bool damage_snapshot(Kind kind, Draws& draws);

  void heal();

  // topics.cc: topics that somebody changes.
  void create_topics();
  void create_topic(const std::string& topic, int32_t partitions);
  int32_t partition_for(const std::string& topic, const std::string& key);
  bool change_topics(Kind kind, Draws& draws);
  bool grow_input(Draws& draws);
  void look_at_partitions();
  bool is_growth_taken();
  void grow_others();
  bool grow_table(Draws& draws);
  bool is_drained(const std::string& topic);
  bool replace_input(Draws& draws);
  bool is_fed(const std::string& topic) const;
  void count_look(Instance& instance) const;
  void release_inputs();
  void set_lost_offsets();
  void forget_reads(const std::string& topic);
  bool has_committed_everywhere();
  bool delete_changelog(Draws& draws);
  bool bring_back_changelogs();
  void notice_new_changelogs();

  // versions.cc: records of other versions, versions of the job, and what jobs cannot process.
  bool change_versions(Instance& instance, Kind kind, Draws& draws);
  bool write_other_version(Draws& draws);
  bool write_foreign_row(Draws& draws);
  bool upgrade(Instance& instance, Draws& draws);
  bool refuse(std::optional<Input> input);
  bool send_at_odd_time(Draws& draws);

  // operator.cc: the person who looks after the application.
  /// Notes what an instance that ended asks for; whether its end is explained by what was done.
  bool has_explanation(const Instance& instance, const Status& end);
  void obey();
  void kill_all();
  void reset();

  const WorldScript script_;
  testing::MemoryBroker broker_;
  testing::ManualClock clock_{1'700'000'000'000};
  int64_t latest_ms_ = 0;             ///< the latest time of day that there was
  int64_t wrong_by_ms_ = 0;           ///< the time of day, by clock steps
  const std::unique_ptr<Job> maker_;  ///< of inputs, for a job that is no one history
  std::unique_ptr<Job> job_;          ///< knows what was seen since the last reset
  std::optional<Topology> topology_;
  std::unique_ptr<Checks> checks_;
  std::filesystem::path root_;  ///< of state on disk; empty: all is in memory
  std::vector<std::unique_ptr<Instance>> instances_;
  Draws order_;  ///< who has the next turn, and when
  Draws inputs_;
  std::multimap<int64_t, std::function<void()>> endings_;  ///< by steady time, in ms
  std::set<TopicPartition> leaderless_;
  std::map<TopicPartition, int64_t> read_;  ///< inputs and outputs that the job has seen
  std::map<int64_t, int64_t> begun_ms_;     ///< open transactions, by steady time
  int64_t poisons_ = 0;                     ///< inputs that cannot be processed, as seen
  int64_t strangers_ = 0;
  Operator operator_;
  OnError on_error_ = OnError::kDeadLetter;
  Topics topics_;
  bool is_away_ = false;
  bool is_nested_ = false;  ///< within a call of an instance
  Outcome outcome_;
};

}  // namespace millrace::simulation
