#include "apps/cli/dead_letter_replay.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "apps/tools/topic_reader.h"
#include "engine/output/dead_letters.h"

namespace millrace::apps {
namespace {

Bytes view_of(const std::optional<std::string>& part) {
  return part ? Bytes(*part) : Bytes();
}

std::vector<Header> headers_of(const engine::DeadLetter& letter) {
  std::vector<Header> headers;
  headers.reserve(letter.headers.size());
  for (const auto& [name, value] : letter.headers) headers.push_back({name, view_of(value)});
  return headers;
}

Status send(engine::Producer& producer, int32_t topic, const engine::DeadLetter& letter) {
  const std::vector<Header> headers = headers_of(letter);
  return producer.send({.topic = topic,
                        .partition = letter.partition,
                        .key = view_of(letter.key),
                        .value = view_of(letter.value),
                        .timestamp_ms = letter.timestamp_ms,
                        .headers = headers});
}

engine::ProducerLimits limits_for(const std::vector<engine::DeadLetter>& letters) {
  constexpr size_t kOverheadBytes = 128;  // of a record in a batch
  engine::ProducerLimits limits;
  for (const engine::DeadLetter& letter : letters) {
    const size_t bytes =
        engine::record_bytes(view_of(letter.key), view_of(letter.value), headers_of(letter));
    limits.record_bytes_max = std::max(limits.record_bytes_max, bytes + kOverheadBytes);
  }
  return limits;
}

}  // namespace

Result<std::vector<engine::SealingKey>> load_keys(const std::vector<std::filesystem::path>& files) {
  std::vector<engine::SealingKey> keys;
  for (const std::filesystem::path& file : files) {
    auto key = engine::SealingKey::load(file);
    if (!key.ok()) return key.status();
    keys.push_back(*std::move(key));
  }
  return keys;
}

Result<ReplayOutcome> replay_dead_letters(const ReplayOptions& options,
                                          const std::vector<engine::SealingKey>& keys,
                                          engine::ClientFactory& clients) {
  ReplayOutcome outcome;
  std::vector<engine::DeadLetter> letters;
  Status opened;
  const auto take = [&](int32_t partition, const engine::FetchedRecord& record) {
    const bool is_wanted = record.offset >= options.from && record.offset <= options.to;
    std::optional<engine::DeadLetter> letter =
        is_wanted ? engine::read_dead_letter(record) : std::nullopt;
    if (!letter) {
      ++outcome.passed_over;
      return true;
    }
    if (!letter->cut.empty()) {
      outcome.cut.push_back(fmt::format(
          "{}/{}@{} lacks a part of its record, which is whole only at {}/{}@{}: {}", options.topic,
          partition, record.offset, letter->topic, letter->partition, letter->offset, letter->cut));
      return true;
    }
    opened = engine::open_dead_letter(*letter, keys);
    if (!opened.ok()) {
      opened = Error{opened.code(), fmt::format("{}/{}@{}: {}", options.topic, partition,
                                                record.offset, opened.message())};
      return false;
    }
    letters.push_back(*std::move(letter));
    return true;
  };
  MILLRACE_RETURN_IF_ERROR(read_topic(clients, options.topic, options.timeout_s * 1'000, take));
  MILLRACE_RETURN_IF_ERROR(opened);
  auto producer = clients.producer("", limits_for(letters));
  if (!producer.ok()) return producer.status();
  std::map<std::string, int32_t> handles;
  for (const engine::DeadLetter& letter : letters) {
    auto handle = handles.find(letter.topic);
    if (handle == handles.end()) {
      const Result<int32_t> made = (*producer)->topic_handle(letter.topic);
      if (!made.ok()) return made.status();
      handle = handles.emplace(letter.topic, *made).first;
    }
    MILLRACE_RETURN_IF_ERROR(send(**producer, handle->second, letter));
  }
  MILLRACE_RETURN_IF_ERROR((*producer)->flush());
  outcome.replayed = static_cast<int64_t>(letters.size());
  return outcome;
}

}  // namespace millrace::apps
