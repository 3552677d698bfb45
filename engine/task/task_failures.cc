#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/output/dead_letters.h"
#include "engine/task/task.h"

namespace millrace::engine {
namespace {

constexpr std::string_view kRecordIsMissing =
    "all of the record but a key: work on the key, which the record had put off, failed";

constexpr std::string_view kRecordIsASource =
    "all of the record: this is a row of a table sink, which came of it or of one before it";

/// Stable name of the reason why a record was dropped, for metrics.
std::string_view drop_reason(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRecord:
      return "invalid_record";
    case ErrorCode::kRefused:
      return "refused_output";
    default:
      return "user_code";
  }
}

}  // namespace

OnError Task::policy(ErrorCode code) const {
  const EngineOptions& options = *environment_.options;
  if (code == ErrorCode::kStoreIo) return OnError::kFail;
  if (code == ErrorCode::kInvalidRecord) return options.on_invalid_record;
  if (code == ErrorCode::kRefused) return options.on_refused_output;
  return options.on_user_error;
}

void Task::handle_failure(TaskInput& input, const Error& error) {
  const Error located{error.code,
                      fmt::format("{}: {}", scope_.position.to_string(), error.message)};
  const OnError decision = policy(error.code);
  if (decision == OnError::kFail) {
    failure_ = located;
    return;
  }
  const std::string_view reason = drop_reason(error.code);
  ++counts_.dropped[std::string(reason)];
  if (decision != OnError::kDeadLetter) {
    if (environment_.lines->allows(fmt::format("record skipped reason={}", reason))) {
      spdlog::warn("record skipped task={} reason={} {}", scope_.task.to_string(), reason,
                   located.message);
    }
    return;
  }
  send_dead_letter(input.queue.front(), {}, error, located.message);
}

void Task::send_dead_letter(const FetchedRecord& original, std::string_view missing,
                            const Error& error, const std::string& told) {
  const std::string_view reason = drop_reason(error.code);
  const LetterBox box{.collector = collector_,
                      .topics = *environment_.outputs,
                      .topic = environment_.dead_letters,
                      .key = environment_.letter_key,
                      .now_ms = environment_.clock->now_ms()};
  collector_.begin_unit();
  stage_dead_letter(box, {original, missing}, scope_.position, scope_.task, error);
  const Status staged = collector_.unit_status();
  if (staged.ok()) {
    ++counts_.dead_lettered[std::string(reason)];
    if (environment_.lines->allows(
            fmt::format("record sent to the dead letters reason={}", reason))) {
      spdlog::warn("record sent to the dead letters task={} reason={} {}", scope_.task.to_string(),
                   reason, told);
    }
    return;
  }
  ++counts_.dropped["dead_letter_refused"];
  if (environment_.lines->allows("dead letter dropped")) {
    spdlog::error("dead letter dropped task={} {}: {}", scope_.task.to_string(),
                  scope_.position.to_string(), staged.message());
  }
}

void Task::handle_call_failure(std::string_view what, const Error& error,
                               const CallOrigin& origin) {
  const bool has_record = origin.position.offset >= 0;
  const std::string about =
      has_record ? fmt::format(" for {}", origin.position.to_string()) : std::string();
  const std::string told =
      fmt::format("task {}: {}{} failed: {}", scope_.task.to_string(), what, about, error.message);
  const OnError decision = policy(error.code);
  if (decision == OnError::kFail) {
    failure_ = Error{error.code, told};
    return;
  }
  ++counts_.dropped[std::string(drop_reason(error.code))];
  if (decision == OnError::kDeadLetter && has_record) {
    send_dead_letter(
        {.timestamp_ms = origin.timestamp_ms, .key = origin.key, .value = {}, .headers = {}},
        kRecordIsMissing, error, told);
  } else if (environment_.lines->allows(fmt::format("{} failed", what))) {
    spdlog::error("{}", told);
  }
}

Status Task::handle_unsent(const ResolvedNode& sink, const ChangelogRecord& row,
                           const Error& error) {
  const Error located{error.code,
                      fmt::format("a row of table sink '{}' cannot be sent to topic '{}': {}",
                                  sink.node->name, sink.node->topic.name, error.message)};
  const std::string told = fmt::format("task {}: {}", scope_.task.to_string(), located.message);
  const OnError decision = policy(error.code);
  if (decision == OnError::kFail) return Error{error.code, told};
  ++counts_.dropped[std::string(drop_reason(error.code))];
  if (decision == OnError::kDeadLetter && scope_.position.offset >= 0) {
    send_dead_letter(
        {.timestamp_ms = row.timestamp_ms, .key = row.key, .value = row.value, .headers = {}},
        kRecordIsASource, located, told);
  } else if (environment_.lines->allows(fmt::format("output dropped sink={}", sink.node->name))) {
    spdlog::error("output dropped {}", told);
  }
  return {};
}

}  // namespace millrace::engine
