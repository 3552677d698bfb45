#pragma once

#include <string>
#include <string_view>

#include "millrace/core/processor.h"

#include "child_update_generated.h"
#include "crm/account_row.h"
#include "crm/encode.h"

namespace millrace::crm {

/// A child under an account.
struct ChildPlace {
  std::string_view account;
  ChildKind kind = ChildKind::Contact;
  std::string_view child;
};

/// Writes ChildUpdates; keeps its buffers from record to record.
class ChildWriter {
 public:
  /// An entry of `root`, which is empty on the way to the account. `since`: of the change that
  /// named the account. The view dies at the next call.
  Bytes entry(std::string_view root, const ChildPlace& place, const AccountRow& row,
              VersionView since) {
    builder_.Clear();
    const RowView view = read_row(row);
    const auto row_offset = write_row(builder_, view);
    const auto version = write_version(builder_, view.newest_version());
    return write(root, place, false, version, row_offset, write_version(builder_, since));
  }

  Bytes retraction(std::string_view root, const ChildPlace& place) {
    builder_.Clear();
    return write(root, place, true, {}, {}, {});
  }

 private:
  Bytes write(std::string_view root, const ChildPlace& place, bool retract,
              flatbuffers::Offset<Version> version, flatbuffers::Offset<AccountRow> row,
              flatbuffers::Offset<Version> since) {
    const auto root_offset = write_text(builder_, root);
    const auto account = builder_.CreateString(place.account);
    const auto child = builder_.CreateString(place.child);
    return finish_aligned(builder_, CreateChildUpdate(builder_, root_offset, account, place.kind,
                                                      child, retract, version, row, since));
  }

  flatbuffers::FlatBufferBuilder builder_;
};

/// Sends ChildUpdates from accounts to roots.
class EntrySender {
 public:
  explicit EntrySender(ProcessorContext& context) : context_(context) {}

  /// `entry` is an update of `root`, and no view into a store.
  void add(std::string_view root, Bytes entry, int64_t timestamp_ms) {
    key_.assign(root);
    context_.forward({.key = key_,
                      .value = entry,
                      .old_value = {},
                      .timestamp_ms = timestamp_ms,
                      .headers = {}});
  }
  void retract(std::string_view root, const ChildPlace& place, int64_t timestamp_ms) {
    add(root, writer_.retraction(root, place), timestamp_ms);
  }

 private:
  ProcessorContext& context_;
  ChildWriter writer_;
  std::string key_;
};

}  // namespace millrace::crm
