#include "engine/queries/watch_question.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

using CborJson = nlohmann::json;

CborJson to_binary(std::string_view bytes) {
  return CborJson::binary(std::vector<uint8_t>(bytes.begin(), bytes.end()));
}

std::string from_binary(const CborJson& value) {
  const auto& bytes = value.get_binary();
  return {bytes.begin(), bytes.end()};
}

std::string to_cbor_text(const CborJson& object) {
  const std::vector<uint8_t> bytes = CborJson::to_cbor(object);
  return {bytes.begin(), bytes.end()};
}

CborJson from_cbor_text(std::string_view bytes) {
  return CborJson::from_cbor(bytes.begin(), bytes.end(), true, false);
}

bool are_places_in(const std::vector<uint32_t>& places, size_t ranges) {
  return std::ranges::all_of(places, [ranges](uint32_t place) { return place < ranges; });
}

}  // namespace

std::string encode_watch(const WatchQuestion& question) {
  CborJson ranges = CborJson::array();
  for (const ChangeQuestion::Range& range : question.changes.ranges) {
    const WatchedRange& rows = range.rows;
    ranges.push_back({rows.task.sub_topology, rows.task.partition, rows.store, to_binary(rows.from),
                      rows.to ? to_binary(*rows.to) : CborJson(), range.after});
  }
  return to_cbor_text({{"origin", question.changes.origin},
                       {"wait_ms", question.wait_ms},
                       {"ranges", std::move(ranges)}});
}

Result<WatchQuestion> decode_watch(std::string_view bytes) {
  const Error invalid{ErrorCode::kInvalidArgument, "not a question for changes"};
  try {
    const CborJson object = from_cbor_text(bytes);
    WatchQuestion question;
    question.changes.origin = object.at("origin").get<std::string>();
    question.wait_ms = object.at("wait_ms").get<int64_t>();
    if (question.wait_ms < 0 || question.wait_ms > kWatchWaitMsMax) return invalid;
    for (const CborJson& range : object.at("ranges")) {
      const CborJson& to = range.at(4);
      question.changes.ranges.push_back(
          {.rows = {.task = {range.at(0).get<int32_t>(), range.at(1).get<int32_t>()},
                    .store = range.at(2).get<std::string>(),
                    .from = from_binary(range.at(3)),
                    .to = to.is_null() ? std::nullopt : std::optional(from_binary(to))},
           .after = range.at(5).get<int64_t>()});
    }
    return question;
  } catch (const CborJson::exception&) {
    return invalid;
  }
}

std::string encode_changes(const ChangeReply& reply) {
  return to_cbor_text({{"origin", reply.origin},
                       {"now", reply.now},
                       {"changed", reply.changed},
                       {"absent", reply.absent}});
}

Result<ChangeReply> decode_changes(std::string_view bytes, size_t ranges) {
  const Error invalid{ErrorCode::kInvalidRecord, "not an answer about changes"};
  try {
    const CborJson object = from_cbor_text(bytes);
    ChangeReply reply{.origin = object.at("origin").get<std::string>(),
                      .now = object.at("now").get<int64_t>(),
                      .changed = object.at("changed").get<std::vector<uint32_t>>(),
                      .absent = object.at("absent").get<std::vector<uint32_t>>()};
    if (!are_places_in(reply.changed, ranges) || !are_places_in(reply.absent, ranges)) {
      return invalid;
    }
    return reply;
  } catch (const CborJson::exception&) {
    return invalid;
  }
}

}  // namespace millrace::engine
