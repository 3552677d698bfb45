#include "engine/kafka/admin.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/topology.h"

#include "engine/kafka/client/config.h"
#include "engine/kafka/client/errors.h"
#include "engine/kafka/client/partitions.h"
#include "engine/kafka/until_known.h"

namespace millrace::engine::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kTimeoutMs = 10'000;
/// Short: whoever finds offsets hidden by a dead instance's transaction has something better to do
/// than to wait for its end.
constexpr int kCommittedTimeoutMs = 2'000;
/// Below the time after which members without a plan ask for another generation.
constexpr int kMembersTimeoutMs = 2'000;
/// Of a question that another one failed for.
constexpr int kLeadersTimeoutMs = 2'000;
constexpr milliseconds kUsableWait{10'000};
constexpr milliseconds kUsablePause{20};
constexpr std::string_view kStableGroup = "Stable";

/// Questions and idempotent changes may be repeated whatever became of them.
Error repeatable(Error error) {
  if (error.code == ErrorCode::kTimedOut) error.code = ErrorCode::kRetriable;
  return error;
}

Error failed(std::string_view context, rd_kafka_resp_err_t error, const char* detail = nullptr) {
  return repeatable(make_error(context, error, detail != nullptr ? detail : ""));
}

Error does_not_exist(const std::string& topic) {
  return {ErrorCode::kNotFound, fmt::format("topic {} does not exist", topic)};
}

bool has_leaders(const rd_kafka_metadata_topic_t& topic) {
  const std::span partitions(topic.partitions, static_cast<size_t>(topic.partition_cnt));
  return std::all_of(partitions.begin(), partitions.end(),
                     [](const rd_kafka_metadata_partition_t& p) { return p.leader >= 0; });
}

Result<NewTopicHandle> to_handle(const NewTopic& topic, int32_t replication_factor) {
  std::array<char, kErrorTextBytes> text{};
  NewTopicHandle handle(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions,
                                              replication_factor, text.data(), text.size()));
  if (handle == nullptr) {
    return Error{ErrorCode::kConfig, fmt::format("topic {}: {}", topic.name, text.data())};
  }
  for (const auto& [name, value] : topic.config) {
    const auto error = rd_kafka_NewTopic_set_config(handle.get(), name.c_str(), value.c_str());
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return make_error("topic " + topic.name, error);
  }
  return handle;
}

}  // namespace

Result<std::unique_ptr<Admin>> KafkaAdmin::make(const KafkaOptions& options) {
  ClientConfig offsets_config(options, ClientKind::kConsumer, "offsets");
  offsets_config.set("socket.timeout.ms", kTimeoutMs);
  auto offsets_client = offsets_config.create();
  if (!offsets_client.ok()) return offsets_client.status();
  ClientConfig config(options, ClientKind::kConsumer, "admin");
  config.set("isolation.level", "read_uncommitted");
  config.set("socket.timeout.ms", kTimeoutMs);
  auto client = config.create();
  if (!client.ok()) return client.status();
  return std::unique_ptr<Admin>(
      new KafkaAdmin(std::move(offsets_client).value(), std::move(client).value(), options));
}

KafkaAdmin::KafkaAdmin(Client offsets_client, Client client, const KafkaOptions& options)
    : offsets_client_(std::move(offsets_client)), client_(std::move(client)), options_(options) {}

Result<TopicMetadata> KafkaAdmin::metadata(rd_kafka_topic_t* topic, int timeout_ms) const {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto error =
      rd_kafka_metadata(client_.get(), topic == nullptr ? 1 : 0, topic, &raw, timeout_ms);
  TopicMetadata metadata(raw);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return failed("metadata", error);
  return metadata;
}

Result<std::vector<TopicDescription>> KafkaAdmin::list_topics() {
  const auto all = metadata(nullptr, kTimeoutMs);
  if (!all.ok()) return all.status();
  const rd_kafka_metadata_t& listed = *all.value();
  std::vector<TopicDescription> topics;
  for (const auto& topic : std::span(listed.topics, static_cast<size_t>(listed.topic_cnt))) {
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      topics.push_back({topic.topic, topic.partition_cnt, {}});
    }
  }
  return topics;
}

Result<KafkaAdmin::Partitions> KafkaAdmin::partitions_of(const std::string& topic,
                                                         int timeout_ms) const {
  const TopicHandle handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  if (handle == nullptr) return make_error("topic " + topic, rd_kafka_last_error());
  const auto answer = metadata(handle.get(), timeout_ms);
  if (!answer.ok()) return answer.status();
  const rd_kafka_metadata_t& listed = *answer.value();
  if (listed.topic_cnt != 1) return failed("topic " + topic, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC);
  const rd_kafka_metadata_topic_t& found = listed.topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return does_not_exist(topic);
  }
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return failed("topic " + topic, found.err);
  return Partitions{.count = found.partition_cnt, .have_leaders = has_leaders(found)};
}

