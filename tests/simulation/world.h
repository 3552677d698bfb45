#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/engine/engine.h"

#include "checks.h"
#include "draws.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "faults.h"
#include "jobs/job.h"
#include "link.h"
#include "plan.h"

namespace millrace::simulation {

/// How a world ended.
struct Outcome {
  int64_t faults = 0;   ///< that struck
  int64_t records = 0;  ///< inputs
  int64_t turns = 0;
  Coverage coverage;
  Finding failure;  ///< the first
};

/// Several instances of a job over a broker in memory, turned by hand on one thread. All that
/// happens is decided by the plan: the same plan gives the same outcome.
class World {
 public:
  explicit World(const WorldPlan& plan);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome run();

 private:
  struct Instance;

  // world.cc: what happens without faults.
  void step();
  void settle();
  bool is_quiet() const;
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
  void count(const Strike& strike, Phase phase);
  void later(int64_t after_ms, std::function<void()> what);
  bool lose_leader(Draws& draws);
  void compact();
  bool is_read(const std::string& topic) const;
  void cut_inputs();
  void let_a_day_pass();
  bool poison();
  bool report_as_stranger(Draws& draws);
  /// Somebody else's inputs in a transaction that stays open for a while.
  bool send_as_stranger(Draws& draws);
  bool damage_disk(Instance& instance, Kind kind, Draws& draws);
  void heal();

  const WorldPlan plan_;
  testing::MemoryBroker broker_;
  testing::ManualClock clock_{1'700'000'000'000};
  int64_t latest_ms_ = 0;  ///< the latest time of day that there was
  std::unique_ptr<Job> job_;
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
  int64_t poisons_ = 0;
  int64_t strangers_ = 0;
  bool is_away_ = false;
  bool is_nested_ = false;  ///< within a call of an instance
  Outcome outcome_;
};

}  // namespace millrace::simulation
