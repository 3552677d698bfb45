#include "engine/loop/start_finder.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

/// Some threads may wait for brokers that are away while others get answers.
constexpr size_t kFenceThreads = 4;
constexpr size_t kStartThreads = 4;

}  // namespace

StartFinder::StartFinder(Instance& instance, Admin& admin, const ProducerSession& session,
                         std::function<void()> on_answer)
    : instance_(instance),
      admin_(admin),
      session_(session),
      on_answer_(std::move(on_answer)),
      fences_(instance.clients.answers_at_once() ? 0 : kFenceThreads),
      starts_(instance.clients.answers_at_once() ? 0 : kStartThreads) {}

void StartFinder::add_dead(std::span<const std::string> instances) {
  if (!session_.is_transactional()) return;
  for (const std::string& instance : instances) {
    dead_.try_emplace(instance, instance_.clock, instance_.options.retry_backoff_max_ms);
  }
}

Status StartFinder::fence_dead() {
  for (auto place = dead_.begin(); place != dead_.end();) {
    auto& [name, fence] = *place;
    const std::optional<Status> fenced = fence.poll(
        fences_, [this, dead = name] { return end_transactions_of(dead); }, on_answer_);
    if (!fenced) {
      ++place;
      continue;
    }
    if (fenced->ok()) {
      spdlog::info("fenced instance={}", name);
      place = dead_.erase(place);
      continue;
    }
    if (!is_passing(fenced->code())) return *fenced;
    if (fence.record_failure()) {
      spdlog::warn("an instance that is gone cannot be fenced, so its tasks wait instance={} {}",
                   name, fenced->message());
    }
    ++place;
  }
  return {};
}

bool StartFinder::are_fenced(std::span<const std::string> instances) const {
  return std::none_of(instances.begin(), instances.end(),
                      [this](const std::string& name) { return dead_.contains(name); });
}

Status StartFinder::end_transactions_of(const std::string& instance) const {
  Result<std::unique_ptr<Producer>> producer =
      instance_.clients.producer(transactional_id(instance_.options, instance));
  if (!producer.ok()) return producer.status();
  return (*producer)->init_transactions();
}

std::shared_ptr<const StartFinder::Answer> StartFinder::ask(StartQuestion question) {
  return starts_.ask([this, asked = std::move(question)] { return find(asked); }, on_answer_);
}

Result<StartAnswer> StartFinder::find(const StartQuestion& question) const {
  StartAnswer answer;
  if (!question.inputs.empty()) {
    Result<StartPosition> start = locate(question);
    if (!start.ok()) return start.status();
    answer.start = *std::move(start);
  }
  for (const PartitionOffset& changelog : question.changelogs) {
    const Result<Admin::Watermarks> marks = admin_.watermarks(changelog.partition);
    if (!marks.ok()) return marks.status();
    answer.changelogs.push_back({changelog.offset, *marks});
  }
  return answer;
}

/// Finds the group's committed offsets, else the beginnings of the inputs.
Result<StartPosition> StartFinder::locate(const StartQuestion& question) const {
  const Result<std::vector<PartitionOffset>> committed = admin_.committed(question.inputs);
  if (!committed.ok()) return committed.status();
  MILLRACE_ASSERT(committed->size() == question.inputs.size(), "an offset for every input");
  StartPosition start;
  for (const PartitionOffset& known : *committed) {
    int64_t offset = known.offset;
    start.stream_time_ms = std::max(start.stream_time_ms, known.stream_time_ms);
    if (offset < 0 || question.needs_ends) {
      const Result<Admin::Watermarks> marks = admin_.watermarks(known.partition);
      if (!marks.ok()) return marks.status();
      if (offset < 0 && marks->low < marks->high) start.unknown.push_back(known.partition);
      if (offset < 0 && marks->low > 0) start.cut.push_back({known.partition, marks->low});
      if (offset < 0) offset = marks->low;
      if (question.needs_ends) start.backlog_ends.push_back(marks->high);
    }
    start.offsets.push_back(offset);
  }
  for (const TopicPartition& table : question.tables) {
    const Result<Admin::Watermarks> marks = admin_.watermarks(table);
    if (!marks.ok()) return marks.status();
    start.table_ends.push_back({table, marks->high});
    if (!question.needs_partitions || start.table_partitions.contains(table.topic)) continue;
    const Result<TopicDescription> described = admin_.describe_topic(table.topic);
    if (!described.ok()) return described.status();
    start.table_partitions[table.topic] = described->partitions;
  }
  return start;
}

}  // namespace millrace::engine
