#include "engine/dead_letters.h"

#include <string>
#include <vector>

namespace millrace::engine {

void stage_dead_letter(Collector& collector, int32_t topic, int32_t topic_partitions,
                       const FetchedRecord& original, const RecordPosition& position, TaskId task,
                       const Error& reason) {
  const std::string partition = std::to_string(position.partition);
  const std::string offset = std::to_string(position.offset);
  const std::string task_id = task.to_string();
  std::vector<Header> headers(original.headers.begin(), original.headers.end());
  headers.push_back({"millrace.error", to_string(reason.code)});
  headers.push_back({"millrace.reason", reason.message});
  headers.push_back({"millrace.topic", position.topic});
  headers.push_back({"millrace.partition", partition});
  headers.push_back({"millrace.offset", offset});
  headers.push_back({"millrace.task", task_id});
  collector.stage(topic, position.partition % topic_partitions,
                  {.key = original.key,
                   .value = original.value,
                   .old_value = {},
                   .timestamp_ms = original.timestamp_ms,
                   .headers = headers});
}

}  // namespace millrace::engine
