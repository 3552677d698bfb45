#include "crm/entitlement/entitlement_row.h"

#include <optional>
#include <utility>
#include <vector>

#include "millrace/core/serde.h"

#include "crm/model/encode.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

std::optional<int64_t> known_start(const Interval& time) {
  return time.from_ms == kOpenStart ? std::nullopt : std::optional(time.from_ms);
}
std::optional<int64_t> known_end(const Interval& time) {
  return time.to_ms == kOpenEnd ? std::nullopt : std::optional(time.to_ms);
}

template <class Table>
Interval time_in(const Table& table) {
  return {table.from_ms().value_or(kOpenStart), table.to_ms().value_or(kOpenEnd)};
}

flatbuffers::Offset<EntitlementSegment> write_segment(flatbuffers::FlatBufferBuilder& builder,
                                                      const Segment& segment) {
  const auto text = write_text(builder, segment.text);
  return CreateEntitlementSegment(builder, known_start(segment.time), known_end(segment.time),
                                  segment.status, segment.amount, text);
}

flatbuffers::Offset<EntitlementShare> write_share(flatbuffers::FlatBufferBuilder& builder,
                                                  const Share& share) {
  const auto source = builder.CreateString(share.source);
  const auto via = builder.CreateString(share.via);
  return CreateEntitlementShare(builder, known_start(share.time), known_end(share.time),
                                share.status, share.amount, share.precedence, source, via);
}

}  // namespace

flatbuffers::Offset<FeatureEntitlement> write_entitlement(flatbuffers::FlatBufferBuilder& builder,
                                                          std::string_view root,
                                                          const Timeline& timeline,
                                                          uint64_t version, int64_t as_of_ms) {
  std::vector<flatbuffers::Offset<EntitlementSegment>> segments;
  segments.reserve(timeline.segments.size());
  for (const Segment& each : timeline.segments) segments.push_back(write_segment(builder, each));
  std::vector<flatbuffers::Offset<EntitlementShare>> shares;
  shares.reserve(timeline.shares.size());
  for (const Share& each : timeline.shares) shares.push_back(write_share(builder, each));
  flatbuffers::Offset<EntitlementSegment> current;
  if (const Segment* segment = timeline.at(as_of_ms)) current = write_segment(builder, *segment);
  const auto root_text = builder.CreateString(root);
  const auto feature = builder.CreateString(timeline.feature);
  const auto all_segments = builder.CreateVector(segments);
  const auto all_shares = builder.CreateVector(shares);
  return CreateFeatureEntitlement(builder, root_text, feature, timeline.kind, current, all_segments,
                                  all_shares, timeline.next_change_after(as_of_ms), version,
                                  as_of_ms, timeline.uncovered);
}

Timeline read_timeline(const FeatureEntitlement& entitlement) {
  Timeline timeline{.feature = entitlement.feature()->string_view(),
                    .kind = entitlement.kind(),
                    .uncovered = entitlement.uncovered()};
  if (entitlement.segments() != nullptr) {
    for (const EntitlementSegment* each : *entitlement.segments()) {
      timeline.segments.push_back(
          {time_in(*each), each->status(), each->amount(), text_of(each->text())});
    }
  }
  if (entitlement.shares() != nullptr) {
    for (const EntitlementShare* each : *entitlement.shares()) {
      timeline.shares.push_back({.time = time_in(*each),
                                 .status = each->status(),
                                 .amount = each->amount(),
                                 .precedence = each->precedence(),
                                 .source = each->source()->string_view(),
                                 .via = each->via()->string_view()});
    }
  }
  return timeline;
}

Status check_entitlement(const FeatureEntitlement& entitlement) {
  const auto is_known = [](auto kind) {
    return kind >= decltype(kind)::MIN && kind <= decltype(kind)::MAX;
  };
  bool fits = is_known(entitlement.kind());
  if (entitlement.segments() != nullptr) {
    for (const EntitlementSegment* each : *entitlement.segments()) {
      fits = fits && is_known(each->status());
    }
  }
  if (entitlement.shares() != nullptr) {
    for (const EntitlementShare* each : *entitlement.shares()) {
      fits = fits && is_known(each->status()) && is_known(each->precedence());
    }
  }
  if (fits) return {};
  return Error{ErrorCode::kInvalidRecord,
               "an entitlement of a kind that this version does not know"};
}

Status validate_entitlement_input(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<EntitlementInput>::validate(bytes));
  const EntitlementInput& input = Serde<EntitlementInput>::view(bytes);
  const auto invalid = [](std::string message) {
    return Error{ErrorCode::kInvalidRecord, std::move(message)};
  };
  if (!is_internal_id(input.root()->string_view())) return invalid("the root is not source:id");
  if (input.kind() == EntitlementInputKind::TimeZone) return {};
  if (!is_internal_id(text_of(input.via())))
    return invalid("the id of the source's parent is not source:id");
  if (!is_internal_id(text_of(input.id()))) return invalid("the source's id is not source:id");
  if (input.kind() == EntitlementInputKind::RetractedSource) return {};
  if (input.kind() != EntitlementInputKind::Source) return invalid("unknown kind of input");
  if (input.row() == nullptr) return invalid("a source without a row");
  if (input.row()->id()->string_view() != input.id()->string_view()) {
    return invalid("the row belongs to another source");
  }
  return check_source(*input.row());
}

}  // namespace millrace::crm
