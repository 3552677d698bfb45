#include "engine/loop/start_finder.h"

#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

namespace millrace::engine {

void StartFinder::add_dead(std::span<const std::string> instances) {
  dead_.insert(instances.begin(), instances.end());
}

Status StartFinder::fence_dead() {
  if (!session_.is_transactional()) dead_.clear();
  while (!dead_.empty()) {
    const std::string& dead = *dead_.begin();
    Result<std::unique_ptr<Producer>> producer =
        instance_.clients.producer(transactional_id(instance_.options, dead));
    if (!producer.ok()) return producer.status();
    MILLRACE_RETURN_IF_ERROR((*producer)->init_transactions());
    spdlog::info("fenced instance={}", dead);
    dead_.erase(dead_.begin());
  }
  return {};
}

Result<std::vector<StartFinder::Committed>> StartFinder::committed(std::span<Task* const> tasks) {
  MILLRACE_RETURN_IF_ERROR(session_.open());
  MILLRACE_RETURN_IF_ERROR(fence_dead());
  std::vector<Committed> found;
  if (tasks.empty()) return found;
  std::vector<TopicPartition> partitions;
  for (Task* const task : tasks) {
    for (const TaskInput& input : task->inputs()) partitions.push_back(input.partition);
  }
  const Result<std::vector<PartitionOffset>> offsets = admin_.committed(partitions);
  if (!offsets.ok()) return offsets.status();
  MILLRACE_ASSERT(offsets->size() == partitions.size(), "an offset for every partition asked");
  found.reserve(tasks.size());
  auto next = offsets->begin();
  for (Task* const task : tasks) {
    const auto end = next + static_cast<std::ptrdiff_t>(task->inputs().size());
    found.emplace_back(std::exchange(next, end), end);
  }
  return found;
}

Result<StartPosition> StartFinder::locate(const Task& task, const Committed& committed) {
  StartPosition start;
  const bool needs_ends = task.sub_topology().has_wall_timers();
  for (const PartitionOffset& known : committed) {
    int64_t offset = known.offset;
    if (offset >= 0) start.has_offsets = true;
    if (offset < 0 || needs_ends) {
      const Result<Admin::Watermarks> marks = admin_.watermarks(known.partition);
      if (!marks.ok()) return marks.status();
      if (offset < 0) offset = marks->low;
      if (needs_ends) start.backlog_ends.push_back(marks->high);
    }
    start.offsets.push_back(offset);
  }
  return start;
}

}  // namespace millrace::engine
