#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/core/clock.h"

#include "engine/base/backoff.h"
#include "engine/base/errands.h"

namespace millrace::engine {

/// A question that its asker repeats until it likes the answer, after growing pauses. The work runs
/// as an errand; calls from the asker's thread, none of which wait.
template <class Answer>
class Question {
 public:
  /// `clock` must outlive this.
  Question(const Clock& clock, int64_t pause_ms_max)
      : clock_(&clock), pause_ms_max_(pause_ms_max), backoff_(std::in_place, clock, pause_ms_max) {}

  /// Returns each answer once. Asks when nothing is asked and the pause is over. `on_answer` as in
  /// `Errands::ask`.
  template <class Work>
  std::optional<Answer> poll(Errands& errands, Work work, std::function<void()> on_answer) {
    if (pending_ == nullptr) {
      if (!backoff_->is_due()) return {};
      pending_ = errands.ask(std::move(work), std::move(on_answer));
    }
    if (!pending_->is_there()) return {};
    return std::exchange(pending_, nullptr)->answer();
  }
  template <class Work>
  std::optional<Answer> poll(Errands& errands, Work work) {
    return poll(errands, std::move(work), [] {});
  }
  /// Whether an answer before was of no use.
  bool has_failed() const { return backoff_->attempts() > 0; }
  /// The last answer was of no use. Returns as `Backoff::record_failure`.
  bool record_failure() { return backoff_->record_failure(); }
  void record_success() { backoff_->record_success(); }
  /// Takes the question back, and forgets its failures.
  void drop() {
    pending_.reset();
    backoff_.emplace(*clock_, pause_ms_max_);
  }

 private:
  const Clock* clock_;
  int64_t pause_ms_max_;
  std::optional<Backoff> backoff_;                  ///< never empty
  std::shared_ptr<const Pending<Answer>> pending_;  ///< null: nothing is asked
};

}  // namespace millrace::engine
