#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

namespace millrace::testing {

using TextTopic = Topic<std::string, std::string>;

/// A topology on the engine with text for all keys and values, fed record by record.
class Steps {
 public:
  /// `outputs`: the topics whose records a step returns, in this order.
  Steps(Result<Topology> topology, std::vector<TextTopic> outputs, DriverOptions options = {})
      : driver_(std::move(topology), std::move(options)), outputs_(std::move(outputs)) {}

  /// Returns the records that one record writes in its commit, each as "topic key=value@time".
  std::vector<std::string> operator()(TextTopic topic, std::optional<std::string> key,
                                      std::optional<std::string> value, int64_t timestamp_ms) {
    pipe(topic, std::move(key), std::move(value), timestamp_ms);
    return written();
  }
  /// Lets a record wait for the next step.
  void pipe(TextTopic topic, std::optional<std::string> key, std::optional<std::string> value,
            int64_t timestamp_ms) {
    driver_.pipe_bytes(topic.name, key, value ? Bytes(*value) : Bytes(), timestamp_ms);
  }
  std::vector<std::string> written() {
    driver_.run();
    std::vector<std::string> lines;
    for (const TextTopic& output : outputs_) {
      for (const DriverRecord& record : driver_.read_bytes(output.name)) {
        lines.push_back(std::string(output.name) + " " + record.key.value_or("null") + "=" +
                        record.value.value_or("null") + "@" + std::to_string(record.timestamp_ms));
      }
    }
    return lines;
  }
  TopologyDriver& driver() { return driver_; }

 private:
  TopologyDriver driver_;
  std::vector<TextTopic> outputs_;
};

}  // namespace millrace::testing
