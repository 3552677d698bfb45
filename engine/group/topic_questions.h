#pragma once

#include <memory>
#include <string>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/base/question.h"
#include "engine/clients/clients.h"
#include "engine/group/group_log.h"

namespace millrace::engine {

/// Asks Kafka about the topics of the group, on threads of its own. Calls from the loop's thread,
/// none of which wait.
class TopicQuestions {
 public:
  /// All must outlive this.
  TopicQuestions(const ClientFactory& clients, Admin& admin, const Clock& clock,
                 const std::string& application_id);

  /// From now on the log is current with what is in it at this moment.
  void ask_for_ends();
  /// Hands the ends to the log once they are known; after a failure asks again, after growing
  /// pauses. Whether nothing is asked any more.
  bool have_ends(GroupLog& log);

  /// Begins to look whether somebody deleted a topic, unless it is being looked.
  void ask_for_topics();
  /// Error: `kConfig` when one was: Kafka's clients wait for it without a word.
  Status check_topics();

  /// Asks nothing more. The end waits for the questions under way, this does not.
  void stop() { errands_.stop(); }

 private:
  Status look_for_topics() const;

  Admin& admin_;
  const GroupTopics topics_;
  bool needs_ends_ = false;
  Question<Result<GroupLog::Ends>> ends_;
  std::shared_ptr<const Pending<Status>> found_;  ///< null: nothing is asked
  Errands errands_;                               ///< last: it uses the rest
};

}  // namespace millrace::engine
