#include "engine/output/dead_letters.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

/// Our headers, in the order in which they end a dead letter; the last two only in a sealed letter
/// and in one that was cut.
constexpr std::string_view kNames[] = {"millrace.error",     "millrace.reason", "millrace.topic",
                                       "millrace.partition", "millrace.offset", "millrace.task",
                                       "millrace.key",       "millrace.cut"};
enum Place : size_t { kError, kReason, kTopic, kPartition, kOffset, kTask, kKey, kCut };
constexpr size_t kPlainHeaders = kKey;

/// Sizes of the reason, and of the account of the cuts, in a letter that is cut.
constexpr size_t kReasonBytesMax = 1'024;
constexpr size_t kCutTextBytesMax = 320;
constexpr size_t kHeaderLengthsMax = 10;

/// The identity of a sealed part, so that parts and letters cannot be exchanged for each other.
std::string context_of(std::string_view part, std::string_view position) {
  return std::string(part).append(" of ").append(position);
}
std::string header_part(size_t index, std::string_view name) {
  return "header " + std::to_string(index) + " " + std::string(name);
}

bool ends_with(std::span<const Header> headers, std::span<const std::string_view> names) {
  if (headers.size() < names.size()) return false;
  const auto last = headers.last(names.size());
  return std::equal(
      last.begin(), last.end(), names.begin(),
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

/// A record on its way into a letter, cut where the letters' topic would not take it whole.
class LetterContent {
 public:
  /// `box` and `original` must outlive this. `metadata_bytes` below: the size of our own headers.
  LetterContent(const LetterBox& box, const FetchedRecord& original)
      : box_(box),
        limits_(box.topics[box.topic].limits),
        content_(original),
        headers_(original.headers.begin(), original.headers.end()) {
    content_.headers = headers_;
  }

  bool fits(size_t metadata_bytes) const {
    return sealed_bytes() + metadata_bytes <= limits_.record_bytes_max() &&
           limits_.takes_time(content_.timestamp_ms, box_.now_ms);
  }

  /// REQUIRES: not `fits`. Returns what was cut.
  std::string cut(size_t metadata_bytes) {
    std::string told;
    const auto tell = [&told](const std::string& what) {
      told += told.empty() ? what : "; " + what;
    };
    const size_t limit = limits_.record_bytes_max();
    size_t room = limit - std::min(limit, metadata_bytes);
    const int64_t time_ms = std::clamp(content_.timestamp_ms, limits_.earliest_ms(box_.now_ms),
                                       limits_.latest_ms(box_.now_ms));
    if (time_ms != content_.timestamp_ms) {
      tell(fmt::format("the timestamp was {}", content_.timestamp_ms));
      content_.timestamp_ms = time_ms;
    }
    const auto cut_part = [&](Bytes& part, const char* name) {
      if (part.is_null()) return;
      room -= std::min(room, overhead());
      const size_t whole = part.size();
      part = Bytes(part.data(), std::min(whole, room));
      if (part.size() < whole) {
        tell(fmt::format("the {} has {} of {} bytes", name, part.size(), whole));
      }
      room -= part.size();
    };
    cut_part(content_.key, "key");
    const size_t all_headers = headers_.size();
    std::erase_if(headers_, [&](const Header& header) {
      const size_t bytes = header_bytes(header);
      if (bytes > room) return true;
      room -= bytes;
      return false;
    });
    if (headers_.size() < all_headers) {
      tell(fmt::format("{} of {} headers are left", headers_.size(), all_headers));
    }
    cut_part(content_.value, "value");
    content_.headers = headers_;
    return told;
  }

  /// The record as it goes into the letter; a letter begins with its headers.
  const FetchedRecord& record() const { return content_; }

 private:
  size_t overhead() const { return box_.key == nullptr ? 0 : SealingKey::kOverheadBytes; }
  size_t part_bytes(Bytes part) const { return part.is_null() ? 0 : part.size() + overhead(); }
  size_t header_bytes(const Header& header) const {
    return header.name.size() + part_bytes(header.value) + kHeaderLengthsMax;
  }
  size_t sealed_bytes() const {
    size_t bytes = part_bytes(content_.key) + part_bytes(content_.value);
    for (const Header& header : headers_) bytes += header_bytes(header);
    return bytes;
  }

  const LetterBox& box_;
  const TopicLimits& limits_;
  FetchedRecord content_;
  std::vector<Header> headers_;
};

Status open_part(const SealingKey& key, std::string_view part, std::string_view position,
                 std::string& bytes) {
  Result<std::string> plain = key.open(Bytes(bytes), context_of(part, position));
  if (!plain.ok()) return plain.status();
  bytes = *std::move(plain);
  return {};
}

}  // namespace

void stage_dead_letter(const LetterBox& box, const LetterSubject& subject,
                       const RecordPosition& position, TaskId task, const Error& reason) {
  const std::string partition = std::to_string(position.partition);
  const std::string offset = std::to_string(position.offset);
  const std::string task_id = task.to_string();
  std::vector<Header> ours;
  const auto add = [&ours](Place place, Bytes value) { ours.push_back({kNames[place], value}); };
  add(kError, to_string(reason.code));
  add(kReason, reason.message);
  add(kTopic, position.topic);
  add(kPartition, partition);
  add(kOffset, offset);
  add(kTask, task_id);
  if (box.key != nullptr) add(kKey, box.key->id());

  LetterContent content(box, subject.record);
  std::string cut(subject.missing);
  if (!cut.empty()) add(kCut, Bytes(cut));
  if (!content.fits(record_bytes({}, {}, ours))) {
    ours[kReason].value = Bytes(std::string_view(reason.message).substr(0, kReasonBytesMax));
    if (cut.empty()) add(kCut, {});
    const std::string more = content.cut(record_bytes({}, {}, ours) + kCutTextBytesMax);
    cut = cut.empty() ? more : cut + "; " + more;
  }
  if (!cut.empty()) ours.back().value = Bytes(cut);
  const FetchedRecord& record = content.record();
  std::vector<Header> headers(record.headers.begin(), record.headers.end());
  std::optional<SealedParts> sealed;
  if (box.key != nullptr) {
    sealed.emplace(*box.key, record, position.to_string());
    for (size_t i = 0; i < headers.size(); ++i) headers[i].value = sealed->header(i);
  }
  headers.insert(headers.end(), ours.begin(), ours.end());
  box.collector.stage(box.topic, position.partition % box.topics[box.topic].partitions,
                      {.key = sealed ? sealed->key() : record.key,
                       .value = sealed ? sealed->value() : record.value,
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = headers});
}

std::optional<DeadLetter> read_dead_letter(const FetchedRecord& record) {
  // The last headers are ours: an original cannot pass for another.
  const std::span names(kNames);
  std::span<const Header> rest = record.headers;
  const auto take_last = [&rest](std::span<const std::string_view> expected) {
    std::span<const Header> found;
    if (!ends_with(rest, expected)) return found;
    found = rest.last(expected.size());
    rest = rest.first(rest.size() - expected.size());
    return found;
  };
  const auto cut = take_last(names.subspan(kCut, 1));
  const auto key = take_last(names.subspan(kKey, 1));
  const auto ours = take_last(names.first(kPlainHeaders));
  if (ours.empty()) return std::nullopt;
  DeadLetter letter{.error = ours[kError].value.to_string(),
                    .reason = ours[kReason].value.to_string(),
                    .topic = ours[kTopic].value.to_string(),
                    .task = ours[kTask].value.to_string(),
                    .key_id = key.empty() ? std::string() : key[0].value.to_string(),
                    .cut = cut.empty() ? std::string() : cut[0].value.to_string(),
                    .timestamp_ms = record.timestamp_ms,
                    .key = copy_of(record.key),
                    .value = copy_of(record.value)};
  if (!read_number(ours[kPartition].value.view(), letter.partition) ||
      !read_number(ours[kOffset].value.view(), letter.offset) || letter.partition < 0 ||
      letter.offset < 0) {
    return std::nullopt;
  }
  for (const Header& header : rest) {
    letter.headers.emplace_back(header.name, copy_of(header.value));
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
    if (value) MILLRACE_RETURN_IF_ERROR(open_part(*key, header_part(i, name), position, *value));
  }
  letter.key_id.clear();
  return {};
}

}  // namespace millrace::engine
