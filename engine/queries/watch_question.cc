#include "engine/queries/watch_question.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/queries/cbor.h"

namespace millrace::engine {
namespace {

using CborJson = nlohmann::json;

std::vector<uint32_t> places_in(const CborJson& list) {
  std::vector<uint32_t> places;
  for (const CborJson& place : list) places.push_back(cbor::number_in<uint32_t>(place, 0));
  return places;
}

bool are_places_in(const std::vector<uint32_t>& places, size_t ranges) {
  return std::ranges::all_of(places, [ranges](uint32_t place) { return place < ranges; });
}

}  // namespace

std::string encode_watch(const WatchQuestion& question) {
  CborJson ranges = CborJson::array();
  for (const ChangeQuestion::Range& range : question.changes.ranges) {
    const WatchedRange& rows = range.rows;
    ranges.push_back({rows.task.sub_topology, rows.task.partition, rows.store,
                      cbor::binary(rows.from), rows.to ? cbor::binary(*rows.to) : CborJson(),
                      range.after});
  }
  return cbor::to_text({{"origin", question.changes.origin},
                        {"wait_ms", question.wait_ms},
                        {"ranges", std::move(ranges)}});
}

Result<WatchQuestion> decode_watch(std::string_view bytes) {
  const Error invalid{ErrorCode::kInvalidArgument, "not a question for changes"};
  try {
    const CborJson object = cbor::parse(bytes);
    WatchQuestion question;
    question.changes.origin = object.at("origin").get<std::string>();
    question.wait_ms = cbor::number_in<int64_t>(object.at("wait_ms"), 0);
    if (question.wait_ms > kWatchWaitMsMax) return invalid;
    for (const CborJson& range : object.at("ranges")) {
      const CborJson& to = range.at(4);
      question.changes.ranges.push_back(
          {.rows = {.task = cbor::task_in(range.at(0), range.at(1)),
                    .store = range.at(2).get<std::string>(),
                    .from = cbor::bytes_in(range.at(3)),
                    .to = to.is_null() ? std::nullopt : std::optional(cbor::bytes_in(to))},
           .after = cbor::number_in<int64_t>(range.at(5), INT64_MIN)});
    }
    return question;
  } catch (const std::exception&) {
    return invalid;
  }
}

std::string encode_changes(const ChangeReply& reply) {
  return cbor::to_text({{"origin", reply.origin},
                        {"now", reply.now},
                        {"changed", reply.changed},
                        {"absent", reply.absent}});
}

Result<ChangeReply> decode_changes(std::string_view bytes, size_t ranges) {
  const Error invalid{ErrorCode::kInvalidRecord, "not an answer about changes"};
  try {
    const CborJson object = cbor::parse(bytes);
    ChangeReply reply{.origin = object.at("origin").get<std::string>(),
                      .now = cbor::number_in<int64_t>(object.at("now"), INT64_MIN),
                      .changed = places_in(object.at("changed")),
                      .absent = places_in(object.at("absent"))};
    if (!are_places_in(reply.changed, ranges) || !are_places_in(reply.absent, ranges)) {
      return invalid;
    }
    return reply;
  } catch (const std::exception&) {
    return invalid;
  }
}

}  // namespace millrace::engine
