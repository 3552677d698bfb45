#include "crm/model/version.h"

#include <algorithm>
#include <tuple>

#include "millrace/core/serde.h"

#include "crm/model/encode.h"

namespace millrace::crm {
namespace {

auto clock_of(const VersionView& version) {
  return std::tuple(version.commit_timestamp_ms, version.sequence_number, version.transaction_key);
}

auto place_in_log(const VersionView& version) {
  return std::tuple(version.position, version.transaction_key, version.sequence_number,
                    version.commit_timestamp_ms);
}

}  // namespace

std::strong_ordering operator<=>(const VersionView& a, const VersionView& b) {
  if (a.log != b.log) return a.log <=> b.log;
  return a.log.empty() ? clock_of(a) <=> clock_of(b) : place_in_log(a) <=> place_in_log(b);
}

bool is_before_by_clock(VersionView a, VersionView b) {
  return std::tuple(clock_of(a), a.log.empty(), a.log) <
         std::tuple(clock_of(b), b.log.empty(), b.log);
}

bool is_before(VersionView a, VersionView b) {
  return a.log == b.log ? a < b : is_before_by_clock(a, b);
}

void LatestVersion::take(VersionView version) {
  if (!latest_ || (of_logs_.empty() && latest_->log == version.log)) {
    if (!latest_ || *latest_ < version) latest_ = version;
    return;
  }
  if (of_logs_.empty()) of_logs_.push_back(*latest_);
  const auto known = std::ranges::find(of_logs_, version.log, &VersionView::log);
  if (known == of_logs_.end()) {
    of_logs_.push_back(version);
  } else {
    *known = std::max(*known, version);
  }
  latest_ = *std::ranges::max_element(of_logs_, is_before_by_clock);
}

std::string bytes_of(VersionView version) {
  std::string bytes;
  std::string number;
  for (const int64_t part : {version.commit_timestamp_ms, version.sequence_number}) {
    number.clear();
    Serde<int64_t>::encode(part, number);
    bytes += number;
  }
  bytes.append(version.log).append(1, '\0').append(version.position).append(1, '\0');
  return bytes.append(version.transaction_key);
}

Status check_version(VersionView version) {
  const auto is_text = [](std::string_view text, size_t bytes_max) {
    return text.size() <= bytes_max && text.find('\0') == std::string_view::npos;
  };
  if (!is_text(version.log, kLogBytesMax) || !is_text(version.position, kPositionBytesMax)) {
    return Error{ErrorCode::kInvalidRecord,
                 "a version with a log or position that is too long or has a zero byte"};
  }
  if (version.log.empty() && !version.position.empty()) {
    return Error{ErrorCode::kInvalidRecord, "a version with a position, but no log"};
  }
  return {};
}

flatbuffers::Offset<Version> write_version(flatbuffers::FlatBufferBuilder& builder,
                                           VersionView version) {
  const auto transaction = write_text(builder, version.transaction_key);
  const auto log = version.log.empty() ? flatbuffers::Offset<flatbuffers::String>()
                                       : builder.CreateSharedString(version.log);
  const auto position = write_text(builder, version.position);
  return CreateVersion(builder, version.commit_timestamp_ms, version.sequence_number, transaction,
                       log, position);
}

}  // namespace millrace::crm
