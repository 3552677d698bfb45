#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/base/question.h"
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

  /// Drops an answer that is under way: another generation is about to begin.
  void drop() { question_.drop(); }
  /// Asks for the members, and returns each answer once. Asks again after growing pauses when a
  /// failure may pass, or when an answer lacks this instance: Kafka does not list it yet, or took
  /// it for gone, which its own client does not know yet.
  /// Error: `kConfig` as `Admin::group_members`.
  Result<std::optional<Members>> poll();

 private:
  Admin& admin_;
  const std::string& instance_;
  Question<Result<Members>> question_;  ///< of this generation
  Errands errands_;                     ///< last: its threads use the rest
};

}  // namespace millrace::engine
