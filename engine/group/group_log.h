#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"
#include "engine/group/life_watch.h"
#include "engine/plan/plan.h"
#include "engine/secrets/peer_key.h"

namespace millrace::engine {

/// The topics through which the instances of an application agree; one partition each.
struct GroupTopics {
  std::string control;    ///< carries nothing: the member that has it leads
  std::string spare;      ///< carries nothing: subscribing to it and back starts a generation
  std::string plan;       ///< compacted: who runs what, by generation and writer
  std::string instances;  ///< compacted: what each instance holds, by its name
};
GroupTopics group_topics(const std::string& application_id);
/// A `kConfig` error that says what to do when such a topic was deleted under running instances.
Error group_topic_lost(const std::string& topic, std::string_view why);

/// The exchange between the instances of an application: the plans of the latest generations and
/// the report of each instance, read from two compacted topics.
///
/// The first plan of a generation in the log counts, whoever writes later: a leader that was frozen
/// changes nothing. Plans are keyed by generation and writer, so that compaction cannot remove the
/// first in favour of a later one. Generations count from the beginning again when Kafka forgets
/// the group (it had no members and no offsets for a while), so a number alone does not name one:
/// a caller gives the offset from which on a plan can be of its generation.
///
/// Passes over records that do not decode, and logs that once a minute at most, with a position.
/// Not thread-safe.
class GroupLog {
 public:
  /// Begins to read at the beginning; `poll` until `is_current`. `clients` must outlive the log.
  /// Errors: those of the clients.
  static Result<std::unique_ptr<GroupLog>> open(ClientFactory& clients, Admin& admin,
                                                const std::string& application_id);

  /// Shows `lives` every report from now on; it must outlive the log.
  void show_reports_to(LifeWatch& lives) { lives_ = &lives; }
  /// From now on, puts proofs into reports and passes over those of others without one. Null: none.
  void prove_with(std::shared_ptr<const PeerKey> key) { key_ = std::move(key); }
  /// Takes in new records; never blocks. Returns whether any came. Errors: of `Fetcher::poll`;
  /// `kConfig` when one of the topics was deleted meanwhile.
  Result<bool> poll();
  /// Whether any record came, or a caller raised news, since the last call.
  bool take_news() { return std::exchange(has_news_, false); }
  /// The next `take_news` returns true.
  void raise_news() { has_news_ = true; }
  void wait(int64_t timeout_ms) { fetcher_->wait(timeout_ms); }
  /// Where the topics end.
  struct Ends {
    int64_t plans = 0;
    int64_t reports = 0;
  };
  /// Asks Kafka, from any thread. Errors: those of `Admin::watermarks`.
  static Result<Ends> ends(Admin& admin, const GroupTopics& topics);
  /// From now on, current means: up to there.
  void expect(const Ends& ends);
  bool is_current() const { return plans_log_.is_current() && reports_log_.is_current(); }

  /// Offset of the next plan: no plan of a generation that we have not joined yet lies before it.
  int64_t plans_end() const { return plans_log_.position; }
  struct PlanEntry {
    int64_t offset = 0;
    Plan plan;
  };
  /// The latest plans, in the log's order.
  const std::deque<PlanEntry>& plans() const { return plans_; }
  /// First plan of that generation from `offset` on; null while there is none.
  const PlanEntry* plan_of(int32_t generation, int64_t offset) const;
  /// Whether the log has a plan of that generation which this version cannot read: others may run
  /// it.
  bool has_unread_plan(int32_t generation) const { return unread_plans_.contains(generation); }
  /// Whether it has any plan of that generation.
  bool has_plan(int32_t generation) const {
    return has_unread_plan(generation) || plan_of(generation, 0) != nullptr;
  }
  /// Names the life of the application's internal topics: it changes when they are deleted and
  /// created again; earlier local state then belongs to another life. Empty while the log has none.
  const std::string& incarnation() const { return incarnation_; }
  /// Writes an incarnation. If several instances do, the first in the log counts.
  Status propose_incarnation();

  struct ReportEntry {
    int64_t offset = 0;
    InstanceReport report;
  };
  /// The latest report of each instance, also of those that are gone.
  const std::map<std::string, ReportEntry>& reports() const { return reports_; }

  /// Sends without waiting; whether it arrived shows in the log. Errors: `kRetriable`, `kRefused`,
  /// `kInvalidArgument` for what cannot be encoded, those of `ClientFactory::producer`. Also
  /// removes plans from the log that are too old to matter.
  Status publish(const Plan& plan);
  Status publish(const InstanceReport& report);
  /// Removes an instance's report from the topic.
  Status remove_report(const std::string& instance);
  /// Waits until all that was published is in the log. After an error it may or may not be there.
  Status flush();

 private:
  struct Topic {
    TopicPartition partition;
    int32_t handle = 0;
    int64_t position = 0;
    int64_t target = 0;  ///< to be current
    bool is_current() const { return position >= target; }
  };
  GroupLog(ClientFactory& clients, std::unique_ptr<Fetcher> fetcher, const GroupTopics& topics);
  Status make_producer();
  Result<bool> poll(Topic& topic);
  void take(const Topic& topic, const FetchedRecord& record);
  void take_plan(const Topic& topic, const FetchedRecord& record);
  /// Notes the generation of a plan that cannot be read, by its key.
  void note_unread_plan(std::string_view key);
  void take_report(const Topic& topic, const FetchedRecord& record);
  void take_incarnation(std::string_view id);
  Status send(const Topic& topic, const std::string& key, Bytes value);
  Status keep_or_drop(Status status);
  void pass_over(const Topic& topic, const FetchedRecord& record, const Status& why);

  ClientFactory& clients_;
  const std::unique_ptr<Fetcher> fetcher_;
  std::unique_ptr<Producer> producer_;  ///< null after a failure: the next `send` makes another
  Topic plans_log_;
  Topic reports_log_;
  std::string incarnation_;
  std::deque<PlanEntry> plans_;
  std::set<int32_t> unread_plans_;  ///< generations, the highest ones
  std::map<std::string, ReportEntry> reports_;
  std::shared_ptr<const PeerKey> key_;
  LifeWatch* lives_ = nullptr;  ///< null: nobody watches
  bool has_news_ = false;
  int64_t passed_over_ = 0;
  int64_t passed_over_logged_ns_ = 0;
};

}  // namespace millrace::engine
