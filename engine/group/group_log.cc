#include "engine/group/group_log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/clock.h"

#include "engine/base/numbers.h"
#include "engine/base/random_id.h"
#include "engine/group/report_proof.h"

namespace millrace::engine {
namespace {

constexpr size_t kPollRecords = 1'000;
constexpr std::string_view kIncarnationKey = "incarnation/";
/// Plans that are remembered, and about as many kept in the topic.
constexpr size_t kPlansKept = 64;

constexpr int64_t kLogIntervalNs = 60'000'000'000;

}  // namespace

GroupTopics group_topics(const std::string& application_id) {
  return {.control = application_id + "-control",
          .spare = application_id + "-rebalance",
          .plan = application_id + "-plan",
          .instances = application_id + "-instances"};
}

Error group_topic_lost(const std::string& topic, std::string_view why) {
  return {ErrorCode::kConfig,
          fmt::format("topic '{}' was deleted or replaced under running instances ({}). Start all "
                      "instances of the application again: they create the missing topics of the "
                      "group, and rebuild local state from the changelogs",
                      topic, why)};
}

Result<std::unique_ptr<GroupLog>> GroupLog::open(ClientFactory& clients, Admin& admin,
                                                 const std::string& application_id) {
  Result<std::unique_ptr<Fetcher>> fetcher = clients.fetcher("group", RecordHeaders::kSkip);
  if (!fetcher.ok()) return fetcher.status();
  std::unique_ptr<GroupLog> log(
      new GroupLog(clients, std::move(*fetcher), group_topics(application_id)));
  MILLRACE_RETURN_IF_ERROR(log->make_producer());
  for (Topic* const topic : {&log->plans_log_, &log->reports_log_}) {
    const Result<Admin::Watermarks> marks = admin.watermarks(topic->partition);
    if (!marks.ok()) return marks.status();
    topic->position = marks->low;
    topic->target = marks->high;
    const std::vector<PartitionOffset> start{{topic->partition, topic->position}};
    MILLRACE_RETURN_IF_ERROR(log->fetcher_->add(start));
  }
  return log;
}

GroupLog::GroupLog(ClientFactory& clients, std::unique_ptr<Fetcher> fetcher,
                   const GroupTopics& topics)
    : clients_(clients), fetcher_(std::move(fetcher)) {
  plans_log_.partition = {topics.plan, 0};
  reports_log_.partition = {topics.instances, 0};
}

Status GroupLog::make_producer() {
  Result<std::unique_ptr<Producer>> producer = clients_.producer("");
  if (!producer.ok()) return producer.status();
  for (Topic* const topic : {&plans_log_, &reports_log_}) {
    const Result<int32_t> handle = (*producer)->topic_handle(topic->partition.topic);
    if (!handle.ok()) return handle.status();
    topic->handle = *handle;
  }
  producer_ = std::move(*producer);
  return {};
}

Result<bool> GroupLog::poll() {
  Result<bool> plans = poll(plans_log_);
  if (!plans.ok()) return plans;
  Result<bool> reports = poll(reports_log_);
  if (!reports.ok()) return reports;
  return *plans || *reports;
}

Result<bool> GroupLog::poll(Topic& topic) {
  RecordBatch batch;
  const Result<FetchOutcome> polled = fetcher_->poll(topic.partition, kPollRecords, batch);
  if (!polled.ok()) {
    const bool is_lost =
        polled.code() == ErrorCode::kNotFound || polled.code() == ErrorCode::kConfig;
    return is_lost ? group_topic_lost(topic.partition.topic, polled.message()) : polled.status();
  }
  for (const FetchedRecord& record : batch.records()) {
    take(topic, record);
    topic.position = record.offset + 1;
  }
  if (polled->end_offset) topic.position = std::max(topic.position, *polled->end_offset);
  has_news_ |= polled->records > 0;
  return polled->records > 0;
}

Result<GroupLog::Ends> GroupLog::ends(Admin& admin, const GroupTopics& topics) {
  const Result<Admin::Watermarks> plans = admin.watermarks({topics.plan, 0});
  if (!plans.ok()) return plans.status();
  const Result<Admin::Watermarks> reports = admin.watermarks({topics.instances, 0});
  if (!reports.ok()) return reports.status();
  return Ends{plans->high, reports->high};
}

void GroupLog::expect(const Ends& ends) {
  plans_log_.target = ends.plans;
  reports_log_.target = ends.reports;
}

void GroupLog::take(const Topic& topic, const FetchedRecord& record) {
  if (record.key.is_null()) {
    pass_over(topic, record, Error{ErrorCode::kInvalidRecord, "the key is null"});
  } else if (&topic == &plans_log_) {
    take_plan(topic, record);
  } else {
    take_report(topic, record);
  }
}

void GroupLog::take_incarnation(std::string_view id) {
  if (incarnation_.empty() && is_random_id(id)) incarnation_ = id;
}

Status GroupLog::propose_incarnation() {
  const std::string id = random_id();
  return send(plans_log_, std::string(kIncarnationKey) + id, Bytes(id));
}

void GroupLog::take_plan(const Topic& topic, const FetchedRecord& record) {
  if (const std::string_view key = record.key.view(); key.starts_with(kIncarnationKey)) {
    return take_incarnation(key.substr(kIncarnationKey.size()));
  }
  if (record.value.is_null()) return;  // a plan that nobody needs any more
  Result<Plan> plan = decode_plan(record.value);
  if (!plan.ok()) {
    note_unread_plan(record.key.view());
    return pass_over(topic, record, plan.status());
  }
  if (record.key.view() != key_of(*plan)) {
    return pass_over(topic, record, Error{ErrorCode::kInvalidRecord, "its key is another plan's"});
  }
  plans_.push_back({record.offset, *std::move(plan)});
  if (plans_.size() > kPlansKept) plans_.pop_front();
}

void GroupLog::note_unread_plan(std::string_view key) {
  int32_t generation = 0;
  if (!read_number(key.substr(0, key.find('/')), generation)) return;
  unread_plans_.insert(generation);
  if (unread_plans_.size() > kPlansKept) unread_plans_.erase(unread_plans_.begin());
}

void GroupLog::take_report(const Topic& topic, const FetchedRecord& record) {
  if (record.value.is_null()) {
    reports_.erase(record.key.to_string());
    return;
  }
  Result<InstanceReport> report = decode_report(record.value);
  if (!report.ok()) return pass_over(topic, record, report.status());
  if (report->instance != record.key.view()) {
    return pass_over(topic, record,
                     Error{ErrorCode::kInvalidRecord, "its key is another instance's"});
  }
  if (key_ != nullptr && !is_proved(*key_, topic.partition.topic, record.value.view())) {
    return pass_over(topic, record,
                     Error{ErrorCode::kInvalidRecord,
                           "an instance's report without proof by the key in "
                           "query.peer.key.file: give all instances the same"});
  }
  if (lives_ != nullptr) lives_->see(*report);
  std::string instance = report->instance;
  reports_.insert_or_assign(std::move(instance), ReportEntry{record.offset, std::move(*report)});
}

/// Anybody who may write to the topics may write any number of these records.
void GroupLog::pass_over(const Topic& topic, const FetchedRecord& record, const Status& why) {
  ++passed_over_;
  const int64_t now_ns = system_clock().steady_ns();
  if (passed_over_ > 1 && now_ns - passed_over_logged_ns_ < kLogIntervalNs) return;
  passed_over_logged_ns_ = now_ns;
  spdlog::warn("group record passed over {}@{} records_so_far={}: {}", topic.partition.to_string(),
               record.offset, passed_over_, why.message());
}

const GroupLog::PlanEntry* GroupLog::plan_of(int32_t generation, int64_t offset) const {
  const auto found = std::find_if(plans_.begin(), plans_.end(), [&](const PlanEntry& entry) {
    return entry.offset >= offset && entry.plan.generation == generation;
  });
  return found == plans_.end() ? nullptr : &*found;
}

Status GroupLog::publish(const Plan& plan) {
  if (plans_.size() == kPlansKept) {
    MILLRACE_RETURN_IF_ERROR(send(plans_log_, key_of(plans_.front().plan), Bytes()));
  }
  const Result<std::string> encoded = encode_plan(plan);
  if (!encoded.ok()) return encoded.status();
  return send(plans_log_, key_of(plan), Bytes(*encoded));
}

Status GroupLog::publish(const InstanceReport& report) {
  const Result<std::string> encoded = encode_report(report);
  if (!encoded.ok()) return encoded.status();
  if (key_ == nullptr) return send(reports_log_, report.instance, Bytes(*encoded));
  const std::string proved = with_proof(*key_, reports_log_.partition.topic, *encoded);
  return send(reports_log_, report.instance, Bytes(proved));
}

Status GroupLog::remove_report(const std::string& instance) {
  return send(reports_log_, instance, Bytes());
}

Status GroupLog::send(const Topic& topic, const std::string& key, Bytes value) {
  if (producer_ == nullptr) MILLRACE_RETURN_IF_ERROR(make_producer());
  return keep_or_drop(producer_->send({.topic = topic.handle,
                                       .partition = topic.partition.partition,
                                       .key = Bytes(key),
                                       .value = value,
                                       .timestamp_ms = system_clock().now_ms(),
                                       .headers = {}}));
}

Status GroupLog::flush() {
  return producer_ == nullptr ? Status() : keep_or_drop(producer_->flush());
}

/// A failure may be permanent, and a new producer loses nothing.
Status GroupLog::keep_or_drop(Status status) {
  if (status.ok() || status.code() == ErrorCode::kRefused) return status;
  producer_.reset();
  return Error{ErrorCode::kRetriable, status.message()};
}

}  // namespace millrace::engine
