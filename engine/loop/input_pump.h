#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/options.h"

#include "engine/clients/clients.h"
#include "engine/clients/watermark_questions.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// Moves fetched records into the input queues of tasks, each queue within its share of the one
/// configured budget: it does not poll for a full queue, which ends the fetching of its partition.
class InputPump {
 public:
  /// All but `fetcher` outlive this; `admin` is one of `clients`.
  InputPump(std::unique_ptr<Fetcher> fetcher, const ClientFactory& clients, Admin& admin,
            const EngineOptions& options, Metrics& metrics);

  /// Starts fetching a task's inputs from their positions.
  Status add(Task& task);
  void remove(Task& task);
  bool contains(const Task& task) const;

  struct Outcome {
    size_t records = 0;
    bool is_at_end = true;  ///< every input was read to its end
    size_t queued_bytes = 0;
  };
  /// One round over all inputs. Errors: `kConfig` when an input's topic was created again,
  /// `kRefused`.
  Result<Outcome> poll();

  Fetcher& fetcher() { return *fetcher_; }

 private:
  struct Input {
    Task* task = nullptr;
    TaskInput* input = nullptr;
    const TopicTraffic* traffic = nullptr;
  };
  Status poll_input(Input& pumped, Outcome& outcome);
  /// Handles the next offset to fetch that is not in the log any more. The task may have processed
  /// less: what it has in its queue is not lost.
  Status reposition(const Input& pumped);
  const TopicTraffic& traffic_of(const std::string& topic);

  std::unique_ptr<Fetcher> fetcher_;
  const EngineOptions& options_;
  Metrics& metrics_;
  std::vector<Input> inputs_;
  std::map<std::string, TopicTraffic> traffic_;
  bool broker_is_away_ = false;
  WatermarkQuestions marks_;
};

}  // namespace millrace::engine
