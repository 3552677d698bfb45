#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "millrace/engine/options.h"

namespace millrace::engine {

/// The settings of one of our topics. They leave nothing that a guarantee rests on to the broker's
/// defaults, which an operator may change at any time.
struct InternalSettings {
  using Settings = std::map<std::string, std::string>;

  std::string name;
  Settings guarantees;  ///< checked at each start
  Settings others;      ///< only the creation sets these: the operator may tune them

  Settings created_with() const;
};

/// Makes the settings for one application on one cluster.
class SettingsSource {
 public:
  /// `known`: settings of any topic of the cluster, which show what its brokers know; empty: what
  /// Kafka 3.6 and newer ones know. `message_bytes_max`: of the largest record that the application
  /// reads or writes. `options` and `known` must outlive this.
  SettingsSource(const EngineOptions& options, const InternalSettings::Settings& known,
                 size_t message_bytes_max);

  InternalSettings changelog(std::string name) const;
  InternalSettings exchange(std::string name) const;
  /// Of a topic that exists, only the cleanup policy and the kind of timestamp are checked: a
  /// replay sends records again with the times of their letters, and compaction would remove
  /// letters. The operator sets the retention: dead letters hold what people may want to be
  /// forgotten. Letters that do not fit its size or its bounds on timestamps are cut and say so, so
  /// a start warns of a size below the largest record's.
  InternalSettings dead_letters(std::string name) const;
  /// The topics by which the instances are a group, of one partition each. Every start reads the
  /// compacted ones whole, so they stay small. Their times are the broker's, since an instance
  /// whose clock is wrong must be able to write.
  std::vector<InternalSettings> group() const;

 private:
  InternalSettings topic(std::string name) const;
  /// Lets the topic take any event time, as it is.
  void take_any_time(InternalSettings& topic) const;
  static void keep_all(InternalSettings& topic);

  const EngineOptions& options_;
  const InternalSettings::Settings& known_;
  const size_t message_bytes_max_;
};

}  // namespace millrace::engine
