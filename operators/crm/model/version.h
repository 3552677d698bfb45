#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "version_generated.h"

namespace millrace::crm {

/// A version that borrows its texts. decode/order/DESIGN.md says what it is made of.
///
/// `<` is a total order. In one log it is the log's order; without a log it is that of the clock
/// (time, sequence number, transaction). Between logs it means nothing: ask `is_before`.
struct VersionView {
  int64_t commit_timestamp_ms = 0;
  int64_t sequence_number = 0;
  std::string_view transaction_key{};
  std::string_view log{};       ///< empty: no log, only the clock orders it
  std::string_view position{};  ///< in the log; empty without a log

  friend bool operator==(const VersionView&, const VersionView&) = default;
  friend std::strong_ordering operator<=>(const VersionView& a, const VersionView& b);
};

/// A version that owns its texts; in the same order.
struct OwnedVersion {
  int64_t commit_timestamp_ms = 0;
  int64_t sequence_number = 0;
  std::string transaction_key;
  std::string log;
  std::string position;

  OwnedVersion() = default;
  explicit OwnedVersion(VersionView v)
      : commit_timestamp_ms(v.commit_timestamp_ms),
        sequence_number(v.sequence_number),
        transaction_key(v.transaction_key),
        log(v.log),
        position(v.position) {}
  OwnedVersion(int64_t timestamp_ms, int64_t sequence, std::string transaction)
      : commit_timestamp_ms(timestamp_ms),
        sequence_number(sequence),
        transaction_key(std::move(transaction)) {}

  VersionView view() const {
    return {commit_timestamp_ms, sequence_number, transaction_key, log, position};
  }
  friend bool operator==(const OwnedVersion&, const OwnedVersion&) = default;
  friend std::strong_ordering operator<=>(const OwnedVersion& a, const OwnedVersion& b) {
    return a.view() <=> b.view();
  }
};

/// The order of the clock alone, whatever the logs: time, sequence number, transaction. Of equals
/// the one without a log is the later, then that of the higher name.
bool is_before_by_clock(VersionView a, VersionView b);

/// Whether `a` is older than `b`: by `<` within a log, by the clock between logs.
///
/// Good for two versions. It is not transitive for three of two logs, whose clock may step back, so
/// neither sort by it nor keep a maximum: `LatestVersion` and `sort_by_time` do that.
bool is_before(VersionView a, VersionView b);

/// The latest of a set of versions, whatever their order: the latest of each log by `<`, and of
/// these the latest by the clock.
class LatestVersion {
 public:
  void take(VersionView version);
  /// nullopt: none was taken.
  std::optional<VersionView> get() const { return latest_; }

 private:
  std::optional<VersionView> latest_;
  std::vector<VersionView> of_logs_;  ///< empty while there is one log
};

/// Bytes that are equal for equal versions only; a key may end with them.
std::string bytes_of(VersionView version);

inline constexpr size_t kLogBytesMax = 512;
inline constexpr size_t kPositionBytesMax = 512;

/// Error: `kInvalidRecord` when a version of somebody else has a position without a log, or one of
/// its texts is too long or has a zero byte.
Status check_version(VersionView version);

/// Lives as long as the buffer of `version`.
inline VersionView view_of(const Version& version) {
  const auto text = [](const flatbuffers::String* string) {
    return string == nullptr ? std::string_view() : string->string_view();
  };
  return {version.commit_timestamp_ms(), version.sequence_number(), text(version.transaction_key()),
          text(version.log()), text(version.position())};
}

flatbuffers::Offset<Version> write_version(flatbuffers::FlatBufferBuilder& builder,
                                           VersionView version);

}  // namespace millrace::crm
