#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"
#include "engine/output/topic_limits.h"

namespace millrace::engine {

/// A topic that tasks write, with all that they need for it.
struct OutputTopic {
  std::string name;
  int32_t partitions = 0;
  TopicLimits limits;
  int32_t handle = -1;  ///< of the present producer
};

/// All topics an instance writes: sinks, exchanges, changelogs, dead letters. Tasks know them by
/// index, so that a new producer changes handles in one place. Read by many threads while tasks
/// run; changed only between slices.
class OutputTopics {
 public:
  OutputTopics() = default;
  /// The index of each is its place in `names`.
  explicit OutputTopics(const std::vector<std::string>& names);
  /// Returns the index of the topic; adds it when it is new.
  int32_t add(const std::string& name);
  /// Asks for partitions and limits of all. Errors: `kConfig` naming every topic that is missing,
  /// `kRetriable`.
  Status describe(Admin& admin);
  /// The limits of a producer for all topics. REQUIRES: `describe`.
  ProducerLimits producer_limits() const;
  /// Handles of a new producer. Errors: those of `Producer::topic_handle`.
  Result<std::vector<int32_t>> handles_of(Producer& producer) const;
  /// Tasks use them from now on.
  void bind(std::span<const int32_t> handles);

  const OutputTopic& operator[](int32_t index) const { return topics_[static_cast<size_t>(index)]; }
  size_t size() const { return topics_.size(); }

 private:
  void warn_of_small_batches() const;

  std::vector<OutputTopic> topics_;
};

}  // namespace millrace::engine
