#include "apps/sink/letters.h"

#include <utility>

#include "millrace/core/clock.h"

#include "engine/output/dead_letters.h"

namespace millrace::apps::sink {

Letters::Letters(const std::string& topic, std::optional<engine::SealingKey> key)
    : topics_({topic}), collector_(topics_, system_clock()), key_(std::move(key)) {}

Result<std::unique_ptr<Letters>> Letters::open(const std::string& topic,
                                               std::optional<engine::SealingKey> key,
                                               engine::ClientFactory& clients,
                                               engine::Admin& admin) {
  // Letters have the timestamps of their records, which may be years old.
  const NewTopic wanted{topic,
                        1,
                        {{"cleanup.policy", "delete"},
                         {"retention.ms", "-1"},
                         {"message.timestamp.type", "CreateTime"}}};
  MILLRACE_RETURN_IF_ERROR(admin.create_topics({&wanted, 1}));
  std::unique_ptr<Letters> letters(new Letters(topic, std::move(key)));
  MILLRACE_RETURN_IF_ERROR(letters->topics_.describe(admin));
  auto producer = clients.producer("", letters->topics_.producer_limits());
  if (!producer.ok()) return producer.status();
  letters->producer_ = *std::move(producer);
  const auto handles = letters->topics_.handles_of(*letters->producer_);
  if (!handles.ok()) return handles.status();
  letters->topics_.bind(*handles);
  return letters;
}

Status Letters::add(const TopicPartition& partition, const engine::FetchedRecord& record,
                    const Error& reason) {
  const engine::LetterBox box{.collector = collector_,
                              .topics = topics_,
                              .topic = 0,
                              .key = key_ ? &*key_ : nullptr,
                              .now_ms = system_clock().now_ms()};
  collector_.begin_unit();
  engine::stage_dead_letter(box, {record, {}},
                            {partition.topic, partition.partition, record.offset},
                            {0, partition.partition}, reason);
  return collector_.unit_status();
}

Status Letters::flush() {
  if (collector_.empty()) return {};
  if (const Status status = collector_.flush(*producer_); !status.ok()) {
    collector_.clear();
    return status;
  }
  return producer_->flush();
}

}  // namespace millrace::apps::sink