template <class Send>
Result<Event> KafkaAdmin::ask(std::string_view name, rd_kafka_admin_op_t operation,
                              Send&& send) const {
  const AdminOptions options(rd_kafka_AdminOptions_new(client_.get(), operation));
  std::array<char, kErrorTextBytes> text{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kTimeoutMs, text.data(), text.size());
  const Queue queue(rd_kafka_queue_new(client_.get()));
  send(options.get(), queue.get());
  // librdkafka ends the request by its own time-out, which comes as an event too.
  Event event(rd_kafka_queue_poll(queue.get(), 2 * kTimeoutMs));
  if (event == nullptr) return failed(name, RD_KAFKA_RESP_ERR__TIMED_OUT);
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failed(name, error, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

Result<std::map<std::string, std::string>> KafkaAdmin::topic_config(
    const std::string& topic) const {
  const ConfigResource asked(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* resource = asked.get();
  const auto event = ask("configuration of topic " + topic, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
                         [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                           rd_kafka_DescribeConfigs(client_.get(), &resource, 1, options, queue);
                         });
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.value().get()), &count);
  std::map<std::string, std::string> config;
  for (const rd_kafka_ConfigResource_t* answer : std::span(resources, count)) {
    const auto error = rd_kafka_ConfigResource_error(answer);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) return does_not_exist(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return failed("configuration of topic " + topic, error,
                    rd_kafka_ConfigResource_error_string(answer));
    }
    size_t entries_count = 0;
    const rd_kafka_ConfigEntry_t** entries =
        rd_kafka_ConfigResource_configs(answer, &entries_count);
    for (const rd_kafka_ConfigEntry_t* entry : std::span(entries, entries_count)) {
      const char* value = rd_kafka_ConfigEntry_value(entry);  // null: sensitive
      if (value != nullptr) config.emplace(rd_kafka_ConfigEntry_name(entry), value);
    }
  }
  return config;
}

Result<TopicDescription> KafkaAdmin::describe_topic(const std::string& topic) {
  return until_known([&] { return describe_at_once(topic); });
}

Result<TopicDescription> KafkaAdmin::describe_at_once(const std::string& topic) const {
  const auto partitions = partitions_of(topic, kTimeoutMs);
  if (!partitions.ok()) return partitions.status();
  auto config = topic_config(topic);
  if (!config.ok()) return config.status();
  return TopicDescription{topic, partitions->count, std::move(config).value()};
}

Status KafkaAdmin::create_topics(std::span<const NewTopic> topics) {
  if (topics.empty()) return {};
  std::vector<NewTopicHandle> handles;
  std::vector<rd_kafka_NewTopic_t*> raw;
  for (const NewTopic& topic : topics) {
    auto handle = to_handle(topic, options_.replication_factor);
    if (!handle.ok()) return handle.status();
    raw.push_back(handle->get());
    handles.push_back(std::move(handle).value());
  }
  const auto event =
      ask("creation of topics", RD_KAFKA_ADMIN_OP_CREATETOPICS,
          [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
            rd_kafka_CreateTopics(client_.get(), raw.data(), raw.size(), options, queue);
          });
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_topic_result_t** results = rd_kafka_CreateTopics_result_topics(
      rd_kafka_event_CreateTopics_result(event.value().get()), &count);
  for (const rd_kafka_topic_result_t* result : std::span(results, count)) {
    const auto error = rd_kafka_topic_result_error(result);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      continue;
    }
    return failed(fmt::format("creation of topic {}", rd_kafka_topic_result_name(result)), error,
                  rd_kafka_topic_result_error_string(result));
  }
  for (const NewTopic& topic : topics) MILLRACE_RETURN_IF_ERROR(wait_until_usable(topic));
  return {};
}

Status KafkaAdmin::wait_until_usable(const NewTopic& topic) const {
  const auto deadline = Clock::now() + kUsableWait;
  while (true) {
    const auto partitions = partitions_of(topic.name, kTimeoutMs);
    if (partitions.ok() && partitions->have_leaders) return {};
    const bool soon = partitions.ok() || partitions.code() == ErrorCode::kNotFound ||
                      partitions.code() == ErrorCode::kRetriable;
    if (!soon) return partitions.status();
    if (Clock::now() >= deadline) {
      return Error{
          ErrorCode::kRetriable,
          fmt::format("topic {} was created and cannot be used yet: {}", topic.name,
                      partitions.ok() ? "a partition has no leader" : partitions.message())};
    }
    std::this_thread::sleep_for(kUsablePause);
  }
}

