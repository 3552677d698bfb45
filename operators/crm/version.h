#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "version_generated.h"

namespace millrace::crm {

/// A version that borrows its transaction key. Ordered as `version.fbs` says.
struct VersionView {
  int64_t commit_timestamp_ms = 0;
  int64_t sequence_number = 0;
  std::string_view transaction_key;

  friend auto operator<=>(const VersionView&, const VersionView&) = default;
};

/// A version that owns its transaction key.
struct OwnedVersion {
  int64_t commit_timestamp_ms = 0;
  int64_t sequence_number = 0;
  std::string transaction_key;

  OwnedVersion() = default;
  explicit OwnedVersion(VersionView v)
      : commit_timestamp_ms(v.commit_timestamp_ms),
        sequence_number(v.sequence_number),
        transaction_key(v.transaction_key) {}
  OwnedVersion(int64_t timestamp_ms, int64_t sequence, std::string transaction)
      : commit_timestamp_ms(timestamp_ms),
        sequence_number(sequence),
        transaction_key(std::move(transaction)) {}

  VersionView view() const { return {commit_timestamp_ms, sequence_number, transaction_key}; }
  friend auto operator<=>(const OwnedVersion&, const OwnedVersion&) = default;
};

/// Lives as long as the buffer of `version`.
inline VersionView view_of(const Version& version) {
  const flatbuffers::String* transaction = version.transaction_key();
  return {version.commit_timestamp_ms(), version.sequence_number(),
          transaction == nullptr ? std::string_view() : transaction->string_view()};
}

flatbuffers::Offset<Version> write_version(flatbuffers::FlatBufferBuilder& builder,
                                           VersionView version);

}  // namespace millrace::crm
