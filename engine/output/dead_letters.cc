#include "engine/output/dead_letters.h"

#include <algorithm>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

/// Ours, in the order in which they end a dead letter; the last only of a sealed one.
constexpr std::string_view kNames[] = {"millrace.error",     "millrace.reason", "millrace.topic",
                                       "millrace.partition", "millrace.offset", "millrace.task",
                                       "millrace.key"};
enum Place : size_t { kError, kReason, kTopic, kPartition, kOffset, kTask, kKey };
constexpr size_t kPlainHeaders = kKey;
constexpr size_t kSealedHeaders = kKey + 1;

/// The identity of a sealed part, so that parts and letters cannot be exchanged for each other.
std::string context_of(std::string_view part, std::string_view position) {
  return std::string(part).append(" of ").append(position);
}
std::string header_part(size_t index, std::string_view name) {
  return "header " + std::to_string(index) + " " + std::string(name);
}

bool ends_with_ours(std::span<const Header> headers, size_t count) {
  if (headers.size() < count) return false;
  const auto ours = headers.last(count);
  return std::equal(
      ours.begin(), ours.end(), kNames,
      [](const Header& header, std::string_view name) { return header.name == name; });
}

std::optional<std::string> copy_of(Bytes bytes) {
  return bytes.is_null() ? std::nullopt : std::optional(bytes.to_string());
}

/// The parts of a record, sealed; owns them.
class SealedParts {
 public:
  SealedParts(const SealingKey& key, const FetchedRecord& original, std::string_view position) {
    const auto seal = [&](Bytes part, std::string_view name) {
      return part.is_null() ? std::nullopt
                            : std::optional(key.seal(part, context_of(name, position)));
    };
    key_ = seal(original.key, "key");
    value_ = seal(original.value, "value");
    for (size_t i = 0; i < original.headers.size(); ++i) {
      const Header& header = original.headers[i];
      headers_.push_back(seal(header.value, header_part(i, header.name)));
    }
  }
  static Bytes view_of(const std::optional<std::string>& part) {
    return part ? Bytes(*part) : Bytes();
  }
  Bytes key() const { return view_of(key_); }
  Bytes value() const { return view_of(value_); }
  Bytes header(size_t index) const { return view_of(headers_[index]); }

 private:
  std::optional<std::string> key_;
  std::optional<std::string> value_;
  std::vector<std::optional<std::string>> headers_;
};

Status open_part(const SealingKey& key, std::string_view part, std::string_view position,
                 std::string& bytes) {
  Result<std::string> plain = key.open(Bytes(bytes), context_of(part, position));
  if (!plain.ok()) return plain.status();
  bytes = *std::move(plain);
  return {};
}

}  // namespace

void stage_dead_letter(Collector& collector, int32_t topic, int32_t topic_partitions,
                       const FetchedRecord& original, const RecordPosition& position, TaskId task,
                       const Error& reason, const SealingKey* key) {
  const std::string partition = std::to_string(position.partition);
  const std::string offset = std::to_string(position.offset);
  const std::string task_id = task.to_string();
  std::vector<Header> headers(original.headers.begin(), original.headers.end());
  std::optional<SealedParts> sealed;
  if (key != nullptr) {
    sealed.emplace(*key, original, position.to_string());
    for (size_t i = 0; i < headers.size(); ++i) headers[i].value = sealed->header(i);
  }
  const Bytes values[] = {to_string(reason.code),
                          reason.message,
                          position.topic,
                          partition,
                          offset,
                          task_id,
                          key == nullptr ? Bytes() : Bytes(key->id())};
  const size_t ours = key == nullptr ? kPlainHeaders : kSealedHeaders;
  for (size_t i = 0; i < ours; ++i) headers.push_back({kNames[i], values[i]});
  collector.stage(topic, position.partition % topic_partitions,
                  {.key = sealed ? sealed->key() : original.key,
                   .value = sealed ? sealed->value() : original.value,
                   .old_value = {},
                   .timestamp_ms = original.timestamp_ms,
                   .headers = headers});
}

std::optional<DeadLetter> read_dead_letter(const FetchedRecord& record) {
  // The last headers are ours: an original cannot pass for another.
  const bool is_sealed = ends_with_ours(record.headers, kSealedHeaders);
  if (!is_sealed && !ends_with_ours(record.headers, kPlainHeaders)) return std::nullopt;
  const auto ours = record.headers.last(is_sealed ? kSealedHeaders : kPlainHeaders);
  DeadLetter letter{.error = ours[kError].value.to_string(),
                    .reason = ours[kReason].value.to_string(),
                    .topic = ours[kTopic].value.to_string(),
                    .task = ours[kTask].value.to_string(),
                    .key_id = is_sealed ? ours[kKey].value.to_string() : std::string(),
                    .timestamp_ms = record.timestamp_ms,
                    .key = copy_of(record.key),
                    .value = copy_of(record.value)};
  if (!read_number(ours[kPartition].value.view(), letter.partition) ||
      !read_number(ours[kOffset].value.view(), letter.offset)) {
    return std::nullopt;
  }
  for (const Header& header : record.headers.first(record.headers.size() - ours.size())) {
    letter.headers.emplace_back(header.name, header.value.to_string());
  }
  return letter;
}

Status open_dead_letter(DeadLetter& letter, std::span<const SealingKey> keys) {
  if (!letter.is_sealed()) return {};
  const auto key = std::ranges::find(keys, letter.key_id, &SealingKey::id);
  if (key == keys.end()) {
    return Error{ErrorCode::kNotFound, "sealed with key " + letter.key_id + ", which is not given"};
  }
  const std::string position =
      RecordPosition{letter.topic, letter.partition, letter.offset}.to_string();
  if (letter.key) MILLRACE_RETURN_IF_ERROR(open_part(*key, "key", position, *letter.key));
  if (letter.value) MILLRACE_RETURN_IF_ERROR(open_part(*key, "value", position, *letter.value));
  for (size_t i = 0; i < letter.headers.size(); ++i) {
    auto& [name, value] = letter.headers[i];
    if (value.empty()) continue;  // it was null, which has nothing to seal
    MILLRACE_RETURN_IF_ERROR(open_part(*key, header_part(i, name), position, value));
  }
  letter.key_id.clear();
  return {};
}

}  // namespace millrace::engine
