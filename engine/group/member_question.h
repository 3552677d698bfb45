#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/base/backoff.h"
#include "engine/base/errands.h"
#include "engine/clients/clients.h"

namespace millrace::engine {

/// Asks Kafka for the members of the group, on a thread of its own: while a broker is away an
/// answer takes seconds. Calls from the loop's thread, none of which wait.
class MemberQuestion {
 public:
  using Members = std::vector<GroupMember>;

  /// All must outlive this. `instance`: who asks.
  MemberQuestion(const ClientFactory& clients, Admin& admin, const Clock& clock,
                 const std::string& instance);

  /// Another generation is about to begin: an answer that is under way is not of it.
  void drop();
  /// The members, if they are known: asks, and hands out each answer once. After a failure that
  /// passes it asks again, after growing pauses; so after an answer without this instance, which
  /// Kafka does not list yet, or has taken for gone without its own client's knowledge so far.
  /// Error: `kConfig` as `Admin::group_members`.
  Result<std::optional<Members>> poll();

 private:
  using Answer = Pending<Result<Members>>;

  Admin& admin_;
  const Clock& clock_;
  const std::string& instance_;
  std::optional<Backoff> backoff_;        ///< never empty; of this generation
  std::shared_ptr<const Answer> answer_;  ///< null: not asked for
  Errands errands_;                       ///< last: its threads use the rest
};

}  // namespace millrace::engine
