#include "apps/tools/topic_writer.h"

#include <utility>

namespace millrace::apps {

Result<TopicWriter> TopicWriter::open(const std::string& topic, engine::ClientFactory& clients) {
  auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  const auto description = (*admin)->describe_topic(topic);
  if (!description.ok()) return description.status();
  auto producer = clients.producer("");
  if (!producer.ok()) return producer.status();
  const Result<int32_t> handle = (*producer)->topic_handle(topic);
  if (!handle.ok()) return handle.status();
  return TopicWriter(*std::move(producer), *handle, description->partitions);
}

Status TopicWriter::send(engine::OutgoingRecord record) {
  record.topic = topic_;
  return producer_->send(record);
}

}  // namespace millrace::apps
