#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/base/question.h"
#include "engine/clients/clients.h"

namespace millrace::engine {

/// When standbys last certainly had all that their changelogs held. Calls from one thread, none of
/// which wait.
///
/// A Kafka client says once that it is at the end of a partition, and then it is silent: while
/// nothing is written, and while its broker is away. So after ten seconds of silence this asks
/// Kafka where the changelog ends, on threads of its own.
class StandbyEnds {
 public:
  /// All must outlive this.
  StandbyEnds(const ClientFactory& clients, Admin& admin, const Clock& clock);

  /// The client said then, on the steady clock, that nothing is behind the standby's position.
  void saw_end(const TopicPartition& changelog, int64_t at_ns);
  /// Asks when it is time to, and takes an answer once the standby's position has reached it.
  void poll(const TopicPartition& changelog, int64_t position);
  /// On the steady clock: then the standby had all that the changelog held. Nothing: never yet.
  std::optional<int64_t> known_ns(const TopicPartition& changelog) const;
  /// The changelog is followed no more.
  void forget(const TopicPartition& changelog) { ends_.erase(changelog); }
  /// Asks nothing more, and does not wait for what is under way.
  void stop() {
    errands_.stop();
    retries_.stop();
  }

 private:
  using Answer = Result<Admin::Watermarks>;
  struct End {
    explicit End(const Clock& clock);

    Question<Answer> question;
    std::optional<int64_t> known_ns{};
    std::optional<int64_t> asked_ns{};  ///< of the question or answer that is not used yet
    std::optional<int64_t> offset{};    ///< the answer, until the position reaches it
  };
  End& end_of(const TopicPartition& changelog);

  Admin& admin_;
  const Clock& clock_;
  std::map<TopicPartition, End> ends_;
  Errands errands_;  ///< these are last: their threads use the rest
  Errands retries_;  ///< after a failure: a broker that is away holds up no question to others
};

}  // namespace millrace::engine