Result<std::vector<PartitionOffset>> KafkaAdmin::committed(
    std::span<const TopicPartition> partitions) {
  std::vector<PartitionOffset> offsets;
  if (partitions.empty()) return offsets;
  const PartitionList list = to_list(partitions);
  const auto error = rd_kafka_committed(offsets_client_.get(), list.get(), kCommittedTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return failed("committed offsets", error);
  Status status = first_error("committed offset", *list);
  if (!status.ok()) return repeatable(status.error());
  offsets.reserve(partitions.size());
  for (const auto& element : std::span(list->elems, static_cast<size_t>(list->cnt))) {
    const std::string_view metadata(static_cast<const char*>(element.metadata),
                                    element.metadata == nullptr ? 0 : element.metadata_size);
    offsets.push_back({{element.topic, element.partition},
                       std::max<int64_t>(element.offset, -1),
                       stream_time_in(metadata)});
  }
  return offsets;
}

Result<Admin::Watermarks> KafkaAdmin::watermarks(const TopicPartition& partition) {
  Watermarks marks;
  auto error =
      rd_kafka_query_watermark_offsets(client_.get(), partition.topic.c_str(), partition.partition,
                                       &marks.low, &marks.high, kTimeoutMs);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return marks;
  const bool is_unknown = error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                          error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                          error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  const auto ask = [&] { return partitions_of(partition.topic, kLeadersTimeoutMs); };
  const auto present = is_unknown ? until_known(ask) : ask();
  // librdkafka knows only partitions that have a leader, and a new leader may not know that it is.
  const bool is_there = present.ok() && partition.partition < present->count;
  if (is_unknown && is_there) error = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
  return failed("watermarks of " + partition.to_string(), error);
}

Result<Client> KafkaAdmin::take_members_client() {
  {
    const std::lock_guard lock(mutex_);
    if (members_client_) return std::move(*std::exchange(members_client_, std::nullopt));
  }
  ClientConfig config(options_, ClientKind::kConsumer, "members");
  config.set("socket.timeout.ms", kMembersTimeoutMs);
  return config.create();
}

Result<std::vector<GroupMember>> KafkaAdmin::group_members() {
  // rd_kafka_list_groups asks every broker that the client has ever heard of, and waits for all of
  // them. So a client that one of them did not answer goes, and the next one hears only of those
  // that live then. One to which nobody showed the group goes, too: a node that it has never heard
  // of may coordinate the group by now.
  // Not by rd_kafka_DescribeConsumerGroups: when the coordinator's connection goes down at the
  // wrong moment, it uses memory that it has freed and ends the process (librdkafka's pull request
  // 5397, which no release up to 2.15.0 holds).
  Result<Client> client = take_members_client();
  if (!client.ok()) return client.status();
  const std::string& group = options_.application_id;
  const rd_kafka_group_list* raw = nullptr;
  const auto error = rd_kafka_list_groups(client->get(), group.c_str(), &raw, kMembersTimeoutMs);
  const GroupList list(raw);
  // A partial answer lacks that of some broker: a dead one is listed until its session is over. The
  // group is there, and whole, if its coordinator answered.
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__PARTIAL) {
    return failed("members of group " + group, error);
  }
  if (list->group_cnt != 1) {
    return Error{ErrorCode::kRetriable, fmt::format("group {} does not exist yet", group)};
  }
  const rd_kafka_group_info& found = list->groups[0];
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failed("members of group " + group, found.err);
  }
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const std::lock_guard lock(mutex_);
    members_client_ = *std::move(client);
  }
  if (found.state != kStableGroup) {
    return Error{ErrorCode::kRetriable, fmt::format("group {} is not stable yet", group)};
  }
  std::vector<GroupMember> members;
  for (const auto& member : std::span(found.members, static_cast<size_t>(found.member_cnt))) {
    members.push_back({member.client_id, member.member_id});
    if (is_legal_name(members.back().instance, kInstanceLengthMax)) continue;
    return Error{ErrorCode::kConfig,
                 fmt::format("group {} has a member that is no instance of this application "
                             "(client.id '{}' at {}): give that program another group.id",
                             group, members.back().instance, member.client_host)};
  }
  return members;
}

Status KafkaAdmin::delete_records(std::span<const PartitionOffset> before) {
  if (before.empty()) return {};
  const PartitionList list = to_list(before);
  const DeleteRecords request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* raw = request.get();
  const auto event = ask("deletion of records", RD_KAFKA_ADMIN_OP_DELETERECORDS,
                         [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                           rd_kafka_DeleteRecords(client_.get(), &raw, 1, options, queue);
                         });
  Status status = event.status();
  if (event.ok()) {
    status = first_error("deletion of records",
                         *rd_kafka_DeleteRecords_result_offsets(
                             rd_kafka_event_DeleteRecords_result(event.value().get())));
  }
  if (status.ok()) return {};
  std::set<std::string> topics;
  for (const PartitionOffset& each : before) topics.insert(each.partition.topic);
  for (const std::string& topic : topics) {
    if (!partitions_of(topic, kLeadersTimeoutMs).ok()) break;
  }
  return repeatable(status.error());
}

}  // namespace millrace::engine::kafka
