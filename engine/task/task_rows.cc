#include "engine/task/task_rows.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/assert.h"

namespace millrace::engine {

TaskRows::TaskRows(const SubTopology& sub_topology, int32_t partition, const OutputTopics& outputs,
                   TaskState& state, Collector& collector)
    : partition_(partition), outputs_(outputs), state_(state), collector_(collector) {
  for (const ResolvedNode& node : sub_topology.nodes) {
    if (node.outbox.empty()) continue;
    state_.add_outbox(node.outbox);
    add({.store = node.outbox, .sinks = {&node}});
  }
  for (const ResolvedStore& store : sub_topology.stores) {
    Sent sent{.store = store.spec->name, .sinks = {}, .changelog = store.output};
    for (const uint32_t sink : store.sinks) sent.sinks.push_back(&sub_topology.nodes[sink]);
    if (sent.changelog >= 0 || !sent.sinks.empty()) add(std::move(sent));
  }
}

void TaskRows::add(Sent sent) {
  std::vector<int32_t> topics;
  topics.reserve(sent.sinks.size() + 1);
  for (const ResolvedNode* const sink : sent.sinks) topics.push_back(sink->output);
  if (sent.changelog >= 0) topics.push_back(sent.changelog);
  const auto room = [this](int32_t topic) { return outputs_[topic].limits.record_bytes_max(); };
  sent.narrowest = *std::min_element(topics.begin(), topics.end(),
                                     [&](int32_t a, int32_t b) { return room(a) < room(b); });
  sent.bounds_times =
      std::any_of(sent.sinks.begin(), sent.sinks.end(), [this](const ResolvedNode* sink) {
        const TopicLimits& limits = outputs_[sink->output].limits;
        return limits.before_ms_max != TopicLimits::kNoBound ||
               limits.after_ms_max != TopicLimits::kNoBound;
      });
  state_.limit_rows(sent.store, {.bytes_max = room(sent.narrowest)});
  sent_.push_back(std::move(sent));
}

RowLimits TaskRows::limits_of(const Sent& sent) const {
  RowLimits limits{.bytes_max = outputs_[sent.narrowest].limits.record_bytes_max()};
  for (const ResolvedNode* const sink : sent.sinks) {
    const TopicLimits& topic = outputs_[sink->output].limits;
    limits.earliest_ms = std::max(limits.earliest_ms, topic.earliest_ms(now_ms_));
    limits.latest_ms = std::min(limits.latest_ms, topic.latest_ms(now_ms_));
  }
  return limits;
}

void TaskRows::move_bounds(int64_t now_ms) {
  if (now_ms == now_ms_) return;
  now_ms_ = now_ms;
  for (const Sent& sent : sent_) {
    if (sent.bounds_times) state_.limit_rows(sent.store, limits_of(sent));
  }
}

void TaskRows::check_unit() {
  const auto& refused = state_.refused_row();
  if (!refused) [[likely]]
    return;
  const auto sent = std::find_if(sent_.begin(), sent_.end(),
                                 [&](const Sent& s) { return s.store == refused->store; });
  MILLRACE_ASSERT(sent != sent_.end(), "a row was refused that no topic takes");
  for (const ResolvedNode* const sink : sent->sinks) {
    const OutputTopic& topic = outputs_[sink->output];
    if (topic.limits.takes_time(refused->timestamp_ms, now_ms_)) continue;
    return collector_.refuse({ErrorCode::kRefused, refusal(topic.limits, topic.name, Bytes(""), 0,
                                                           refused->timestamp_ms, now_ms_)});
  }
  const OutputTopic& topic = outputs_[sent->narrowest];
  const bool is_output = sent->narrowest != sent->changelog;
  const std::string what =
      is_output ? "an output" : fmt::format("a row of store '{}'", sent->store);
  collector_.refuse(
      {is_output ? ErrorCode::kRefused : ErrorCode::kUserCode,
       fmt::format("{} of {} bytes is larger than topic '{}' takes (max.message.bytes and "
                   "segment.bytes leave {})",
                   what, refused->bytes, topic.name, topic.limits.record_bytes_max())});
}

Status TaskRows::send_frozen(Producer& producer, const UnsentHandler& unsent) {
  for (const Sent& sent : sent_) {
    Status status;
    state_.for_each_frozen(sent.store, [&](const ChangelogRecord& row) {
      if (status.ok()) status = send_row(sent, row, producer, unsent);
    });
    MILLRACE_RETURN_IF_ERROR(status);
  }
  return {};
}

Status TaskRows::send_row(const Sent& sent, const ChangelogRecord& row, Producer& producer,
                          const UnsentHandler& unsent) {
  for (const ResolvedNode* const sink : sent.sinks) {
    const Result<int32_t> partition =
        collector_.place_row(sink->output, sink->node->partition_key, row.key,
                             row.key.size() + row.value.size(), row.timestamp_ms);
    if (!partition.ok()) {
      MILLRACE_RETURN_IF_ERROR(unsent(*sink, row, partition.error()));
      continue;
    }
    MILLRACE_RETURN_IF_ERROR(collector_.send(producer, sink->output,
                                             {.partition = *partition,
                                              .key = row.key,
                                              .value = row.value,
                                              .timestamp_ms = row.timestamp_ms,
                                              .headers = {}}));
  }
  if (sent.changelog < 0) return {};
  return collector_.send(producer, sent.changelog,
                         {.partition = partition_,
                          .key = row.key,
                          .value = row.value,
                          .timestamp_ms = row.timestamp_ms,
                          .headers = {}});
}

}  // namespace millrace::engine
