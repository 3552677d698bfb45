#include "engine/loop/input_pump.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

/// Records of one partition in a round: bounds what a round copies beyond a queue's share.
constexpr size_t kPollRecords = 1'000;

}  // namespace

InputPump::InputPump(std::unique_ptr<Fetcher> fetcher, const ClientFactory& clients, Admin& admin,
                     const EngineOptions& options, Metrics& metrics)
    : fetcher_(std::move(fetcher)), options_(options), metrics_(metrics), marks_(clients, admin) {}

const TopicTraffic& InputPump::traffic_of(const std::string& topic) {
  const auto found = traffic_.find(topic);
  if (found != traffic_.end()) return found->second;
  return traffic_.emplace(topic, metrics_.consumed(topic)).first->second;
}

Status InputPump::add(Task& task) {
  std::vector<PartitionOffset> starts;
  for (const TaskInput& input : task.inputs()) starts.push_back({input.partition, input.position});
  MILLRACE_RETURN_IF_ERROR(fetcher_->add(starts));
  for (TaskInput& input : task.inputs()) {
    inputs_.push_back({&task, &input, &traffic_of(input.partition.topic)});
  }
  return {};
}

void InputPump::remove(Task& task) {
  if (!contains(task)) return;
  std::erase_if(inputs_, [&](const Input& pumped) { return pumped.task == &task; });
  std::vector<TopicPartition> partitions;
  for (const TaskInput& input : task.inputs()) {
    partitions.push_back(input.partition);
    marks_.drop(input.partition);
  }
  if (const Status removed = fetcher_->remove(partitions); !removed.ok()) {
    spdlog::warn("inputs of task {} not given up cleanly: {}", task.id().to_string(),
                 removed.message());
  }
}

bool InputPump::contains(const Task& task) const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [&](const Input& pumped) { return pumped.task == &task; });
}

Result<InputPump::Outcome> InputPump::poll() {
  Outcome outcome;
  for (Input& pumped : inputs_) MILLRACE_RETURN_IF_ERROR(poll_input(pumped, outcome));
  fetcher_->set_catching_up(!outcome.is_at_end);
  return outcome;
}

Status InputPump::poll_input(Input& pumped, Outcome& outcome) {
  TaskInput& input = *pumped.input;
  const size_t share = options_.input_buffer_bytes / inputs_.size();
  if (input.queue.empty() || input.queue.memory_bytes() < share) {
    RecordBatch batch;
    Result<FetchOutcome> polled = fetcher_->poll(input.partition, kPollRecords, batch);
    if (polled.ok()) {
      broker_is_away_ = false;
      outcome.records += polled->records;
      if (polled->records > 0) {
        size_t bytes = 0;
        for (const FetchedRecord& record : batch.records()) {
          bytes += record.key.size() + record.value.size();
        }
        pumped.traffic->records.add(static_cast<double>(polled->records));
        pumped.traffic->bytes.add(static_cast<double>(bytes));
      }
      pumped.task->accept(input, std::move(batch), *polled);
    } else if (polled.code() == ErrorCode::kNotFound) {
      MILLRACE_RETURN_IF_ERROR(reposition(pumped));
    } else if (polled.code() == ErrorCode::kRetriable || polled.code() == ErrorCode::kTimedOut) {
      if (!std::exchange(broker_is_away_, true)) {
        spdlog::warn("fetch waits for the broker: {}", polled.message());
      }
    } else {
      return polled.status();
    }
  }
  outcome.is_at_end = outcome.is_at_end && input.is_at_end;
  outcome.queued_bytes += input.queue.memory_bytes();
  return {};
}

Status InputPump::reposition(const Input& pumped) {
  TaskInput& input = *pumped.input;
  const std::optional<Admin::Watermarks> marks = marks_.poll(input.partition);
  if (!marks) return {};
  if (input.fetched > marks->high) {
    return Error{ErrorCode::kConfig,
                 fmt::format("{} ends at {} but this application has read to {}: the topic was "
                             "replaced. Reset the application: delete its offsets and internal "
                             "topics",
                             input.partition.to_string(), marks->high, input.fetched)};
  }
  if (input.node->kind == NodeKind::kExchange && marks->low > input.fetched) {
    return Error{
        ErrorCode::kConfig,
        fmt::format("exchange {} begins at {} but this application has read to {} only: records "
                    "between its own tasks are lost, by kafka-delete-records, retention or a "
                    "broker's data loss, and continuing would give wrong results. Reset the "
                    "application: stop all instances, delete its internal topics, its group's "
                    "offsets and the state directories",
                    input.partition.to_string(), marks->low, input.fetched)};
  }
  spdlog::error("records gone by retention before they were read {} from={} to={}",
                input.partition.to_string(), input.fetched, marks->low);
  metrics_.dropped("expired").add(
      static_cast<double>(std::max<int64_t>(marks->low - input.fetched, 0)));
  const std::vector<TopicPartition> partition{input.partition};
  MILLRACE_RETURN_IF_ERROR(fetcher_->remove(partition));
  input.fetched = std::max(input.fetched, marks->low);
  if (input.queue.empty()) input.position = input.fetched;
  const std::vector<PartitionOffset> start{{input.partition, input.fetched}};
  return fetcher_->add(start);
}

}  // namespace millrace::engine
